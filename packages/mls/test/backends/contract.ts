/**
 * What every CryptoBackend does: one list, run against each of them, in Node and in a browser page.
 */
import { concat, EMPTY, fromHex, Secret, utf8 } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import type { AeadName, CryptoBackend, CurveName, SignatureName } from '../../dist/crypto/backend.js'
import { Dhkem } from '../../dist/crypto/dhkem.js'
import { claim, claimBytes, claimRefusal } from './claim.js'
import { brokenSignatures } from './broken-signatures.js'
import { edwardsForgeries } from './edwards-forgeries.js'
import { aeadAnswers, agreementAnswers, ecdsaAnswers, edwardsAnswers, hashAnswers, kemAnswers } from './known-answers.js'
import { wrongPublicKeys } from './wrong-public-keys.js'

export const CURVES: readonly CurveName[] = ['x25519', 'x448', 'p256', 'p384', 'p521']
export const SIGNATURES: readonly SignatureName[] = ['ed25519', 'ed448', 'p256', 'p384', 'p521']
export const AEADS: readonly AeadName[] = ['aes128gcm', 'aes256gcm', 'chacha20poly1305']

/** One promise of the contract: a sentence, and what proves it. */
export interface Clause {
  readonly sentence: string
  readonly holds: (backend: CryptoBackend) => void | Promise<void>
}

/** A private key of a curve, the same for the same seed. */
export const privateKeyOf = async (backend: CryptoBackend, name: CurveName, seed = 1): Promise<Secret> => {
  const kem = new Dhkem(backend.curve(name), backend.hash('sha512'))
  return (await kem.deriveKeyPair(new Secret(insecureSeededRandom(seed)(64)))).privateKey
}

export const contract: readonly Clause[] = [
  { sentence: 'SHA-2 and HMAC give the published answers', holds: hashAnswers },
  { sentence: 'AES-GCM and ChaCha20-Poly1305 give the published answers', holds: aeadAnswers },
  { sentence: 'X25519 and X448 give the answers of RFC 7748', holds: agreementAnswers },
  { sentence: 'Ed25519 and Ed448 give the answers of RFC 8032', holds: edwardsAnswers },
  { sentence: 'ECDSA verifies the answer of RFC 6979', holds: ecdsaAnswers },
  { sentence: 'DeriveKeyPair, Encap and Decap give the answers of RFC 9180', holds: kemAnswers },
  ...AEADS.map((name): Clause => ({
    sentence: `${name}: a changed, cut or lengthened ciphertext does not open, nor does another key, nonce or aad`,
    holds: async (backend) => {
      const aead = backend.aead(name)
      const [key, nonce] = [new Uint8Array(aead.keyLength).fill(1), new Uint8Array(aead.nonceLength).fill(2)]
      const aad = utf8('bound')
      for (const plaintext of [EMPTY, utf8('x'), new Uint8Array(1000).fill(3)]) {
        const sealed = aead.seal(key, nonce, aad, plaintext)
        claim(sealed.length === plaintext.length + 16, 'the tag has 16 bytes')
        claimBytes(aead.open(key, nonce, aad, sealed), plaintext, 'round trip')
        const hostile = [
          flipped(sealed, 0), flipped(sealed, sealed.length - 1), sealed.subarray(0, -1), concat(sealed, Uint8Array.of(0)), EMPTY, new Uint8Array(15),
        ]
        for (const [index, ciphertext] of hostile.entries()) {
          await claimRefusal('mls.crypto.open_failed', () => aead.open(key, nonce, aad, ciphertext), `ciphertext ${index.toString()}`)
        }
        await claimRefusal('mls.crypto.open_failed', () => aead.open(flipped(key, 0), nonce, aad, sealed), 'another key')
        await claimRefusal('mls.crypto.open_failed', () => aead.open(key, flipped(nonce, 0), aad, sealed), 'another nonce')
        await claimRefusal('mls.crypto.open_failed', () => aead.open(key, nonce, EMPTY, sealed), 'another aad')
      }
    },
  })),
  ...CURVES.map((name): Clause => ({
    sentence: `${name}: both sides agree, and sizes are as announced`,
    holds: async (backend) => {
      const curve = backend.curve(name)
      const [alice, bob] = [await privateKeyOf(backend, name, 1), await privateKeyOf(backend, name, 2)]
      const [alicePublic, bobPublic] = [await curve.publicKeyOf(alice), await curve.publicKeyOf(bob)]
      const shared = await curve.agree(alice, bobPublic)
      claimBytes((await curve.agree(bob, alicePublic)).expose(), shared.expose(), 'shared secret')
      claim(alicePublic.length === curve.publicKeyLength && alice.length === curve.privateKeyLength, 'key sizes')
      claim(shared.length === curve.privateKeyLength, 'a shared secret is one coordinate')
    },
  })),
  ...CURVES.map((name): Clause => ({
    sentence: `${name}: refuses public keys of small order, off the curve, in another form or of another length`,
    holds: async (backend) => {
      const curve = backend.curve(name)
      const privateKey = await privateKeyOf(backend, name)
      for (const { what, publicKey } of wrongPublicKeys(name, await curve.publicKeyOf(privateKey))) {
        await claimRefusal('mls.crypto.bad_public_key', () => curve.agree(privateKey, publicKey), what)
      }
    },
  })),
  ...CURVES.map((name): Clause => ({
    sentence: `${name}: refuses private keys of another length or out of range`,
    holds: async (backend) => {
      const curve = backend.curve(name)
      for (const bytes of wrongPrivateKeys(name, curve.privateKeyLength)) {
        await claimRefusal('mls.crypto.bad_private_key', () => curve.publicKeyOf(new Secret(bytes)), `${bytes.length.toString()} bytes`)
      }
    },
  })),
  ...(['p256', 'p384', 'p521'] as const).map((name): Clause => ({
    sentence: `${name}: a private key written without its leading zeros is the same key`,
    holds: async (backend) => {
      const [curve, scheme] = [backend.curve(name), backend.signature(name)]
      const full = new Uint8Array(curve.privateKeyLength).fill(9, 2)
      const [key, short] = [new Secret(full), new Secret(full.slice(2))]
      const publicKey = await curve.publicKeyOf(key)
      claimBytes(await curve.publicKeyOf(short), publicKey, 'public key')
      claimBytes((await curve.agree(short, publicKey)).expose(), (await curve.agree(key, publicKey)).expose(), 'shared secret')
      claim(await scheme.verify(publicKey, EMPTY, await scheme.sign(short, publicKey, EMPTY)), 'signature')
    },
  })),
  ...SIGNATURES.map((name): Clause => ({
    sentence: `${name}: what is signed verifies, and with another key or message it does not`,
    holds: async (backend) => {
      const scheme = backend.signature(name)
      const random = insecureSeededRandom(3)
      const [own, other] = [await scheme.generateKeyPair(random), await scheme.generateKeyPair(random)]
      claimBytes(await scheme.publicKeyOf(own.privateKey), own.publicKey, 'public key')
      // signature lengths vary in DER: take a few
      for (let round = 0; round < 8; round++) {
        const message = random(round * 40)
        const signature = await scheme.sign(own.privateKey, own.publicKey, message)
        claim(await scheme.verify(own.publicKey, message, signature), 'verifies')
        claim(!await scheme.verify(other.publicKey, message, signature), 'another key')
        claim(!await scheme.verify(own.publicKey, concat(message, Uint8Array.of(0)), signature), 'another message')
      }
    },
  })),
  ...SIGNATURES.map((name): Clause => ({
    sentence: `${name}: anything that is not exactly a signature is false, not an exception`,
    holds: async (backend) => {
      const scheme = backend.signature(name)
      const { publicKey, privateKey } = await scheme.generateKeyPair(insecureSeededRandom(4))
      const message = utf8('message')
      const signature = await scheme.sign(privateKey, publicKey, message)
      for (const { what, bytes } of brokenSignatures(name, signature)) {
        claim(!await scheme.verify(publicKey, message, bytes), what)
      }
      for (const key of [EMPTY, publicKey.subarray(1), concat(publicKey, Uint8Array.of(0)), new Uint8Array(publicKey.length), new Uint8Array(publicKey.length).fill(255)]) {
        claim(!await scheme.verify(key, message, signature), `a key of ${key.length.toString()} bytes`)
      }
      // RFC 9420 §5.1.1: uncompressed points only
      if (name.startsWith('p')) for (const form of [0, 2, 3, 5, 6]) claim(!await scheme.verify(concat(Uint8Array.of(form), publicKey.subarray(1)), message, signature), `form ${form.toString()}`)
    },
  })),
  ...(['ed25519', 'ed448'] as const).map((name): Clause => ({
    sentence: `${name}: a second encoding, a key of small order or an unreduced scalar never verifies`,
    holds: async (backend) => {
      for (const { what, publicKey, message, signature } of edwardsForgeries(name)) {
        claim(!await backend.signature(name).verify(publicKey, message, signature), what)
      }
    },
  })),
  {
    sentence: 'the same random bytes give the same keys',
    holds: async (backend) => {
      for (const name of SIGNATURES) {
        const scheme = backend.signature(name)
        const [first, again] = [await scheme.generateKeyPair(insecureSeededRandom(5)), await scheme.generateKeyPair(insecureSeededRandom(5))]
        claimBytes(first.privateKey.expose(), again.privateKey.expose(), name)
      }
    },
  },
]

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice()
  copy[at] = (copy[at] ?? 0) ^ 1
  return copy
}

const ORDERS: Readonly<Partial<Record<CurveName, string>>> = {
  p256: 'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551',
  p384: 'ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973',
  p521: `01ff${'ff'.repeat(31)}fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409`,
}

const wrongPrivateKeys = (name: CurveName, length: number): readonly Uint8Array[] => {
  const order = ORDERS[name]
  const wrongLengths = [EMPTY, new Uint8Array(length + 1).fill(1)]
  return order === undefined
    ? [...wrongLengths, new Uint8Array(length - 1).fill(1)]
    : [...wrongLengths, new Uint8Array(length), fromHex(order), new Uint8Array(length).fill(255)]
}
