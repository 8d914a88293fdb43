/**
 * Key agreement and signatures by WebCrypto, behind the same contract as every backend.
 * Layer: crypto. Imported keys are kept for reuse: an import costs as much as the operation itself.
 */
import type { webcrypto } from 'node:crypto'
import { Secret } from '@famichat/base'
import { MlsError } from '../errors.js'
import { CURVE_BYTES, isNist, type NistName, publicKeyBytes, SIGNATURE_KEY_BYTES } from './algorithm-sizes.js'
import type { Curve, SignatureScheme } from './backend.js'
import { ecdsaFromDer, ecdsaToDer } from './ecdsa-der.js'
import { isReducedScalar } from './edwards-strictness.js'
import { PrivateKeyCache, PublicKeyCache } from './key-cache.js'
import { drawNistScalar } from './nist-scalar.js'
import { importAlgorithm, importPrivateKey, importPublicKey, type PlatformKeyType, rawPublicKeyOf } from './webcrypto-keys.js'

type SubtleCrypto = webcrypto.SubtleCrypto
type CryptoKey = webcrypto.CryptoKey
type SignatureParameters = webcrypto.AlgorithmIdentifier | webcrypto.EcdsaParams

/** The hash each signature curve is used with (RFC 9420 §5.1.2). */
const ECDSA_HASHES: Readonly<Record<NistName, string>> = { p256: 'SHA-256', p384: 'SHA-384', p521: 'SHA-512' }

/** A Diffie-Hellman group of WebCrypto. */
export const webCryptoCurve = (subtle: SubtleCrypto, name: 'x25519' | NistName): Curve => {
  const keys = makeKeyStore(subtle, { use: 'agree', name })
  return {
    name,
    privateKeyLength: CURVE_BYTES[name],
    publicKeyLength: publicKeyBytes(name),
    publicKeyOf: keys.publicKeyOf,
    agree: async (privateKey, publicKey) => {
      const [own, other] = await Promise.all([keys.privateKey(privateKey), keys.publicKey(publicKey)])
      return deriveSecret(subtle, { name: importAlgorithm({ use: 'agree', name }).name, public: other }, own)
    },
  }
}

/** A signature algorithm of WebCrypto. */
export const webCryptoSignature = (subtle: SubtleCrypto, name: 'ed25519' | NistName): SignatureScheme => {
  const keys = makeKeyStore(subtle, { use: 'sign', name })
  return {
    name,
    generateKeyPair: async (random) => {
      const privateKey = isNist(name) ? drawNistScalar(name, random) : new Secret(random(SIGNATURE_KEY_BYTES[name]))
      return { publicKey: await keys.publicKeyOf(privateKey), privateKey }
    },
    publicKeyOf: keys.publicKeyOf,
    sign: async (privateKey, _publicKey, message) => signWithPlatform(subtle, name, await keys.privateKey(privateKey), message),
    verify: async (publicKey, message, signature) => {
      const raw = isNist(name) ? ecdsaFromDer(signature, CURVE_BYTES[name]) : signature
      if (raw === undefined || (!isNist(name) && !isReducedScalar(name, raw.subarray(raw.length / 2)))) return false
      try {
        return await subtle.verify(signatureParameters(name), await keys.publicKey(publicKey), raw, message)
      } catch {
        return false
      }
    },
  }
}

/** A signature in MLS's form by a key of WebCrypto, extractable or not. */
export const signWithPlatform = async (
  subtle: SubtleCrypto, name: 'ed25519' | NistName, privateKey: CryptoKey, message: Uint8Array,
): Promise<Uint8Array> => {
  const signature = new Uint8Array(await subtle.sign(signatureParameters(name), privateKey, message))
  return isNist(name) ? ecdsaToDer(signature) : signature
}

const signatureParameters = (name: 'ed25519' | NistName): SignatureParameters =>
  isNist(name) ? { name: 'ECDSA', hash: ECDSA_HASHES[name] } : 'Ed25519'

const deriveSecret = async (subtle: SubtleCrypto, algorithm: webcrypto.EcdhKeyDeriveParams, own: CryptoKey): Promise<Secret> => {
  let shared: Uint8Array
  try {
    shared = new Uint8Array(await subtle.deriveBits(algorithm, own, null))
  } catch (error) {
    throw new MlsError('mls.crypto.bad_public_key', {}, { cause: error })
  }
  // RFC 9180 §7.1.4: an all-zero result must be refused; not every WebCrypto does
  if (shared.every((byte) => byte === 0)) throw new MlsError('mls.crypto.bad_public_key')
  return new Secret(shared)
}

interface KeyStore {
  readonly privateKey: (raw: Secret) => Promise<CryptoKey>
  readonly publicKey: (raw: Uint8Array) => Promise<CryptoKey>
  readonly publicKeyOf: (privateKey: Secret) => Promise<Uint8Array>
}

const makeKeyStore = (subtle: SubtleCrypto, type: PlatformKeyType): KeyStore => {
  const privateKeys = new PrivateKeyCache<Promise<CryptoKey>>()
  const publicKeys = new PublicKeyCache<Promise<CryptoKey>>()
  const privateKey = (raw: Secret): Promise<CryptoKey> => privateKeys.get(raw, (bytes) => importPrivateKey(subtle, type, bytes))
  return {
    privateKey,
    publicKey: (raw) => publicKeys.get(raw, (bytes) => importPublicKey(subtle, type, bytes)),
    publicKeyOf: async (raw) => rawPublicKeyOf(subtle, type, await privateKey(raw)),
  }
}
