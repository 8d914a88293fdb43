/**
 * One step of a sender ratchet (RFC 9420 §9.1).
 * Layer: schedule.
 */
import { Secret } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { deriveTreeSecret } from '../crypto/labels.js'

/** The key and nonce of one message. */
export interface MessageKey {
  readonly generation: number
  readonly key: Secret
  readonly nonce: Secret
}

/** A ratchet that stands before `generation`. */
export interface Ratchet {
  readonly generation: number
  readonly secret: Secret
}

export interface RatchetStep {
  readonly messageKey: MessageKey
  /** The secret of the next generation. */
  readonly next: Secret
}

/** Derives a generation's key and nonce and the next secret; the given secret stays the caller's to wipe. */
export const stepRatchet = (suite: CipherSuite, secret: Secret, generation: number): RatchetStep => ({
  messageKey: {
    generation,
    key: deriveTreeSecret(suite, secret, 'key', generation, suite.aead.keyLength),
    nonce: deriveTreeSecret(suite, secret, 'nonce', generation, suite.aead.nonceLength),
  },
  next: deriveTreeSecret(suite, secret, 'secret', generation, suite.hashLength),
})

/** The ratchet's nonce with the reuse guard over its first four bytes (§6.3.1). */
export const guardedNonce = (nonce: Secret, reuseGuard: Uint8Array): Secret => {
  const guarded = nonce.expose().slice()
  for (let i = 0; i < 4; i++) guarded[i] = (guarded[i] ?? 0) ^ (reuseGuard[i] ?? 0)
  return new Secret(guarded)
}
