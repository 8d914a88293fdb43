/**
 * Progress on stderr: one line that is rewritten at a terminal; elsewhere a line for each step.
 */
import { type Clock, systemClock } from '@famichat/base'

const BAR_WIDTH = 30

export class Progress {
  readonly #total: number
  readonly #clock: Clock
  readonly #startedMs: number
  #done = 0

  constructor(total: number, clock: Clock = systemClock) {
    this.#total = total
    this.#clock = clock
    this.#startedMs = clock.nowMs()
  }

  /** Seconds since the start. */
  get seconds(): number {
    return (this.#clock.nowMs() - this.#startedMs) / 1000
  }

  /** Says what begins now. */
  step(what: string): void {
    const text = `${this.#done.toString()} of ${this.#total.toString()}, ${Math.round(this.seconds).toString()} s: ${what}`
    if (process.stderr.isTTY) {
      const full = Math.round((this.#done / Math.max(1, this.#total)) * BAR_WIDTH)
      process.stderr.write(`\r\u001B[K[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}] ${text}`)
    } else process.stderr.write(`${text}\n`)
    this.#done++
  }

  end(): void {
    if (process.stderr.isTTY) process.stderr.write('\r\u001B[K')
  }
}
