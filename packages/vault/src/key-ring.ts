/**
 * The key ring: the first key encrypts, all of them decrypt. Each column has keys of its own, derived from these
 * (HKDF-SHA-256), one to encrypt and one for its blind index.
 */
import { hkdfSync } from 'node:crypto'
import { concat, fromHex, type RandomBytes, Secret, toHex, utf8 } from '@famichat/base'
import { type SealedColumn, withLength } from './sealed-column.js'
import { VaultError } from './vault-error.js'

const KEY_BYTES = 32
/** Key ids have two bytes. */
const MAX_KEY_ID = 0xffff
const MAX_KEYS = 16
const LINE = /^v([1-9]\d{0,4}) ([0-9a-fA-F]{64})$/

/** What a derived key is for: never the same for two uses. */
export type KeyUse = 'seal' | 'index'

interface RingKey {
  readonly keyId: number
  readonly key: Secret
}

/** Keys by their id. Owns them; wipe it when it goes. */
export class KeyRing {
  readonly #keys: readonly RingKey[]
  readonly #derived = new Map<string, Secret>()

  private constructor(keys: readonly RingKey[]) {
    this.#keys = keys
  }

  /** A ring of one new key, v1. */
  static make(random: RandomBytes): KeyRing {
    return new KeyRing([{ keyId: 1, key: new Secret(random(KEY_BYTES)) }])
  }

  /** Reads the text form: `v2 <hex>`, one key a line, the newest first. A comma ends a line too. @throws VaultError `vault.key.malformed` */
  static parse(text: string): KeyRing {
    const lines = text.split(/[\n,]/).map((line) => line.trim()).filter((line) => line !== '')
    const keys = lines.map((line): RingKey => {
      const [, number = '0', hex = ''] = LINE.exec(line) ?? []
      return { keyId: Number(number), key: new Secret(fromHex(hex)) }
    })
    const isGood = keys.length > 0 && keys.length <= MAX_KEYS && new Set(keys.map(({ keyId }) => keyId)).size === keys.length
      && keys.every(({ keyId, key }) => keyId > 0 && keyId <= MAX_KEY_ID && key.length === KEY_BYTES)
    if (isGood) return new KeyRing(keys)
    for (const { key } of keys) key.wipe()
    throw new VaultError('vault.key.malformed', { keys: keys.length })
  }

  /** The id of the key that encrypts. */
  get current(): number {
    return this.#keys[0]?.keyId ?? 0
  }

  /** All ids, the current one first. */
  get keyIds(): readonly number[] {
    return this.#keys.map(({ keyId }) => keyId)
  }

  /** The same keys behind a new one; owned separately. @throws VaultError `vault.key.malformed` when no more fit */
  withNewKey(random: RandomBytes): KeyRing {
    const keyId = Math.max(...this.keyIds) + 1
    if (keyId > MAX_KEY_ID || this.#keys.length >= MAX_KEYS) throw new VaultError('vault.key.malformed', { keys: this.#keys.length + 1 })
    return new KeyRing([{ keyId, key: new Secret(random(KEY_BYTES)) }, ...this.#cloned()])
  }

  /** The ring without a key; owned separately. @throws VaultError `vault.key.unknown` | `vault.key.current` */
  without(keyId: number): KeyRing {
    if (!this.keyIds.includes(keyId)) throw new VaultError('vault.key.unknown', { keyId })
    if (keyId === this.current) throw new VaultError('vault.key.current', { keyId })
    return new KeyRing(this.#cloned().filter((entry) => {
      if (entry.keyId === keyId) entry.key.wipe()
      return entry.keyId !== keyId
    }))
  }

  /** The text form that {@link KeyRing.parse} reads; secret. */
  format(): Secret {
    return new Secret(utf8(this.#keys.map(({ keyId, key }) => `v${keyId} ${toHex(key.expose())}\n`).join('')))
  }

  /** The key of one column for one use; stays the ring's. @throws VaultError `vault.key.unknown` */
  keyFor(keyId: number, column: SealedColumn, use: KeyUse): Secret {
    const name = `${use} ${keyId} ${column.table} ${column.column}`
    const known = this.#derived.get(name)
    if (known !== undefined) return known
    const entry = this.#keys.find((candidate) => candidate.keyId === keyId)
    if (entry === undefined) throw new VaultError('vault.key.unknown', { keyId })
    const info = concat(...['Famichat vault 1', use, column.table, column.column].map(withLength))
    const derived = new Secret(new Uint8Array(hkdfSync('sha256', entry.key.expose(), new Uint8Array(0), info, KEY_BYTES)))
    this.#derived.set(name, derived)
    return derived
  }

  /** Forgets all keys. */
  wipe(): void {
    for (const { key } of this.#keys) key.wipe()
    for (const key of this.#derived.values()) key.wipe()
    this.#derived.clear()
  }

  #cloned(): readonly RingKey[] {
    return this.#keys.map(({ keyId, key }) => ({ keyId, key: key.clone() }))
  }
}
