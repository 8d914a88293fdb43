/**
 * What was read from the store, kept until it is written there again. A reading under way at that moment may bring what was before:
 * who waits for it gets it, and hears of the change; who asks afterwards has it read anew.
 */

/** A reading, with what tells whether it is the one that is wanted. */
export interface Reading<Value> {
  readonly read: Promise<Value>
}

/** Readings by what they are of. */
export class Readings<Key, Kept extends Reading<unknown>> {
  readonly #kept = new Map<Key, Kept>()

  get(key: Key): Kept | undefined {
    return this.#kept.get(key)
  }

  /** Keeps a reading from its beginning on; one that fails is forgotten. */
  keep(key: Key, reading: Kept): Kept {
    this.#kept.set(key, reading)
    reading.read.catch(() => { if (this.#kept.get(key) === reading) this.#kept.delete(key) })
    return reading
  }

  /** Something of it was written. */
  forget(key: Key): void {
    this.#kept.delete(key)
  }

  /** Something was written that all of them may show. */
  forgetAll(): void {
    this.#kept.clear()
  }
}
