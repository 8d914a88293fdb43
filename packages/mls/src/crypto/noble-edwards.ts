/**
 * X25519, X448, Ed25519 and Ed448 in plain JavaScript, by noble: for platforms that lack them.
 * Layer: crypto. Big integers are not constant time; where the platform has the curve, its own code is used.
 */
import { ed25519, x25519 } from '@noble/curves/ed25519.js'
import { ed448, x448 } from '@noble/curves/ed448.js'
import { bytesToNumberLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { concat, equal, Secret } from '@famichat/base'
import { CURVE_BYTES, SIGNATURE_KEY_BYTES } from './algorithm-sizes.js'
import type { Curve, SignatureScheme } from './backend.js'
import { isReducedScalar, isStrictPoint } from './edwards-strictness.js'
import { guarded } from './guarded.js'

const MONTGOMERY = { x25519, x448 } as const
const EDWARDS = { ed25519, ed448 } as const

/** A Diffie-Hellman group of RFC 7748. */
export const nobleMontgomeryCurve = (name: 'x25519' | 'x448'): Curve => ({
  name,
  privateKeyLength: CURVE_BYTES[name],
  publicKeyLength: CURVE_BYTES[name],
  publicKeyOf: (privateKey) => guarded('mls.crypto.bad_private_key', () => MONTGOMERY[name].getPublicKey(privateKey.expose())),
  // noble refuses points of low order, whose result would be all zero (RFC 9180 §7.1.4)
  agree: (privateKey, publicKey) => guarded('mls.crypto.bad_public_key', () =>
    new Secret(MONTGOMERY[name].getSharedSecret(privateKey.expose(), publicKey))),
})

/** A signature algorithm of RFC 8032. */
export const nobleEdwardsSignature = (name: 'ed25519' | 'ed448'): SignatureScheme => {
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
