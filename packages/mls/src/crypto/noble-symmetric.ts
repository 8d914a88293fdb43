/**
 * Hash, HMAC and AEAD from noble: synchronous, and in browsers several times faster than awaiting WebCrypto.
 * Layer: crypto.
 */
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

/** ChaCha20-Poly1305 (RFC 8439), which the default suite has. */
export const nobleChaCha = (): Aead => nobleAead('chacha20poly1305', chacha20poly1305)

/** An AEAD of noble's. */
export const nobleAead = (name: AeadName, cipher: NobleCipher): Aead => ({
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
})

type NobleCipher = (key: Uint8Array, nonce: Uint8Array, aad: Uint8Array) => {
  encrypt(plaintext: Uint8Array): Uint8Array
  decrypt(ciphertext: Uint8Array): Uint8Array
}
