/**
 * Sealing of stored records in browsers: AES-256-GCM under a key that no script can export. Each record is bound to its
 * table and key, so one cannot be put in the place of another.
 */
import { concat, type RandomBytes, utf8 } from '@famichat/base'
import { ClientError } from '../client-error.js'
import type { Table } from '../store/store.js'

const FORMAT = 1
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** A fresh key: it can be used and kept, and not be read. */
export const makeSealingKey = (): Promise<CryptoKey> =>
  crypto.subtle.generateKey({ name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt'])

/** Seals and opens the records of one database. */
export class Sealer {
  readonly #key: CryptoKey
  readonly #random: RandomBytes

  constructor(key: CryptoKey, random: RandomBytes) {
    this.#key = key
    this.#random = random
  }

  /** @returns format, nonce, ciphertext and tag */
  async seal(table: Table, key: string, value: Uint8Array): Promise<Uint8Array> {
    const nonce = this.#random(NONCE_BYTES)
    const sealed = await crypto.subtle.encrypt(parametersFor({ nonce, table, key }), this.#key, owned(value))
    return concat(Uint8Array.of(FORMAT), nonce, new Uint8Array(sealed))
  }

  /** @throws ClientError `client.store.malformed` when the record is not the one that was written here */
  async open(table: Table, key: string, record: unknown): Promise<Uint8Array> {
    if (!(record instanceof Uint8Array) || record[0] !== FORMAT || record.length < 1 + NONCE_BYTES + TAG_BYTES) {
      throw new ClientError('client.store.malformed')
    }
    const nonce = record.slice(1, 1 + NONCE_BYTES)
    try {
      return new Uint8Array(await crypto.subtle.decrypt(parametersFor({ nonce, table, key }), this.#key, owned(record.subarray(1 + NONCE_BYTES))))
    } catch {
      throw new ClientError('client.store.malformed')
    }
  }
}

const parametersFor = ({ nonce, table, key }: { nonce: Uint8Array; table: Table; key: string }): AesGcmParams =>
  ({ name: 'AES-GCM', iv: owned(nonce), additionalData: owned(utf8(`${table}/${key}`)) })

/** WebCrypto's types want bytes that no other thread shares; ours never are. */
const owned = (bytes: Uint8Array): Uint8Array<ArrayBuffer> => bytes as Uint8Array<ArrayBuffer>
