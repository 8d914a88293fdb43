/**
 * Cipher suites (RFC 9420 §5.1, §17.1): the table, and the algorithms of one suite on one backend.
 * Layer: crypto.
 */
import type { RandomBytes } from '@famichat/base'
import { check } from '../errors.js'
import type { Aead, AeadName, CryptoBackend, CryptoThreads, CurveName, Hash, HashName, Kem, SignatureName, SignatureScheme } from './backend.js'
import { Dhkem } from './dhkem.js'
import { Hpke } from './hpke.js'

/** The suites of RFC 9420 by their registered names. */
export const CipherSuiteId = {
  MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519: 1,
  MLS_128_DHKEMP256_AES128GCM_SHA256_P256: 2,
  MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519: 3,
  MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448: 4,
  MLS_256_DHKEMP521_AES256GCM_SHA512_P521: 5,
  MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448: 6,
  MLS_256_DHKEMP384_AES256GCM_SHA384_P384: 7,
} as const

/** Suite 3: the security of suite 1, and constant time in software everywhere (architecture, idea 6). */
export const DEFAULT_CIPHER_SUITE: number = CipherSuiteId.MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519

interface SuiteProfile {
  readonly curve: CurveName
  readonly hash: HashName
  readonly aead: AeadName
  readonly signature: SignatureName
}

const PROFILES: ReadonlyMap<number, SuiteProfile> = new Map<number, SuiteProfile>([
  [1, { curve: 'x25519', hash: 'sha256', aead: 'aes128gcm', signature: 'ed25519' }],
  [2, { curve: 'p256', hash: 'sha256', aead: 'aes128gcm', signature: 'p256' }],
  [3, { curve: 'x25519', hash: 'sha256', aead: 'chacha20poly1305', signature: 'ed25519' }],
  [4, { curve: 'x448', hash: 'sha512', aead: 'aes256gcm', signature: 'ed448' }],
  [5, { curve: 'p521', hash: 'sha512', aead: 'aes256gcm', signature: 'p521' }],
  [6, { curve: 'x448', hash: 'sha512', aead: 'chacha20poly1305', signature: 'ed448' }],
  [7, { curve: 'p384', hash: 'sha384', aead: 'aes256gcm', signature: 'p384' }],
])

const KDF_IDS: Readonly<Record<HashName, number>> = { sha256: 1, sha384: 2, sha512: 3 }
const AEAD_IDS: Readonly<Record<AeadName, number>> = { aes128gcm: 1, aes256gcm: 2, chacha20poly1305: 3 }

/** One suite's algorithms, ready to use. */
export interface CipherSuite {
  readonly id: number
  readonly hash: Hash
  readonly aead: Aead
  readonly hpke: Hpke
  readonly signature: SignatureScheme
  readonly random: RandomBytes
  readonly threads: CryptoThreads | undefined
  /** Length of every KDF output, hash and secret in bytes (KDF.Nh). */
  readonly hashLength: number
}

/** The ids of all suites this engine knows. */
export const supportedCipherSuites: readonly number[] = [...PROFILES.keys()]

/** Sets up a suite on a backend. @throws MlsError `mls.crypto.unsupported_suite` */
export const makeCipherSuite = (id: number, backend: CryptoBackend, random: RandomBytes): CipherSuite => {
  const extra = backend.extraSuites?.get(id)
  const profile = PROFILES.get(id) ?? extra
  check(profile !== undefined, 'mls.crypto.unsupported_suite', { suite: id })
  const hash = backend.hash(profile.hash)
  const aead = backend.aead(profile.aead)
  const { kem, kemId } = 'curve' in profile ? dhkemOf(backend, profile, hash) : profile
  const ids = { kem: kemId, kdf: KDF_IDS[profile.hash], aead: AEAD_IDS[profile.aead] }
  return {
    id,
    hash,
    aead,
    hpke: new Hpke(kem, ids, hash, aead),
    signature: backend.signature(profile.signature),
    random,
    // threads set up suites by their number, and know those of RFC 9420 only
    threads: 'curve' in profile ? backend.threads : undefined,
    hashLength: hash.outputLength,
  }
}

const dhkemOf = (backend: CryptoBackend, { curve }: SuiteProfile, hash: Hash): { readonly kem: Kem; readonly kemId: number } => {
  const kem = new Dhkem(backend.curve(curve), hash)
  return { kem, kemId: kem.id }
}
