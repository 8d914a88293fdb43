/**
 * The floor: what the primitives alone cost in node:crypto, in this process, now.
 */
import {
  createCipheriv, createDecipheriv, createHmac, createPublicKey, diffieHellman, generateKeyPairSync, type JsonWebKey, type KeyObject, randomBytes, sign, verify,
} from 'node:crypto'

const key = randomBytes(32)
const aesKey = key.subarray(0, 16)
const nonce = randomBytes(12)
const aad = randomBytes(60)
const expand = (): void => { createHmac('sha256', key).update(nonce).digest() }
const seal = (plaintext: Uint8Array): Buffer => {
  const cipher = createCipheriv('aes-128-gcm', aesKey, nonce)
  cipher.setAAD(aad)
  return Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()])
}
const open = (ciphertext: Uint8Array): void => {
  const decipher = createDecipheriv('aes-128-gcm', aesKey, nonce)
  decipher.setAAD(aad)
  decipher.setAuthTag(ciphertext.subarray(-16))
  decipher.update(ciphertext.subarray(0, -16))
  decipher.final()
}
const times = (count: number, work: () => void): void => { for (let i = 0; i < count; i++) work() }

const signing = generateKeyPairSync('ed25519')
const message = randomBytes(300)
const signature = sign(null, message, signing.privateKey)
const recipient = generateKeyPairSync('x25519')
const plaintext = randomBytes(190)
const senderData = randomBytes(12)
const pathSecret = randomBytes(32)
const sealedContent = seal(plaintext)
const sealedSenderData = seal(senderData)
const sealedPath = seal(pathSecret)

/** Exported as it is made: see the engine's freshKeyPair. */
const freshKeyPair = generateKeyPairSync as unknown as
  (type: 'x25519', options: { readonly publicKeyEncoding: { readonly format: 'jwk' } }) => { publicKey: JsonWebKey; privateKey: KeyObject }
const generateX25519 = (): ReturnType<typeof freshKeyPair> => freshKeyPair('x25519', { publicKeyEncoding: { format: 'jwk' } })
const enc = generateX25519().publicKey

/** HPKE's KDF calls in a single-shot seal or open: 2 for the KEM, 4 for the key schedule. */
const HPKE_KDF_CALLS = 6

/** Each piece of work as the primitives it consists of (suite 1). */
export const floor = {
  /** 3 expansions of the ratchet, 2 of the sender data, 2 AEAD calls, 1 signature. */
  send: (): void => {
    times(5, expand)
    seal(plaintext)
    seal(senderData)
    sign(null, message, signing.privateKey)
  },
  receive: (): void => {
    times(5, expand)
    open(sealedContent)
    open(sealedSenderData)
    verify(null, message, signing.publicKey, signature)
  },
  hpkeSeal: (): void => {
    const fresh = generateX25519()
    diffieHellman({ privateKey: fresh.privateKey, publicKey: recipient.publicKey })
    times(HPKE_KDF_CALLS, expand)
    seal(pathSecret)
  },
  /** As {@link floor.hpkeSeal} with key objects throughout: the fresh public key is one too, and exported in its usual form. */
  hpkeSealOfKeyObjects: (): void => {
    const fresh = generateKeyPairSync('x25519')
    fresh.publicKey.export({ type: 'spki', format: 'der' })
    diffieHellman({ privateKey: fresh.privateKey, publicKey: recipient.publicKey })
    times(HPKE_KDF_CALLS, expand)
    seal(pathSecret)
  },
  hpkeOpen: (): void => {
    diffieHellman({ privateKey: recipient.privateKey, publicKey: createPublicKey({ format: 'jwk', key: enc }) })
    times(HPKE_KDF_CALLS, expand)
    open(sealedPath)
  },
  sign: (): void => { sign(null, message, signing.privateKey) },
  verify: (): void => { verify(null, message, signing.publicKey, signature) },
} as const

/** Some work again and again. */
export const repeated = (count: number, work: () => void): (() => void) => () => { times(count, work) }
