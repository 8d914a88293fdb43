/**
 * Seals and opens single values with AES-256-GCM, bound to their table, column and row, and makes blind index values.
 * Random nonces: one key encrypts at most 2^32 values of a column, as NIST SP 800-38D §8.3 wants it.
 */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { concat, isCodedError, type RandomBytes, systemRandom, toBase64url, utf8 } from '@famichat/base'
import { decodeEnvelope, encodeEnvelope, type Envelope, envelopeHeader, NONCE_BYTES } from './envelope.js'
import type { KeyRing } from './key-ring.js'
import { columnName, encodePlace, type RowId, type SealedColumn } from './sealed-column.js'
import { VaultError } from './vault-error.js'

const CIPHER = 'aes-256-gcm'
const INDEX_BYTES = 16
/** NIST SP 800-38D §8.3: more random nonces under one key make a repetition too likely. */
const MAX_SEALS = 2 ** 32

/** What a vault needs. */
export interface VaultOptions {
  /** All encrypted columns of the database. */
  readonly columns: readonly SealedColumn[]
  /** The ring as it is now: asked for each query, so that a running process follows a rotation. */
  readonly keys: () => KeyRing
  readonly random?: RandomBytes
  /** Values of a column that this process encrypts under one key; default 2^32. */
  readonly maxSeals?: number
}

/** Encrypts and decrypts the values of a database's columns. */
export class Vault {
  readonly columns: readonly SealedColumn[]
  readonly keys: () => KeyRing
  readonly #random: RandomBytes
  readonly #maxSeals: number
  readonly #sealed = new Map<string, number>()

  constructor({ columns, keys, random = systemRandom, maxSeals = MAX_SEALS }: VaultOptions) {
    this.columns = columns
    this.keys = keys
    this.#random = random
    this.#maxSeals = maxSeals
  }

  /** Encrypts a value for its place under the first key. @throws VaultError `vault.key.exhausted` */
  seal(column: SealedColumn, rowId: RowId, value: string): string {
    const ring = this.keys()
    const keyId = ring.current
    this.#count(column, keyId)
    const key = ring.keyFor(keyId, column, 'seal')
    const nonce = this.#random(NONCE_BYTES)
    const cipher = createCipheriv(CIPHER, key.expose(), nonce)
    cipher.setAAD(concat(envelopeHeader(keyId), encodePlace(column, rowId)))
    const ciphertext = concat(cipher.update(utf8(value)), cipher.final())
    return encodeEnvelope({ keyId, nonce, ciphertext, tag: cipher.getAuthTag() })
  }

  /** Decrypts a value of its place under whichever key it names. @throws VaultError `vault.value.malformed` | `vault.value.refused` | `vault.key.unknown` */
  open(column: SealedColumn, rowId: RowId, stored: string): string {
    return this.opener()(column, rowId, stored)
  }

  /** {@link open} for many values at once, under the ring as it is now: not to be kept. */
  opener(): (column: SealedColumn, rowId: RowId, stored: string) => string {
    const ring = this.keys()
    return (column, rowId, stored) => {
      const envelope = decodeEnvelope(stored)
      const key = ring.keyFor(envelope.keyId, column, 'seal')
      try {
        return openWith(key.expose(), envelope, concat(envelopeHeader(envelope.keyId), encodePlace(column, rowId)))
      } catch (cause) {
        if (isCodedError(cause)) throw cause
        throw new VaultError('vault.value.refused', { column: columnName(column), keyId: envelope.keyId })
      }
    }
  }

  /** The blind index value to store. @throws VaultError `vault.column.not_indexed` */
  indexValue(column: SealedColumn, value: string): string {
    return this.#index(column, value, this.keys().current)
  }

  /** All blind index values a row with this value may have now: one for each key. @throws VaultError `vault.column.not_indexed` */
  indexValues(column: SealedColumn, value: string): readonly string[] {
    return this.keys().keyIds.map((keyId) => this.#index(column, value, keyId))
  }

  #index(column: SealedColumn, value: string, keyId: number): string {
    if (column.blindIndex === undefined) throw new VaultError('vault.column.not_indexed', { column: columnName(column) })
    const key = this.keys().keyFor(keyId, column, 'index')
    const mac = createHmac('sha256', key.expose()).update(utf8(column.blindIndex.normalize(value))).digest()
    return toBase64url(mac.subarray(0, INDEX_BYTES))
  }

  #count(column: SealedColumn, keyId: number): void {
    const name = `${keyId} ${columnName(column)}`
    const sealed = this.#sealed.get(name) ?? 0
    if (sealed >= this.#maxSeals) throw new VaultError('vault.key.exhausted', { keyId, column: columnName(column) })
    this.#sealed.set(name, sealed + 1)
  }
}

const openWith = (key: Uint8Array, { nonce, ciphertext, tag }: Envelope, aad: Uint8Array): string => {
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: tag.length })
  decipher.setAAD(aad)
  decipher.setAuthTag(tag)
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]).toString('utf8')
}
