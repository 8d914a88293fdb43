/**
 * Caches of imported keys.
 * Layer: crypto.
 */
import { bytesKey, type Secret } from '@famichat/base'

const GENERATION = 256

/** Remembers the 256 to 512 public keys that were used last by their bytes, none of which it keeps. */
export class PublicKeyCache<Key> {
  #young = new Map<string, Key>()
  #old = new Map<string, Key>()

  /** The key of these bytes, imported at first sight. */
  get(raw: Uint8Array, importKey: (raw: Uint8Array) => Key): Key {
    const name = bytesKey(raw)
    const young = this.#young.get(name)
    if (young !== undefined) return young
    const key = this.#old.get(name) ?? importKey(raw)
    if (this.#young.size >= GENERATION) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(name, key)
    return key
  }
}

/** Remembers a private key exactly as long as its Secret lives: wiping drops the last reference to it. */
export class PrivateKeyCache<Key extends object> {
  readonly #keys = new WeakMap<Uint8Array, Key>()

  /** The key of this secret, imported at first sight. */
  get(secret: Secret, importKey: (raw: Uint8Array) => Key): Key {
    const raw = secret.expose()
    const known = this.#keys.get(raw)
    if (known !== undefined) return known
    const imported = importKey(raw)
    this.#keys.set(raw, imported)
    return imported
  }
}
