/**
 * Chance: every random choice of a schedule, from one seed, so that a failing schedule replays.
 */
import type { RandomBytes } from '@famichat/base'
import { insecureSeededRandom, randomBelow } from '@famichat/base/testing'

/** A sequence of choices; the same seed gives the same choices. */
export class Chance {
  /** Bytes from the same sequence. */
  readonly bytes: RandomBytes

  constructor(seed: number) {
    this.bytes = insecureSeededRandom(seed)
  }

  /** A whole number in `0 … below - 1`. */
  below(below: number): number {
    return randomBelow(this.bytes, below)
  }

  /** A whole number in `from … to`, both included. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  /** True in `percent` of 100 cases. */
  percent(percent: number): boolean {
    return this.below(100) < percent
  }

  /** One of the items, undefined when there is none. */
  maybePick<T>(items: readonly T[]): T | undefined {
    return items.length === 0 ? undefined : items[this.below(items.length)]
  }

  /** One of the items. @throws RangeError when there is none */
  pick<T>(items: readonly T[]): T {
    const [picked] = this.sample(items, 1)
    if (picked === undefined) throw new RangeError('nothing to pick from')
    return picked
  }

  /** Up to `count` of the items, in random order. */
  sample<T>(items: readonly T[], count: number): readonly T[] {
    const left = [...items]
    const taken: T[] = []
    while (taken.length < count && left.length > 0) taken.push(...left.splice(this.below(left.length), 1))
    return taken
  }
}
