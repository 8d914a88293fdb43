/**
 * The third person: somebody who was in no conversation and has only node:crypto, a public key, bytes and a signature.
 */
import { createPublicKey, verify } from 'node:crypto'
import { toBase64url } from '@famichat/base'
import type { AuthorshipReport } from './contender.js'

/** What a receiver can hand on after reading; Ed25519. */
export interface VerifiedSignature {
  readonly publicKey: Uint8Array
  /** What was signed. */
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** True when an Ed25519 signature verifies with node:crypto alone. */
export const verifiesAlone = ({ publicKey, message, signature }: VerifiedSignature): boolean =>
  verify(null, message, createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x: toBase64url(publicKey) } }), signature)

/** What a signature by a member's lasting key proves about `text`. */
export const judge = (signed: VerifiedSignature, text: Uint8Array): AuthorshipReport => {
  const holdsText = Buffer.from(signed.message).includes(Buffer.from(text))
  if (!holdsText || !verifiesAlone(signed)) return { signedBy: 'nobody', how: 'what the receiver verified does not hold the text' }
  return {
    signedBy: 'lasting key',
    how: `the receiver passes on ${signed.message.length} signed bytes, which hold the text, and ${signed.signature.length} bytes of signature; node:crypto alone verifies them with the key of the sender's leaf`,
  }
}
