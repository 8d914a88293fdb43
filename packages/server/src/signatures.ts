/**
 * The server's little cryptography: Ed25519 verification, SHA-256, HMAC. It holds no key of any user.
 */
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'
import { toBase64url } from '@famichat/base'

/** Verifies Ed25519; false for a malformed key or signature as well. */
export const verifyEd25519 = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => {
  try {
    const key = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: toBase64url(publicKey) }, format: 'jwk' })
    return verify(null, message, key, signature)
  } catch {
    return false
  }
}

/** SHA-256; 32 bytes. */
export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

/** HMAC-SHA-256; 32 bytes. */
export const hmacSha256 = (key: Uint8Array, bytes: Uint8Array): Uint8Array => createHmac('sha256', key).update(bytes).digest()
