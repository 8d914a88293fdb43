/**
 * Hash, HMAC and AEAD from noble: synchronous, and in browsers several times faster than awaiting WebCrypto.
 * Layer: crypto.
 */
import { gcm } from '@noble/ciphers/aes.js'
import { chacha20poly1305 } from '@noble/ciphers/chacha.js'
import { hmac } from '@noble/hashes/hmac.js'
import { sha256, sha384, sha512 } from '@noble/hashes/sha2.js'
import { MlsError } from '../errors.js'
import { AEAD_KEY_BYTES, HASH_BYTES, NONCE_BYTES } from './algorithm-sizes.js'
import type { Aead, AeadName, Hash, HashName } from './backend.js'

const HASHES = { sha256, sha384, sha512 } as const

/** SHA-2 and its HMAC. */
export const nobleHash = (name: HashName): Hash => {
  const hash = HASHES[name]
  return {
    name,
    outputLength: HASH_BYTES[name],
    digest: (data) => hash(data),
    hmac: (key, data) => hmac(hash, key, data),
  }
}

/** AES-GCM and ChaCha20-Poly1305. */
export const nobleAead = (name: AeadName): Aead => {
  const cipher = name === 'chacha20poly1305' ? chacha20poly1305 : gcm
  return {
    name,
    keyLength: AEAD_KEY_BYTES[name],
    nonceLength: NONCE_BYTES,
    seal: (key, nonce, aad, plaintext) => cipher(key, nonce, aad).encrypt(plaintext),
    open: (key, nonce, aad, ciphertext) => {
      try {
        return cipher(key, nonce, aad).decrypt(ciphertext)
      } catch {
        throw new MlsError('mls.crypto.open_failed')
      }
    },
  }
}
