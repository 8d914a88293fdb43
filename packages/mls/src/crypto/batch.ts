/**
 * Batches: many seals or many signatures at once, shared with threads where the backend has them.
 * Layer: crypto.
 */
import { EMPTY, present, type Secret, systemRandom } from '@famichat/base'
import { MlsError } from '../errors.js'
import type { KeyPair } from './backend.js'
import type { CipherSuite } from './cipher-suite.js'
import type { Sealed } from './hpke.js'
import { decodeDeriveResult, decodeSealResult, decodeVerifyResult, encodeDeriveJob, encodeSealJob, encodeVerifyJob } from './jobs.js'

/** One plaintext for one recipient. */
export interface SealJob {
  readonly publicKey: Uint8Array
  readonly plaintext: Secret
}

/** One signature over one message. */
export interface VerifyJob {
  readonly publicKey: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** Room for what a seal adds to its plaintext, whatever the suite. */
const SEAL_OVERHEAD_BYTES = 2048
/** Room for a key pair, whatever the suite. */
const KEY_PAIR_BYTES = 8192

/** Seals every plaintext in one HPKE context. @throws MlsError `mls.crypto.bad_public_key` */
export const sealAll = async (suite: CipherSuite, context: Uint8Array, jobs: readonly SealJob[]): Promise<readonly Sealed[]> => {
  const { hpke, random, threads } = suite
  if (threads?.helpWith(jobs.length) !== true) {
    return Promise.all(jobs.map(({ publicKey, plaintext }) => hpke.seal(publicKey, context, plaintext.expose(), random)))
  }
  const encoded = jobs.map(({ publicKey, plaintext }) =>
    encodeSealJob(suite.id, { context, publicKey, seed: random === systemRandom ? EMPTY : random(hpke.kem.seedLength), plaintext: plaintext.expose() }))
  const longest = jobs.reduce((max, { plaintext }) => Math.max(max, plaintext.length), 0)
  try {
    const results = await threads.run(encoded, longest + SEAL_OVERHEAD_BYTES)
    return results.map((result) => {
      const sealed = decodeSealResult(result)
      if (sealed === undefined) throw new MlsError('mls.crypto.bad_public_key')
      return sealed
    })
  } finally {
    for (const job of encoded) job.fill(0)
  }
}

/** DeriveKeyPair of every secret, which the caller wipes. */
export const deriveAllKeyPairs = async (suite: CipherSuite, ikms: readonly Secret[]): Promise<readonly KeyPair[]> => {
  const { hpke: { kem }, threads } = suite
  if (threads?.helpWith(ikms.length) !== true) return Promise.all(ikms.map(async (ikm) => kem.deriveKeyPair(ikm)))
  const encoded = ikms.map((ikm) => encodeDeriveJob(suite.id, ikm))
  try {
    const results = await threads.run(encoded, KEY_PAIR_BYTES)
    return results.map((result) => {
      const pair = decodeDeriveResult(result)
      // the private key has a Secret of its own; the public one must not keep the result's bytes alive
      const publicKey = pair.publicKey.slice()
      result.fill(0)
      return { ...pair, publicKey }
    })
  } finally {
    for (const job of encoded) job.fill(0)
  }
}

/** Verifies every signature; the answers are in the order of the jobs. */
export const verifyAll = async (suite: CipherSuite, jobs: readonly VerifyJob[]): Promise<readonly boolean[]> => {
  const { signature: scheme, threads } = suite
  if (threads?.helpWith(jobs.length) !== true) {
    return Promise.all(jobs.map(async ({ publicKey, message, signature }) => scheme.verify(publicKey, message, signature)))
  }
  const results = await threads.run(jobs.map((job) => encodeVerifyJob(suite.id, job)), 1)
  return jobs.map((_, index) => decodeVerifyResult(present(results[index], 'each job has a result')))
}
