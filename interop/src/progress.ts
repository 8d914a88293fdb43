/**
 * Progress: one line that is rewritten at a terminal; elsewhere a line every tenth of the way.
 */
import { systemClock } from '@famichat/base'

const BAR_WIDTH = 30

export class Progress {
  readonly #unit: string
  readonly #total: number
  readonly #startedMs = systemClock.nowMs()
  #tenthShown = 0

  constructor(unit: string, total: number) {
    this.#unit = unit
    this.#total = total
  }

  show(done: number): void {
    const share = Math.min(1, this.#total === 0 ? 1 : done / this.#total)
    const seconds = Math.round((systemClock.nowMs() - this.#startedMs) / 1000)
    const text = `${done.toString()} of ${this.#total.toString()} ${this.#unit}, ${seconds.toString()} s`
    if (process.stdout.isTTY) {
      const full = Math.round(share * BAR_WIDTH)
      process.stdout.write(`\r[${'#'.repeat(full)}${'.'.repeat(BAR_WIDTH - full)}] ${text} `)
      return
    }
    const tenth = Math.floor(share * 10)
    if (tenth <= this.#tenthShown) return
    this.#tenthShown = tenth
    process.stdout.write(`${text}\n`)
  }

  /** Prints something above the line. */
  interrupt(text: string): void {
    process.stdout.write(`${process.stdout.isTTY ? '\n' : ''}${text}`)
  }

  end(): void {
    if (process.stdout.isTTY) process.stdout.write('\n')
  }
}
