/**
 * P-256, P-384 and P-521 in plain JavaScript, by noble: for platforms that lack them.
 * Layer: crypto. Big integers are not constant time; where the platform has the curve, its own code is used.
 */
import { p256, p384, p521 } from '@noble/curves/nist.js'
import { Secret } from '@famichat/base'
import { check } from '../errors.js'
import { CURVE_BYTES, isUncompressedPoint, type NistName, publicKeyBytes } from './algorithm-sizes.js'
import type { Curve, SignatureScheme } from './backend.js'
import { ecdsaFromDer, ecdsaToDer } from './ecdsa-der.js'
import { guarded } from './guarded.js'
import { drawNistScalar, fullNistScalar } from './nist-scalar.js'

const NIST = { p256, p384, p521 } as const
// MLS hashes the message with the hash of the curve's name (§5.1.2); both halves of the range of s are valid
const ECDSA = { prehash: true, lowS: false, format: 'compact' } as const

/** A Diffie-Hellman group. */
export const nobleNistCurve = (name: NistName): Curve => ({
  name,
  privateKeyLength: CURVE_BYTES[name],
  publicKeyLength: publicKeyBytes(name),
  publicKeyOf: (privateKey) => nistPublicKey(name, privateKey),
  agree: (privateKey, publicKey) => guarded('mls.crypto.bad_public_key', () => {
    check(isUncompressedPoint(name, publicKey), 'mls.crypto.bad_public_key')
    const point = NIST[name].getSharedSecret(fullNistScalar(name, privateKey.expose()), publicKey)
    const shared = new Secret(point.slice(1))
    point.fill(0)
    return shared
  }),
})

/** ECDSA. */
export const nobleNistSignature = (name: NistName): SignatureScheme => {
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
