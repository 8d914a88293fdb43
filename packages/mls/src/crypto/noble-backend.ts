/**
 * Every primitive in plain JavaScript, by noble: for platforms that have neither node:crypto nor WebCrypto.
 * Layer: crypto. Curves cost 12-50 times what the platform's do.
 */
import { isNist } from './algorithm-sizes.js'
import type { CryptoBackend } from './backend.js'
import { nobleEdwardsSignature, nobleMontgomeryCurve } from './noble-edwards.js'
import { nobleNistCurve, nobleNistSignature } from './noble-nist.js'
import { nobleGcm } from './noble-gcm.js'
import { nobleChaCha, nobleHash } from './noble-symmetric.js'

/** The backend that needs nothing but the language. */
export const nobleBackend: CryptoBackend = {
  name: 'noble',
  hash: nobleHash,
  aead: (name) => (name === 'chacha20poly1305' ? nobleChaCha() : nobleGcm(name)),
  curve: (name) => (isNist(name) ? nobleNistCurve(name) : nobleMontgomeryCurve(name)),
  signature: (name) => (isNist(name) ? nobleNistSignature(name) : nobleEdwardsSignature(name)),
}
