/**
 * DHKEM (RFC 9180 §4.1): a KEM from a Diffie-Hellman group, and its DeriveKeyPair (§7.1.3).
 * Layer: crypto.
 */
import { concat, Secret, utf8, type RandomBytes, systemRandom } from '@famichat/base'
import { check } from '../errors.js'
import type { Curve, CurveName, Encapsulated, FreshAgreement, Hash, Kem, KeyPair, MaybePromise } from './backend.js'
import { LabeledKdf } from './labeled-kdf.js'
import { whenThere } from './maybe-promise.js'
import { isAgreeable } from './public-key-form.js'

/** KEM identifiers (RFC 9180 §7.1) and the mask of the first byte of a NIST scalar. */
const KEMS: Readonly<Record<CurveName, { readonly id: number; readonly scalarMask?: number }>> = {
  p256: { id: 0x0010, scalarMask: 0xff },
  p384: { id: 0x0011, scalarMask: 0xff },
  p521: { id: 0x0012, scalarMask: 0x01 },
  x25519: { id: 0x0020 },
  x448: { id: 0x0021 },
}

/** Two-byte big-endian form, as RFC 9180's I2OSP(n, 2). */
export const uint16Bytes = (value: number): Uint8Array => Uint8Array.of(value >>> 8, value & 0xff)

/** DHKEM(curve, HKDF-hash). */
export class Dhkem implements Kem {
  readonly id: number
  readonly publicKeyLength: number
  readonly #curve: Curve
  readonly #kdf: LabeledKdf
  readonly #scalarMask: number | undefined

  constructor(curve: Curve, hash: Hash) {
    const { id, scalarMask } = KEMS[curve.name]
    this.id = id
    this.publicKeyLength = curve.publicKeyLength
    this.#curve = curve
    this.#scalarMask = scalarMask
    this.#kdf = new LabeledKdf(hash, concat(utf8('KEM'), uint16Bytes(id)))
  }

  isPublicKey(publicKey: Uint8Array): boolean {
    return publicKey.length === this.publicKeyLength && isAgreeable(this.#curve.name, publicKey)
  }

  async deriveKeyPair(ikm: Secret): Promise<KeyPair> {
    const prk = this.#kdf.extract(undefined, 'dkp_prk', ikm.expose())
    try {
      return await (this.#scalarMask === undefined ? this.#pairOf(this.#expand(prk, 'sk')) : this.#sampleScalar(prk))
    } finally {
      prk.fill(0)
    }
  }

  encapsulate(publicKey: Uint8Array, random: RandomBytes): MaybePromise<Encapsulated> {
    check(publicKey.length === this.publicKeyLength, 'mls.crypto.bad_public_key')
    // injected randomness replays from its seed; the machine's own may come by the shorter way
    const agreed = random === systemRandom && this.#curve.agreeFresh !== undefined
      ? this.#curve.agreeFresh(publicKey)
      : this.#agreeDrawn(publicKey, random)
    return whenThere(agreed, (fresh) =>
      ({ kemOutput: fresh.publicKey, sharedSecret: this.#extractAndExpand(fresh.sharedSecret, fresh.publicKey, publicKey) }))
  }

  async decapsulate(kemOutput: Uint8Array, recipient: KeyPair): Promise<Secret> {
    check(kemOutput.length === this.publicKeyLength, 'mls.crypto.bad_public_key')
    const dh = await this.#curve.agree(recipient.privateKey, kemOutput)
    return this.#extractAndExpand(dh, kemOutput, recipient.publicKey)
  }

  async #agreeDrawn(publicKey: Uint8Array, random: RandomBytes): Promise<FreshAgreement> {
    const ephemeral = await this.#ephemeralPair(random)
    try {
      return { publicKey: ephemeral.publicKey, sharedSecret: await this.#curve.agree(ephemeral.privateKey, publicKey) }
    } finally {
      ephemeral.privateKey.wipe()
    }
  }

  /** On X25519 and X448 any random string is a private key; NIST scalars are sampled by DeriveKeyPair. */
  async #ephemeralPair(random: RandomBytes): Promise<KeyPair> {
    const seed = new Secret(random(this.#curve.privateKeyLength))
    if (this.#scalarMask === undefined) return this.#pairOf(seed)
    try {
      return await this.deriveKeyPair(seed)
    } finally {
      seed.wipe()
    }
  }

  async #sampleScalar(prk: Uint8Array): Promise<KeyPair> {
    // RFC 9180 §7.1.3: candidates until one is a valid scalar; 255 failures do not happen
    for (let counter = 0; counter < 255; counter++) {
      const candidate = this.#expand(prk, 'candidate', Uint8Array.of(counter))
      const bytes = candidate.expose()
      bytes[0] = (bytes[0] ?? 0) & (this.#scalarMask ?? 0xff)
      try {
        return await this.#pairOf(candidate)
      } catch (error) {
        candidate.wipe()
        if (counter === 254) throw error
      }
    }
    throw new Error('unreachable')
  }

  #expand(prk: Uint8Array, label: string, context: Uint8Array = new Uint8Array(0)): Secret {
    return new Secret(this.#kdf.expand(prk, label, context, this.#curve.privateKeyLength))
  }

  async #pairOf(privateKey: Secret): Promise<KeyPair> {
    return { publicKey: await this.#curve.publicKeyOf(privateKey), privateKey }
  }

  #extractAndExpand(dh: Secret, kemOutput: Uint8Array, recipientKey: Uint8Array): Secret {
    const prk = this.#kdf.extract(undefined, 'eae_prk', dh.expose())
    const context = concat(kemOutput, recipientKey)
    const shared = new Secret(this.#kdf.expand(prk, 'shared_secret', context, this.#kdf.hash.outputLength))
    prk.fill(0)
    dh.wipe()
    return shared
  }
}
