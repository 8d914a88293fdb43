/**
 * Sizes of the algorithms in bytes: what a backend must say before it has computed anything.
 * Layer: crypto.
 */
import type { AeadName, CurveName, HashName, SignatureName } from './backend.js'

/** Output lengths (Nh). */
export const HASH_BYTES: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48, sha512: 64 }

/** Key lengths (Nk); every nonce has 12 bytes and every tag 16. */
export const AEAD_KEY_BYTES: Readonly<Record<AeadName, number>> = { aes128gcm: 16, aes256gcm: 32, chacha20poly1305: 32 }
export const NONCE_BYTES = 12
export const TAG_BYTES = 16

/** Lengths of serialized private keys (Nsk) and of one coordinate. */
export const CURVE_BYTES: Readonly<Record<CurveName, number>> = { x25519: 32, x448: 56, p256: 32, p384: 48, p521: 66 }

/** Lengths of serialized private signature keys. */
export const SIGNATURE_KEY_BYTES: Readonly<Record<SignatureName, number>> = { ed25519: 32, ed448: 57, p256: 32, p384: 48, p521: 66 }

/** The curves whose keys are points with two coordinates. */
export type NistName = 'p256' | 'p384' | 'p521'

/** True for the NIST curves, as a curve or as a signature algorithm. */
export const isNist = (name: CurveName | SignatureName): name is NistName => name.startsWith('p')

/** Length of a serialized public key (Npk): both coordinates behind an octet that says so, or one. */
export const publicKeyBytes = (name: CurveName): number => (isNist(name) ? 2 * CURVE_BYTES[name] + 1 : CURVE_BYTES[name])

/** True for the one form of a NIST public key that MLS knows: uncompressed (RFC 9420 §5.1.1). */
export const isUncompressedPoint = (name: NistName, publicKey: Uint8Array): boolean =>
  publicKey.length === publicKeyBytes(name) && publicKey[0] === 4
