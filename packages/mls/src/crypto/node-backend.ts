/**
 * The primitives of node:crypto. Key objects are imported as JWK (DER costs ten times more) and kept for reuse.
 * Layer: crypto.
 */
import { Buffer } from 'node:buffer'
import {
  createCipheriv, createDecipheriv, createECDH, createHmac, createPrivateKey, createPublicKey, diffieHellman, generateKeyPairSync, hash as oneShotHash,
  type CipherGCMTypes, type ECDH, type JsonWebKey, type KeyObject, sign, verify,
} from 'node:crypto'
import { present, Secret } from '@famichat/base'
import { MlsError } from '../errors.js'
import { isUncompressedPoint, TAG_BYTES } from './algorithm-sizes.js'
import type {
  Aead, AeadName, CryptoBackend, Curve, CurveName, Hash, HashName, KeyPair, SignatureName, SignatureScheme,
} from './backend.js'
import { isStrictPoint } from './edwards-strictness.js'
import { guarded } from './guarded.js'
import { makeJobRunner } from './jobs.js'
import { PrivateKeyCache, PublicKeyCache } from './key-cache.js'
import { fullNistScalar } from './nist-scalar.js'
import { makeNodeThreads } from './node-threads.js'

const HASH_BYTES: Readonly<Record<HashName, number>> = { sha256: 32, sha384: 48, sha512: 64 }
const AEADS: Readonly<Record<AeadName, { readonly cipher: string; readonly keyLength: number }>> = {
  aes128gcm: { cipher: 'aes-128-gcm', keyLength: 16 },
  aes256gcm: { cipher: 'aes-256-gcm', keyLength: 32 },
  chacha20poly1305: { cipher: 'chacha20-poly1305', keyLength: 32 },
}
const MONTGOMERY = { x25519: { crv: 'X25519', length: 32 }, x448: { crv: 'X448', length: 56 } } as const
const EDWARDS = { ed25519: { crv: 'Ed25519', length: 32 }, ed448: { crv: 'Ed448', length: 57 } } as const
const NIST = {
  p256: { ecdh: 'prime256v1', crv: 'P-256', length: 32, hash: 'sha256' },
  p384: { ecdh: 'secp384r1', crv: 'P-384', length: 48, hash: 'sha384' },
  p521: { ecdh: 'secp521r1', crv: 'P-521', length: 66, hash: 'sha512' },
} as const
type NistName = keyof typeof NIST

/** The primitives alone, in the calling thread. */
export const nodePrimitives: CryptoBackend = {
  name: 'node',
  hash: (name) => nodeHash(name),
  aead: (name) => nodeAead(name),
  curve: (name) => nodeCurve(name),
  signature: (name) => nodeSignature(name),
}

const threads = makeNodeThreads(makeJobRunner(nodePrimitives))

/** The backend for Node ≥ 20.19. Large batches are shared with threads, which start when first needed. */
export const nodeBackend: CryptoBackend = threads === undefined ? nodePrimitives : { ...nodePrimitives, threads }

const nodeHash = (name: HashName): Hash => {
  const outputLength = HASH_BYTES[name]
  return {
    name,
    outputLength,
    digest: (data) => {
      const digest = new Uint8Array(outputLength)
      // as text a hash comes in a third of the time of a Buffer, and leaves the collector nothing outside of its heap
      putLatin1(digest, oneShotHash(name, data, 'binary'))
      return digest
    },
    hmac: (key, data) => plain(createHmac(name, key).update(data).digest()),
  }
}

/** Writes a text of one character per byte. */
const putLatin1 = (into: Uint8Array, text: string): void => {
  for (let i = 0; i < text.length; i++) into[i] = text.charCodeAt(i)
}

const nodeAead = (name: AeadName): Aead => {
  const { cipher, keyLength } = AEADS[name]
  const gcm = cipher as CipherGCMTypes
  const options = { authTagLength: TAG_BYTES }
  return {
    name,
    keyLength,
    nonceLength: 12,
    seal: (key, nonce, aad, plaintext) => {
      const sealing = createCipheriv(gcm, key, nonce, options)
      if (aad.length > 0) sealing.setAAD(aad, { plaintextLength: plaintext.length })
      const output = new Uint8Array(plaintext.length + TAG_BYTES)
      output.set(sealing.update(plaintext))
      sealing.final()
      output.set(sealing.getAuthTag(), plaintext.length)
      return output
    },
    open: (key, nonce, aad, ciphertext) => {
      const length = ciphertext.length - TAG_BYTES
      if (length < 0) throw new MlsError('mls.crypto.open_failed')
      const opening = createDecipheriv(gcm, key, nonce, options)
      opening.setAuthTag(ciphertext.subarray(length))
      if (aad.length > 0) opening.setAAD(aad, { plaintextLength: length })
      const plaintext = plain(opening.update(ciphertext.subarray(0, length)))
      try {
        opening.final()
      } catch {
        plaintext.fill(0)
        throw new MlsError('mls.crypto.open_failed')
      }
      return plaintext
    },
  }
}

const nodeCurve = (name: CurveName): Curve => (name === 'x25519' || name === 'x448' ? montgomeryCurve(name) : nistCurve(name))

const montgomeryCurve = (name: 'x25519' | 'x448'): Curve => {
  const { crv, length } = MONTGOMERY[name]
  const privateKeys = new PrivateKeyCache<KeyObject>()
  const importPrivate = (key: Secret): KeyObject =>
    privateKeys.get(key, (bytes) => guarded('mls.crypto.bad_private_key', () => importRawPrivate(crv, bytes)))
  // not kept: a key agreed with is rarely met again, and keeping it costs more than importing it
  const importPublic = (bytes: Uint8Array): KeyObject => importRawPublic(crv, bytes)
  return {
    name,
    privateKeyLength: length,
    publicKeyLength: length,
    publicKeyOf: (privateKey) => rawPublic(importPrivate(privateKey)),
    agreeFresh: (publicKey) => guarded('mls.crypto.bad_public_key', () => {
      const fresh = freshKeyPair(name)
      const sharedSecret = new Secret(plain(diffieHellman({ privateKey: fresh.privateKey, publicKey: importPublic(publicKey) })))
      return { publicKey: rawX(fresh.publicKey), sharedSecret }
    }),
    // OpenSSL refuses an all-zero result, as RFC 9180 §7.1.4 asks
    agree: (privateKey, publicKey) => guarded('mls.crypto.bad_public_key', () =>
      new Secret(plain(diffieHellman({ privateKey: importPrivate(privateKey), publicKey: importPublic(publicKey) })))),
  }
}

const nistCurve = (name: NistName): Curve => {
  const { ecdh, length } = NIST[name]
  const agreeWith = (own: ECDH, publicKey: Uint8Array): Secret => {
    // OpenSSL also takes compressed and hybrid points
    if (!isUncompressedPoint(name, publicKey)) throw new MlsError('mls.crypto.bad_public_key')
    return new Secret(plain(own.computeSecret(publicKey)))
  }
  return {
    name,
    privateKeyLength: length,
    publicKeyLength: 2 * length + 1,
    publicKeyOf: (privateKey) => nistPublic(name, privateKey),
    agreeFresh: (publicKey) => guarded('mls.crypto.bad_public_key', () => {
      const own = createECDH(ecdh)
      return { publicKey: plain(own.generateKeys()), sharedSecret: agreeWith(own, publicKey) }
    }),
    agree: (privateKey, publicKey) => guarded('mls.crypto.bad_public_key', () => {
      const own = createECDH(ecdh)
      own.setPrivateKey(privateKey.expose())
      return agreeWith(own, publicKey)
    }),
  }
}

const nodeSignature = (name: SignatureName): SignatureScheme =>
  name === 'ed25519' || name === 'ed448' ? edwardsSignature(name) : nistSignature(name)

const edwardsSignature = (name: 'ed25519' | 'ed448'): SignatureScheme => {
  const { crv, length } = EDWARDS[name]
  const privateKeys = new PrivateKeyCache<KeyObject>()
  const publicKeys = new PublicKeyCache<KeyObject>()
  const importPrivate = (key: Secret): KeyObject =>
    privateKeys.get(key, (bytes) => guarded('mls.crypto.bad_private_key', () => importRawPrivate(crv, bytes)))
  const importPublic = (bytes: Uint8Array): KeyObject => {
    // OpenSSL also takes points of small order, with which one signature fits many messages
    if (!isStrictPoint(name, bytes)) throw new MlsError('mls.crypto.bad_public_key')
    return importRawPublic(crv, bytes)
  }
  const publicKeyOf = (privateKey: Secret): Uint8Array => rawPublic(importPrivate(privateKey))
  return {
    name,
    generateKeyPair: (random) => pairFrom(new Secret(random(length)), publicKeyOf),
    publicKeyOf,
    sign: (privateKey, _publicKey, message) => plain(sign(null, message, importPrivate(privateKey))),
    verify: (publicKey, message, signature) => {
      // of Ed448 OpenSSL compares commitments up to small order, so their encoding is checked here
      if (name === 'ed448' && !isStrictPoint(name, signature.subarray(0, length))) return false
      return verified(() => publicKeys.get(publicKey, importPublic), (key) => verify(null, message, key, signature))
    },
  }
}

const nistSignature = (name: NistName): SignatureScheme => {
  const { crv, hash, length } = NIST[name]
  const privateKeys = new PrivateKeyCache<KeyObject>()
  const publicKeys = new PublicKeyCache<KeyObject>()
  const coordinates = (publicKey: Uint8Array): JsonWebKey => ({
    kty: 'EC', crv, x: base64url(publicKey.subarray(1, 1 + length)), y: base64url(publicKey.subarray(1 + length)),
  })
  const importPublic = (bytes: Uint8Array): KeyObject => {
    // only the uncompressed form (RFC 9420 §5.1.1)
    if (bytes.length !== 2 * length + 1 || bytes[0] !== 4) throw new MlsError('mls.crypto.bad_public_key')
    return createPublicKey({ format: 'jwk', key: coordinates(bytes) })
  }
  const publicKeyOf = (privateKey: Secret): Uint8Array => nistPublic(name, privateKey)
  return {
    name,
    generateKeyPair: (random) => {
      for (;;) {
        const candidate = new Secret(random(length))
        const bytes = candidate.expose()
        if (name === 'p521') bytes[0] = (bytes[0] ?? 0) & 1
        try {
          return pairFrom(candidate, publicKeyOf)
        } catch {
          candidate.wipe()
        }
      }
    },
    publicKeyOf,
    sign: (privateKey, publicKey, message) => {
      const key = privateKeys.get(privateKey, (bytes) => guarded('mls.crypto.bad_private_key', () =>
        createPrivateKey({ format: 'jwk', key: { ...coordinates(publicKey), d: base64url(bytes) } })))
      return plain(sign(hash, message, key))
    },
    verify: (publicKey, message, signature) =>
      verified(() => publicKeys.get(publicKey, importPublic), (key) => verify(hash, message, key, signature)),
  }
}

const pairFrom = (privateKey: Secret, publicKeyOf: (privateKey: Secret) => Uint8Array): KeyPair =>
  ({ publicKey: publicKeyOf(privateKey), privateKey })

const nistPublic = (name: NistName, privateKey: Secret): Uint8Array => guarded('mls.crypto.bad_private_key', () => {
  const own = createECDH(NIST[name].ecdh)
  own.setPrivateKey(fullNistScalar(name, privateKey.expose()))
  return plain(own.getPublicKey())
})

/** Node takes the private half from `d` alone; `x` must be there but is not read. A key of another length is refused by Node. */
const importRawPrivate = (crv: string, bytes: Uint8Array): KeyObject =>
  createPrivateKey({ format: 'jwk', key: { kty: 'OKP', crv, x: '', d: base64url(bytes) } })

const importRawPublic = (crv: string, bytes: Uint8Array): KeyObject =>
  createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv, x: base64url(bytes) } })

/** The public half of a private key, raw. */
const rawPublic = (privateKey: KeyObject): Uint8Array => rawX(createPublicKey(privateKey).export({ format: 'jwk' }))

const rawX = ({ x }: JsonWebKey): Uint8Array => new Uint8Array(Buffer.from(present(x, 'an OKP key has x'), 'base64url'))

/**
 * A key pair whose public half is exported as it is made. Exporting it later can stop the process for ever: the export holds
 * the key's lock, and when it runs out of memory the collector frees the finished generation, which wants the same lock
 * (Node 20, ~KeyPairGenConfig).
 */
const freshKeyPair = (name: 'x25519' | 'x448'): { readonly publicKey: JsonWebKey; readonly privateKey: KeyObject } => {
  const generate = generateKeyPairSync as unknown as
    (type: string, options: { readonly publicKeyEncoding: { readonly format: 'jwk' } }) => { publicKey: JsonWebKey; privateKey: KeyObject }
  return generate(name, { publicKeyEncoding: { format: 'jwk' } })
}

const verified = (key: () => KeyObject, run: (key: KeyObject) => boolean): boolean => {
  try {
    return run(key())
  } catch {
    return false
  }
}

const base64url = (bytes: Uint8Array): string => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64url')

/** Node's Buffer prints its bytes and slices without copying: the engine hands out plain arrays. */
const plain = (buffer: Buffer): Uint8Array => new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length)

