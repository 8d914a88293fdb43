/**
 * Key agreement and signatures in plain JavaScript, by noble: for platforms that lack a curve.
 * Layer: crypto. Big integers are not constant time; where the platform has the curve, its own code is used.
 */
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { ed448, x448 } from '@noble/curves/ed448.js'
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concat, equal, Secret } from '@famichat/base'
import { MlsError } from '../errors.js'
import { CURVE_BYTES, isNist, isUncompressedPoint, type NistName, publicKeyBytes, SIGNATURE_KEY_BYTES } from './algorithm-sizes.js'
import type { Curve, CurveName, SignatureName, SignatureScheme } from './backend.js'
import { ecdsaFromDer, ecdsaToDer } from './ecdsa-der.js'
import { isReducedScalar, isStrictPoint } from './edwards-strictness.js'
import { drawNistScalar, fullNistScalar } from './nist-scalar.js'

const NIST = { p256, p384, p521 } as const
const MONTGOMERY = { x25519, x448 } as const
const EDWARDS = { ed25519, ed448 } as const
// MLS hashes the message with the hash of the curve's name (§5.1.2); both halves of the range of s are valid
const ECDSA = { prehash: true, lowS: false, format: 'compact' } as const

/** A Diffie-Hellman group. */
export const nobleCurve = (name: CurveName): Curve => ({
  name,
  privateKeyLength: CURVE_BYTES[name],
  publicKeyLength: publicKeyBytes(name),
  ...(isNist(name) ? nistAgreement(name) : montgomeryAgreement(name)),
})

/** A signature algorithm. */
export const nobleSignature = (name: SignatureName): SignatureScheme =>
  isNist(name) ? nistSignature(name) : edwardsSignature(name)

type Agreement = Pick<Curve, 'publicKeyOf' | 'agree'>

const montgomeryAgreement = (name: 'x25519' | 'x448'): Agreement => ({
  publicKeyOf: (privateKey) => guarded('mls.crypto.bad_private_key', () => MONTGOMERY[name].getPublicKey(privateKey.expose())),
  // noble refuses points of low order, whose result would be all zero (RFC 9180 §7.1.4)
  agree: (privateKey, publicKey) => guarded('mls.crypto.bad_public_key', () =>
    new Secret(MONTGOMERY[name].getSharedSecret(privateKey.expose(), publicKey))),
})

const nistAgreement = (name: NistName): Agreement => ({
  publicKeyOf: (privateKey) => nistPublicKey(name, privateKey),
  agree: (privateKey, publicKey) => guarded('mls.crypto.bad_public_key', () => {
    if (!isUncompressedPoint(name, publicKey)) throw new MlsError('mls.crypto.bad_public_key')
    const point = NIST[name].getSharedSecret(fullNistScalar(name, privateKey.expose()), publicKey)
    const shared = new Secret(point.slice(1))
    point.fill(0)
    return shared
  }),
})

const edwardsSignature = (name: 'ed25519' | 'ed448'): SignatureScheme => {
  const curve = EDWARDS[name]
  const publicKeyOf = (privateKey: Secret): Uint8Array =>
    guarded('mls.crypto.bad_private_key', () => curve.getPublicKey(privateKey.expose()))
  return {
    name,
    generateKeyPair: (random) => {
      const privateKey = new Secret(random(SIGNATURE_KEY_BYTES[name]))
      return { publicKey: publicKeyOf(privateKey), privateKey }
    },
    publicKeyOf,
    sign: (privateKey, _publicKey, message) => curve.sign(message, privateKey.expose()),
    verify: (publicKey, message, signature) => {
      const half = signature.length / 2
      if (!isStrictPoint(name, publicKey) || !isReducedScalar(name, signature.subarray(half))) return false
      try {
        return name === 'ed25519' ? verifyEd25519(publicKey, message, signature) : verifyEd448(publicKey, message, signature)
      } catch {
        return false
      }
    },
  }
}

/** R = S·B − k·A, compared as bytes: the equation without cofactor, as OpenSSL and the browsers check it. */
const verifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  const { Point } = ed25519
  const commitment = signature.subarray(0, 32)
  const challenge = Point.Fn.create(bytesToNumberLE(sha512(concat(commitment, publicKey, message))))
  const response = bytesToNumberLE(signature.subarray(32))
  const expected = Point.BASE.multiplyUnsafe(response).subtract(Point.fromBytes(publicKey).multiplyUnsafe(challenge))
  return equal(expected.toBytes(), commitment)
}

/** With cofactor, as OpenSSL does; so the commitment's encoding is checked on its own. */
const verifyEd448 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean =>
  isStrictPoint('ed448', signature.subarray(0, 57)) && ed448.verify(signature, message, publicKey, { zip215: false })

const nistSignature = (name: NistName): SignatureScheme => {
  const publicKeyOf = (privateKey: Secret): Uint8Array => nistPublicKey(name, privateKey)
  return {
    name,
    generateKeyPair: (random) => {
      const privateKey = drawNistScalar(name, random)
      return { publicKey: publicKeyOf(privateKey), privateKey }
    },
    publicKeyOf,
    sign: (privateKey, _publicKey, message) => ecdsaToDer(NIST[name].sign(message, fullNistScalar(name, privateKey.expose()), ECDSA)),
    verify: (publicKey, message, signature) => {
      const fixed = ecdsaFromDer(signature, CURVE_BYTES[name])
      if (fixed === undefined || !isUncompressedPoint(name, publicKey)) return false
      try {
        return NIST[name].verify(fixed, message, publicKey, ECDSA)
      } catch {
        return false
      }
    },
  }
}

const nistPublicKey = (name: NistName, privateKey: Secret): Uint8Array =>
  guarded('mls.crypto.bad_private_key', () => NIST[name].getPublicKey(fullNistScalar(name, privateKey.expose()), false))

const guarded = <T>(code: 'mls.crypto.bad_private_key' | 'mls.crypto.bad_public_key', run: () => T): T => {
  try {
    return run()
  } catch (error) {
    throw new MlsError(code, {}, { cause: error })
  }
}
