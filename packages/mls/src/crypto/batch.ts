/**
 * Batches: many key pairs, encapsulations or signatures at once, shared with threads where the backend has them.
 * Layer: crypto.
 */
import { EMPTY, type Secret, systemRandom } from '@famichat/base'
import { MlsError } from '../errors.js'
import type { Encapsulated, KeyPair, SharedJobs } from './backend.js'
import type { CipherSuite } from './cipher-suite.js'
import {
  decodeDeriveResult, decodeEncapsulateResult, decodeVerifyResult, encodeDeriveJob, encodeEncapsulateJob, encodeVerifyJob,
} from './jobs.js'

/** What a commit needs that depends on nothing else: key pairs of its path, and encapsulations to whom it is sealed. */
export interface KeyWork {
  /** DeriveKeyPair's input, first to be worked out. */
  readonly ikms: readonly Secret[]
  /** Encap's recipients. */
  readonly publicKeys: readonly Uint8Array[]
}

/** Key work under way: begun before its results are needed. Asked for in order, key pairs first. */
export interface BegunKeyWork {
  keyPairs(): Promise<readonly KeyPair[]>
  /** Of the recipient at `index`, each once. @throws MlsError `mls.crypto.bad_public_key` */
  encapsulated(index: number): Promise<Encapsulated>
  /** Must be called; what nobody asked for is wiped. */
  end(): void
}

/** One signature over one message. */
export interface VerifyJob {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Room for a key pair or an encapsulation, of whatever suite threads know: points of P-521 are the longest. */
const KEY_RESULT_BYTES = 256

/** Begins key work, in other threads if that pays; else it is done as it is asked for. */
export const beginKeyWork = (suite: CipherSuite, { ikms, publicKeys }: KeyWork): BegunKeyWork => {
  const { hpke: { kem }, random, threads } = suite
  // drawn now, so that what is drawn from a seed does not depend on threads
  const seeds = random === systemRandom ? [] : publicKeys.map(() => random(kem.seedLength))
  const seedOf = (index: number): Uint8Array => seeds[index] ?? EMPTY
  const shared = threads?.share(ikms.length + publicKeys.length, () => [
    ...ikms.map((ikm) => encodeDeriveJob(suite.id, ikm)),
    ...publicKeys.map((publicKey, index) => encodeEncapsulateJob(suite.id, publicKey, seedOf(index))),
  ], KEY_RESULT_BYTES)
  if (shared !== undefined) return sharedKeyWork(shared, ikms.length)
  return {
    keyPairs: () => Promise.all(ikms.map(async (ikm) => kem.deriveKeyPair(ikm))),
    encapsulated: async (index) => {
      const publicKey = publicKeys[index] ?? EMPTY
      return kem.encapsulate(publicKey, seeds.length === 0 ? random : () => seedOf(index))
    },
    end: () => { for (const seed of seeds) seed.fill(0) },
  }
}

const sharedKeyWork = (shared: SharedJobs, pairs: number): BegunKeyWork => ({
  keyPairs: async () => {
    const found: KeyPair[] = []
    for (let index = 0; index < pairs; index++) {
      const result = await shared.result(index)
      const { publicKey, privateKey } = decodeDeriveResult(result)
      // the private key has a Secret of its own; the public one must not keep the result's bytes alive
      found.push({ publicKey: publicKey.slice(), privateKey })
      result.fill(0)
    }
    return found
  },
  encapsulated: async (index) => {
    const result = await shared.result(pairs + index)
    const found = decodeEncapsulateResult(result)
    if (found === undefined) throw new MlsError('mls.crypto.bad_public_key')
    const { kemOutput, sharedSecret } = found
    result.fill(0, kemOutput.byteOffset + kemOutput.length)
    return { kemOutput, sharedSecret }
  },
  end: () => { shared.end() },
})

/** Verifies every signature; the answers are in the order of the jobs. */
export const verifyAll = async (suite: CipherSuite, jobs: readonly VerifyJob[]): Promise<readonly boolean[]> => {
  const { signature: scheme, threads } = suite
  const shared = threads?.share(jobs.length, () => jobs.map((job) => encodeVerifyJob(suite.id, job)), 1)
  if (shared === undefined) return Promise.all(jobs.map(async ({ publicKey, message, signature }) => scheme.verify(publicKey, message, signature)))
  try {
    const answers: boolean[] = []
    for (let index = 0; index < jobs.length; index++) answers.push(decodeVerifyResult(await shared.result(index)))
    return answers
  } finally {
    shared.end()
  }
}
