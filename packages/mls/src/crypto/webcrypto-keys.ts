/**
 * Keys of WebCrypto from and to the raw form MLS uses. Private keys go in as PKCS#8, the one format that needs no
 * public half, and where a browser wants the public half of a NIST key all the same, as JWK.
 * Layer: crypto.
 */
import type { webcrypto } from 'node:crypto'
import { concat, fromBase64url, invariant, present, Secret, toBase64url } from '@famichat/base'
import { check, MlsError } from '../errors.js'
import { CURVE_BYTES, isNist, isUncompressedPoint, type NistName, SIGNATURE_KEY_BYTES } from './algorithm-sizes.js'
import { isStrictPoint } from './edwards-strictness.js'
import { fullNistScalar } from './nist-scalar.js'

type SubtleCrypto = webcrypto.SubtleCrypto
type CryptoKey = webcrypto.CryptoKey

/** What WebCrypto knows: a curve for one use. */
export type PlatformKeyType =
  | { readonly use: 'agree'; readonly name: 'x25519' | NistName }
  | { readonly use: 'sign'; readonly name: 'ed25519' | NistName }

const NIST_NAMES = { p256: 'P-256', p384: 'P-384', p521: 'P-521' } as const
const EC_PUBLIC_KEY = [0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01] as const
/** AlgorithmIdentifier contents: RFC 8410 §3, RFC 5480 §2.1.1. */
const OBJECT_IDS = {
  x25519: [0x06, 0x03, 0x2b, 0x65, 0x6e],
  ed25519: [0x06, 0x03, 0x2b, 0x65, 0x70],
  p256: [...EC_PUBLIC_KEY, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
  p384: [...EC_PUBLIC_KEY, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
  p521: [...EC_PUBLIC_KEY, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
} as const
const SEQUENCE = 0x30
const OCTET_STRING = 0x04
const VERSION_0 = Uint8Array.of(0x02, 0x01, 0)
const VERSION_1 = Uint8Array.of(0x02, 0x01, 1)

/** The algorithm as WebCrypto's import and generate calls name it. */
export const importAlgorithm = ({ use, name }: PlatformKeyType): { readonly name: string; readonly namedCurve?: string } => {
  if (name === 'x25519') return { name: 'X25519' }
  if (name === 'ed25519') return { name: 'Ed25519' }
  return { name: use === 'agree' ? 'ECDH' : 'ECDSA', namedCurve: NIST_NAMES[name] }
}

/** A private key from its raw form. @throws MlsError `mls.crypto.bad_private_key` */
export const importPrivateKey = async (subtle: SubtleCrypto, type: PlatformKeyType, raw: Uint8Array): Promise<CryptoKey> => {
  const { name } = type
  const length = name === 'ed25519' ? SIGNATURE_KEY_BYTES[name] : CURVE_BYTES[name]
  const key = isNist(name) ? fullNistScalar(name, raw) : raw
  check(key.length === length, 'mls.crypto.bad_private_key')
  const usages: KeyUsages = type.use === 'agree' ? ['deriveBits'] : ['sign']
  const pkcs8 = toPkcs8(name, key)
  try {
    return await subtle.importKey('pkcs8', pkcs8, importAlgorithm(type), true, usages)
  } catch (error) {
    if (!isNist(name)) throw new MlsError('mls.crypto.bad_private_key', {}, { cause: error })
    // not `raw`: its owner may have wiped it meanwhile
    return await subtle.importKey('jwk', await toJwk(name, pkcs8.subarray(-length)), importAlgorithm(type), true, usages)
  } finally {
    pkcs8.fill(0)
  }
}

/** A public key from its raw form. @throws MlsError `mls.crypto.bad_public_key` */
export const importPublicKey = async (subtle: SubtleCrypto, type: PlatformKeyType, raw: Uint8Array): Promise<CryptoKey> => {
  if (!isWellFormed(type, raw)) throw new MlsError('mls.crypto.bad_public_key')
  try {
    return await subtle.importKey('raw', raw, importAlgorithm(type), true, type.use === 'sign' ? ['verify'] : [])
  } catch (error) {
    throw new MlsError('mls.crypto.bad_public_key', {}, { cause: error })
  }
}

/** The raw public half of an extractable private key. */
export const rawPublicKeyOf = async (subtle: SubtleCrypto, { name }: PlatformKeyType, privateKey: CryptoKey): Promise<Uint8Array> => {
  const { x, y } = await subtle.exportKey('jwk', privateKey)
  const first = fromBase64url(present(x, 'a JWK of these curves has x'))
  return isNist(name) ? concat(Uint8Array.of(4), first, fromBase64url(present(y, 'a NIST JWK has y'))) : first
}

type KeyUsages = webcrypto.KeyUsage[]

const isWellFormed = ({ name }: PlatformKeyType, raw: Uint8Array): boolean => {
  if (isNist(name)) return isUncompressedPoint(name, raw)
  return name === 'ed25519' ? isStrictPoint(name, raw) : raw.length === CURVE_BYTES[name]
}

/** OneAsymmetricKey (RFC 8410 §7), with ECPrivateKey inside for the NIST curves (RFC 5915); the key itself comes last. */
const toPkcs8 = (name: keyof typeof OBJECT_IDS, raw: Uint8Array): Uint8Array => {
  const octets = element(OCTET_STRING, raw)
  const key = isNist(name) ? element(SEQUENCE, VERSION_1, octets) : octets
  const wrapped = element(OCTET_STRING, key)
  const whole = element(SEQUENCE, VERSION_0, element(SEQUENCE, Uint8Array.from(OBJECT_IDS[name])), wrapped)
  for (const copy of [octets, key, wrapped]) copy.fill(0)
  return whole
}

const toJwk = async (name: NistName, scalar: Uint8Array): Promise<webcrypto.JsonWebKey> => {
  const { nobleNistCurve } = await import('./noble-nist.js')
  const length = CURVE_BYTES[name]
  const publicKey = await nobleNistCurve(name).publicKeyOf(new Secret(scalar))
  const [x, y] = [publicKey.subarray(1, 1 + length), publicKey.subarray(1 + length)].map(toBase64url)
  return { kty: 'EC', crv: NIST_NAMES[name], d: toBase64url(scalar), x: present(x, 'a point has x'), y: present(y, 'a point has y') }
}

/** DER with a one-octet length. */
const element = (tag: number, ...contents: readonly Uint8Array[]): Uint8Array => {
  const content = concat(...contents)
  invariant(content.length < 0x80, 'a wrapped key is shorter than 128 bytes')
  const encoded = concat(Uint8Array.of(tag, content.length), content)
  content.fill(0)
  return encoded
}
