/**
 * Jobs: cryptographic work as bytes in and bytes out, so that a thread that shares nothing else can do it.
 * Layer: crypto. The bytes of jobs and results are secret: whoever moves them wipes them.
 */
import { CodedError, concat, decode, EMPTY, encode, fixed, opaque, Secret, systemRandom, uint16, uint8, variant } from '@famichat/base'
import type { CryptoBackend, Encapsulated } from './backend.js'
import { type CipherSuite, makeCipherSuite } from './cipher-suite.js'
import { atOnce } from './maybe-promise.js'

const JobKind = { encapsulate: 1, verify: 2 } as const

const Job = variant('kind', uint8, {
  [JobKind.encapsulate]: { suite: uint16, publicKey: opaque() },
  [JobKind.verify]: { suite: uint16, publicKey: opaque(), message: opaque(), signature: opaque() },
})
const VerifyResult = fixed(1)

/** Encap of a suite's KEM with the machine's own randomness. */
export const encodeEncapsulateJob = (suite: number, publicKey: Uint8Array): Uint8Array =>
  encode(Job, { kind: JobKind.encapsulate, suite, publicKey })

/** Undefined when the recipient's key was refused; the shared secret has the length of the suite's hashes. Owns the result. */
export const decodeEncapsulateResult = (result: Uint8Array, secretLength: number): Encapsulated | undefined => {
  if (result.length === 0) return undefined
  const at = result.length - secretLength
  return { kemOutput: result.subarray(0, at), sharedSecret: new Secret(result.subarray(at)) }
}

export const encodeVerifyJob = (suite: number, job: {
  readonly publicKey: Uint8Array; readonly message: Uint8Array; readonly signature: Uint8Array
}): Uint8Array => encode(Job, { kind: JobKind.verify, suite, ...job })

export const decodeVerifyResult = (result: Uint8Array): boolean => decode(VerifyResult, result)[0] === 1

/** Something that does jobs on a synchronous backend; it keeps the suites it has set up. */
export const makeJobRunner = (backend: CryptoBackend): ((job: Uint8Array) => Uint8Array) => {
  const suites = new Map<number, CipherSuite>()
  const suiteOf = (id: number): CipherSuite => {
    let suite = suites.get(id)
    if (suite === undefined) suites.set(id, suite = makeCipherSuite(id, backend, systemRandom))
    return suite
  }
  return (bytes) => {
    const job = decode(Job, bytes)
    const suite = suiteOf(job.suite)
    if (job.kind === JobKind.verify) {
      return Uint8Array.of(atOnce(suite.signature.verify(job.publicKey, job.message, job.signature)) ? 1 : 0)
    }
    try {
      const { kemOutput, sharedSecret } = atOnce(suite.hpke.kem.encapsulate(job.publicKey, systemRandom))
      const result = concat(kemOutput, sharedSecret.expose())
      sharedSecret.wipe()
      return result
    } catch (error) {
      if (error instanceof CodedError) return EMPTY
      throw error
    }
  }
}
