/**
 * Virtual time: everything that takes time waits here and goes on in one order, so a seed plays the same way each time.
 * Between two events the process runs until nothing is left to do; real time never matters.
 */
import { createCipheriv, createHash } from 'node:crypto'
import type { Clock, RandomBytes } from '@famichat/base'

/** Calls off what was planned. */
export type Cancel = () => void

interface Planned {
  readonly atMs: number
  readonly order: number
  readonly run: () => void
  isCancelled: boolean
}

/** Plans, waits, and moves the clock. */
export class Scheduler implements Clock {
  readonly #heap: Planned[] = []
  readonly #isBusy: (() => boolean)[] = []
  #nowMs: number
  #order = 0

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  /** Time goes on only while none of these says that real work is under way. */
  watch(isBusy: () => boolean): void {
    this.#isBusy.push(isBusy)
  }

  after(delayMs: number, run: () => void): Cancel {
    // clocks show whole milliseconds
    const planned = { atMs: this.#nowMs + Math.ceil(Math.max(0, delayMs)), order: this.#order++, run, isCancelled: false }
    this.#push(planned)
    return () => { planned.isCancelled = true }
  }

  sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => { this.after(delayMs, resolve) })
  }

  /** Runs what is planned until `isDone`, until nothing is planned, or until so much virtual time has passed. */
  async runUntil(isDone: () => boolean, { withinMs }: { readonly withinMs: number }): Promise<'done' | 'idle' | 'late'> {
    const endMs = this.#nowMs + withinMs
    for (;;) {
      await this.#settle()
      if (isDone()) return 'done'
      const next = this.#pop()
      if (next === undefined) return 'idle'
      if (next.isCancelled) continue
      if (next.atMs > endMs) {
        this.#push(next)
        this.#nowMs = endMs
        return 'late'
      }
      this.#nowMs = Math.max(this.#nowMs, next.atMs)
      next.run()
    }
  }

  async #settle(): Promise<void> {
    do await immediate()
    while (this.#isBusy.some((isBusy) => isBusy()))
    await immediate()
  }

  #push(planned: Planned): void {
    const heap = this.#heap
    let at = heap.push(planned) - 1
    while (at > 0) {
      const above = (at - 1) >> 1
      if (!isBefore(planned, heap[above])) break
      heap[at] = heap[above] ?? planned
      at = above
    }
    heap[at] = planned
  }

  #pop(): Planned | undefined {
    const heap = this.#heap
    const [first] = heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      const right = heap[below + 1]
      if (right !== undefined && isBefore(right, heap[below])) below++
      const candidate = heap[below]
      if (candidate === undefined || !isBefore(candidate, last)) break
      heap[at] = candidate
      at = below
    }
    heap[at] = last
    return first
  }
}

const isBefore = (a: Planned, b: Planned | undefined): boolean => b !== undefined && (a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order))

const immediate = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

/** A stream of bytes that depends on its seed and its name only: AES in counter mode. Predictable by design. */
export const seededBytes = (seed: number, name: string): RandomBytes => {
  const key = createHash('sha256').update(`${seed.toString()} ${name}`).digest().subarray(0, 16)
  const cipher = createCipheriv('aes-128-ctr', key, new Uint8Array(16))
  return (length) => new Uint8Array(cipher.update(new Uint8Array(length)))
}

/** Chances and choices drawn from a stream. */
export class Dice {
  readonly #random: RandomBytes

  constructor(seed: number, name: string) {
    this.#random = seededBytes(seed, name)
  }

  /** A whole number in `0 … below - 1`. */
  below(below: number): number {
    const bytes = this.#random(4)
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0) % Math.floor(below)
  }

  between(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  chance(probability: number): boolean {
    return this.below(1_000_000) < probability * 1_000_000
  }

  /** One of them. @throws RangeError when there is none */
  pick<T>(choices: readonly T[]): T {
    const [choice] = choices.slice(this.below(Math.max(1, choices.length)))
    if (choice === undefined) throw new RangeError('nothing to choose from')
    return choice
  }

  shuffle<T>(items: readonly T[]): T[] {
    return items.map((item) => ({ item, at: this.below(0x1_0000_0000) })).sort((a, b) => a.at - b.at).map(({ item }) => item)
  }
}
