/**
 * Caches of imported keys.
 * Layer: crypto.
 */
import { bytesKey, type Secret } from '@famichat/base'

const PUBLIC_CAPACITY = 256

/** Remembers up to 256 public keys by their bytes, none of which it keeps; the one imported first leaves first. */
export class PublicKeyCache<Key> {
  readonly #keys = new Map<string, Key>()

  /** The key of these bytes, imported at first sight. */
  get(raw: Uint8Array, importKey: (raw: Uint8Array) => Key): Key {
    const name = bytesKey(raw)
    const known = this.#keys.get(name)
    if (known !== undefined) return known
    const imported = importKey(raw)
    if (this.#keys.size >= PUBLIC_CAPACITY) {
      const [oldest] = this.#keys.keys()
      if (oldest !== undefined) this.#keys.delete(oldest)
    }
    this.#keys.set(name, imported)
    return imported
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
