/**
 * X-Wing as an HPKE KEM (draft-connolly-cfrg-xwing-kem-10 §5.6), by @noble/post-quantum. Experimental.
 * draft-ietf-hpke-pq derives key pairs from other bytes under the same KEM id: a group has to agree on one of the two.
 */
import { Secret } from '@famichat/base'
import { shake256 } from '@noble/hashes/sha3.js'
import { ml_kem768_x25519 } from '@noble/post-quantum/hybrid.js'
import type { Kem } from './backend.js'
import { MlsError } from '../errors.js'

/** IANA HPKE KEM identifier of X-Wing. */
export const XWING_KEM_ID = 0x647a

const SEED_BYTES = 32
const PUBLIC_KEY_BYTES = 1216
const ENCAPSULATION_SEED_BYTES = 64

/** A private key is its 32-byte seed; both component keys are expanded from it at each use. */
export const xWing: Kem = {
  publicKeyLength: PUBLIC_KEY_BYTES,

  isPublicKey: (publicKey) => {
    if (publicKey.length !== PUBLIC_KEY_BYTES) return false
    try {
      // ML-KEM's encapsulation key check (FIPS 203 §7.2), and a DH result that is not all zero
      ml_kem768_x25519.encapsulate(publicKey, new Uint8Array(ENCAPSULATION_SEED_BYTES))
      return true
    } catch {
      return false
    }
  },

  // DeriveKeyPair(ikm) = GenerateKeyPairDerand(SHAKE256(ikm, 32))
  deriveKeyPair: (ikm) => {
    const seed = shake256(ikm.expose(), { dkLen: SEED_BYTES })
    const { publicKey } = ml_kem768_x25519.keygen(seed)
    return { publicKey, privateKey: new Secret(seed) }
  },

  // noble refuses other lengths itself
  encapsulate: (publicKey, random) => {
    const seed = random(ENCAPSULATION_SEED_BYTES)
    try {
      const { cipherText, sharedSecret } = ml_kem768_x25519.encapsulate(publicKey, seed)
      return { kemOutput: cipherText, sharedSecret: new Secret(sharedSecret) }
    } catch (error) {
      throw new MlsError('mls.crypto.bad_public_key', {}, { cause: error })
    } finally {
      seed.fill(0)
    }
  },

  decapsulate: (kemOutput, { privateKey }) => {
    try {
      return new Secret(ml_kem768_x25519.decapsulate(kemOutput, privateKey.expose()))
    } catch (error) {
      throw new MlsError('mls.crypto.open_failed', {}, { cause: error })
    }
  },
}
