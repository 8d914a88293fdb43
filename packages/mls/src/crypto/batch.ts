/**
 * Batches: many encapsulations or signatures at once, shared with threads where the backend has them.
 * Layer: crypto.
 */
import { EMPTY, systemRandom } from '@famichat/base'
import { MlsError } from '../errors.js'
import type { Encapsulated, MaybePromise } from './backend.js'
import type { CipherSuite } from './cipher-suite.js'
import { decodeEncapsulateResult, decodeVerifyResult, encodeEncapsulateJob, encodeVerifyJob } from './jobs.js'

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
  // threads draw from the machine: what is drawn from a seed does not depend on them
  const shared = random !== systemRandom ? undefined
    : threads?.share(publicKeys.length, () => publicKeys.map((publicKey) => encodeEncapsulateJob(suite.id, publicKey)), ENCAPSULATE_RESULT_BYTES)
  if (shared === undefined) return { encapsulated: (index) => kem.encapsulate(publicKeys[index] ?? EMPTY, random), end: () => undefined }
  return {
    encapsulated: (index) => {
      const found = decodeEncapsulateResult(shared.result(index), suite.hashLength)
      if (found === undefined) throw new MlsError('mls.crypto.bad_public_key')
      return found
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
    return jobs.map((_, index) => decodeVerifyResult(shared.result(index)))
  } finally {
    shared.end()
  }
}
