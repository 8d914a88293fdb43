/**
 * Every primitive in plain JavaScript, by noble: for platforms that have neither node:crypto nor WebCrypto.
 * Layer: crypto. Curves cost 12-50 times what the platform's do.
 */
import type { CryptoBackend } from './backend.js'
import { nobleCurve, nobleSignature } from './noble-curves.js'
import { nobleAead, nobleHash } from './noble-symmetric.js'

/** The backend that needs nothing but the language. */
export const nobleBackend: CryptoBackend = {
  name: 'noble',
  hash: nobleHash,
  aead: nobleAead,
  curve: nobleCurve,
  signature: nobleSignature,
}
