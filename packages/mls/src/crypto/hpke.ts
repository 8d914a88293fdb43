/**
 * HPKE base mode, single shot (RFC 9180 §5, §6): seal, open, and the export that external joins use.
 * Layer: crypto.
 */
import { concat, EMPTY, Secret, utf8, type RandomBytes } from '@famichat/base'
import { MlsError } from '../errors.js'
import type { Aead, Encapsulated, Hash, Kem, KeyPair } from './backend.js'
import { uint16Bytes } from './dhkem.js'
import { hkdfExpand } from './kdf.js'
import { LabeledKdf } from './labeled-kdf.js'

const BASE_MODE = 0

/** What travels: the KEM output and the ciphertext (RFC 9420 §7.6 HPKECiphertext). */
export interface Sealed {
  readonly kemOutput: Uint8Array
  readonly ciphertext: Uint8Array
}

/** A context as the last step of the key schedule takes it: the inputs that expand to key and nonce. */
export interface HpkeContext {
  readonly keyInfo: Uint8Array
  readonly nonceInfo: Uint8Array
}

/** One HPKE suite: a KEM, a KDF and an AEAD. */
export class Hpke {
  readonly kem: Kem
  readonly #aead: Aead
  readonly #kdf: LabeledKdf
  readonly #pskIdHash: Uint8Array

  constructor(kem: Kem, ids: { readonly kem: number; readonly kdf: number; readonly aead: number }, hash: Hash, aead: Aead) {
    this.kem = kem
    this.#aead = aead
    this.#kdf = new LabeledKdf(hash, concat(utf8('HPKE'), uint16Bytes(ids.kem), uint16Bytes(ids.kdf), uint16Bytes(ids.aead)))
    this.#pskIdHash = this.#kdf.extract(undefined, 'psk_id_hash', EMPTY)
  }

  /** What the key schedule makes of `info` (§5.1): worked out once for many seals in one context. */
  scheduleContext(info: Uint8Array): HpkeContext {
    const context = this.#context(info)
    return {
      keyInfo: this.#kdf.labeledInfo('key', context, this.#aead.keyLength),
      nonceInfo: this.#kdf.labeledInfo('base_nonce', context, this.#aead.nonceLength),
    }
  }

  /** SealBase with empty AAD in a context of {@link scheduleContext}. @throws MlsError `mls.crypto.bad_public_key` */
  async seal(publicKey: Uint8Array, context: HpkeContext, plaintext: Uint8Array, random: RandomBytes): Promise<Sealed> {
    return this.sealWith(await this.kem.encapsulate(publicKey, random), context, plaintext)
  }

  /** The rest of SealBase after Encap; wipes the shared secret. */
  sealWith({ kemOutput, sharedSecret }: Encapsulated, context: HpkeContext, plaintext: Uint8Array): Sealed {
    const { key, nonce } = this.#keyAndNonce(sharedSecret, context)
    const ciphertext = this.#aead.seal(key, nonce, EMPTY, plaintext)
    key.fill(0)
    return { kemOutput, ciphertext }
  }

  /** OpenBase with empty AAD. @throws MlsError `mls.crypto.open_failed`, whatever was wrong */
  async open(recipient: KeyPair, context: HpkeContext, sealed: Sealed): Promise<Uint8Array> {
    const sharedSecret = await this.#decapsulate(sealed.kemOutput, recipient)
    const { key, nonce } = this.#keyAndNonce(sharedSecret, context)
    try {
      return this.#aead.open(key, nonce, EMPTY, sealed.ciphertext)
    } finally {
      key.fill(0)
    }
  }

  /** SetupBaseS and Export with empty info (RFC 9420 §8.3). @throws MlsError `mls.crypto.bad_public_key` */
  async sendExport(publicKey: Uint8Array, label: string, random: RandomBytes): Promise<{ kemOutput: Uint8Array; secret: Secret }> {
    const { kemOutput, sharedSecret } = await this.kem.encapsulate(publicKey, random)
    return { kemOutput, secret: this.#export(sharedSecret, label) }
  }

  /** SetupBaseR and Export with empty info (RFC 9420 §8.3). @throws MlsError `mls.crypto.open_failed` */
  async receiveExport(kemOutput: Uint8Array, recipient: KeyPair, label: string): Promise<Secret> {
    return this.#export(await this.#decapsulate(kemOutput, recipient), label)
  }

  async #decapsulate(kemOutput: Uint8Array, recipient: KeyPair): Promise<Secret> {
    try {
      return await this.kem.decapsulate(kemOutput, recipient)
    } catch (error) {
      if (error instanceof MlsError) throw new MlsError('mls.crypto.open_failed', {}, { cause: error })
      throw error
    }
  }

  #export(sharedSecret: Secret, label: string): Secret {
    const context = this.#context(EMPTY)
    const secret = this.#schedule(sharedSecret)
    const exporter = this.#kdf.expand(secret, 'exp', context, this.#kdf.hash.outputLength)
    const exported = this.#kdf.expand(exporter, 'sec', utf8(label), this.#kdf.hash.outputLength)
    secret.fill(0)
    exporter.fill(0)
    return new Secret(exported)
  }

  #keyAndNonce(sharedSecret: Secret, { keyInfo, nonceInfo }: HpkeContext): { key: Uint8Array; nonce: Uint8Array } {
    const secret = this.#schedule(sharedSecret)
    const key = hkdfExpand(this.#kdf.hash, secret, keyInfo, this.#aead.keyLength)
    const nonce = hkdfExpand(this.#kdf.hash, secret, nonceInfo, this.#aead.nonceLength)
    secret.fill(0)
    return { key, nonce }
  }

  /** key_schedule_context (§5.1) in base mode. */
  #context(info: Uint8Array): Uint8Array {
    return concat(Uint8Array.of(BASE_MODE), this.#pskIdHash, this.#kdf.extract(undefined, 'info_hash', info))
  }

  /** The secret of KeySchedule (§5.1) in base mode; wipes the shared secret. */
  #schedule(sharedSecret: Secret): Uint8Array {
    const secret = this.#kdf.extract(sharedSecret.expose(), 'secret', EMPTY)
    sharedSecret.wipe()
    return secret
  }
}
