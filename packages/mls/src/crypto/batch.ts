/**
 * Batches: many encapsulations or signatures at once, shared with threads where the backend has them.
 * Layer: crypto.
 */
import { EMPTY, systemRandom } from '@famichat/base'
import { MlsError } from '../errors.js'
import type { Encapsulated, MaybePromise, SharedJobs } from './backend.js'
import type { CipherSuite } from './cipher-suite.js'
import { decodeVerifyResult, encodeEncapsulateJob, encodeVerifyJob, takeEncapsulateResult } from './jobs.js'

/** Encapsulations under way: begun before their results are needed. */
export interface BegunEncapsulations {
  /** To the recipient at `index`: each once, in their order. @throws MlsError `mls.crypto.bad_public_key` */
  encapsulated(index: number): MaybePromise<Encapsulated>
  /** Must be called; what nobody asked for is wiped. */
  end(): void
}

/** One signature over one message. */
export interface VerifyJob {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Room for an encapsulation, of whatever suite threads know: points of P-521 are the longest. */
const ENCAPSULATE_RESULT_BYTES = 256

/** Begins to encapsulate to each of the keys, in other threads if that pays; else it is done as it is asked for. */
export const beginEncapsulations = (suite: CipherSuite, publicKeys: readonly Uint8Array[]): BegunEncapsulations => {
  const { hpke: { kem }, random, threads } = suite
  // drawn now, so that what is drawn from a seed does not depend on threads
  const seeds = random === systemRandom ? [] : publicKeys.map(() => random(kem.seedLength))
  const seedOf = (index: number): Uint8Array => seeds[index] ?? EMPTY
  const shared = threads?.share(
    publicKeys.length, () => publicKeys.map((publicKey, index) => encodeEncapsulateJob(suite.id, publicKey, seedOf(index))), ENCAPSULATE_RESULT_BYTES,
  )
  if (shared !== undefined) return sharedEncapsulations(shared, suite.hashLength)
  return {
    encapsulated: async (index) => {
      const publicKey = publicKeys[index] ?? EMPTY
      return kem.encapsulate(publicKey, seeds.length === 0 ? random : () => seedOf(index))
    },
    end: () => { for (const seed of seeds) seed.fill(0) },
  }
}

const sharedEncapsulations = (shared: SharedJobs, secretLength: number): BegunEncapsulations => {
  const taken = (result: Uint8Array): Encapsulated => {
    const found = takeEncapsulateResult(result, secretLength)
    if (found === undefined) throw new MlsError('mls.crypto.bad_public_key')
    return found
  }
  return {
    encapsulated: (index) => {
      const result = shared.result(index)
      return result instanceof Promise ? result.then(taken) : taken(result)
    },
    end: () => { shared.end() },
  }
}

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
