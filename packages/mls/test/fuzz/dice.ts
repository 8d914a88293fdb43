/**
 * Dice: the fuzzer's randomness. Input number `k` of a seed has dice of its own, so it can be replayed alone.
 */

/** A small fast generator (sfc32). */
export class Dice {
  #a: number
  #b: number
  #c: number
  #counter = 1

  constructor(seed: number, input: number) {
    this.#a = seed | 0
    this.#b = input | 0
    this.#c = 0x9e3779b9 | 0
    for (let round = 0; round < 12; round++) this.next()
  }

  /** A whole number of 32 bits. */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#counter) | 0
    this.#counter = (this.#counter + 1) | 0
    this.#a = this.#b ^ (this.#b >>> 9)
    this.#b = (this.#c + (this.#c << 3)) | 0
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0
    return sum >>> 0
  }

  /** `0 … below - 1`. */
  below(below: number): number {
    return below <= 1 ? 0 : this.next() % below
  }

  /** True once in `sides` throws. */
  oneIn(sides: number): boolean {
    return this.below(sides) === 0
  }

  /** An element; the list is not empty. */
  pick<T>(from: readonly T[]): T {
    const picked = from[this.below(from.length)]
    if (picked === undefined) throw new RangeError('nothing to pick from')
    return picked
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i++) bytes[i] = this.next() & 0xff
    return bytes
  }
}

/** Something with a chance of being picked. */
export interface Weighted {
  readonly weight: number
}

/** Picks by weight. */
export const pickWeighted = <T extends Weighted>(dice: Dice, from: readonly T[]): T => {
  let left = dice.below(from.reduce((sum, { weight }) => sum + weight, 0))
  for (const candidate of from) {
    left -= candidate.weight
    if (left < 0) return candidate
  }
  throw new RangeError('weights are whole numbers above 0')
}
