/**
 * A progress bar on standard error: drawn in a terminal, lines for programs, nothing for pipes.
 */
import type { TransferProgress } from '@famichat/client'
import type { Output } from './output.js'

const CELLS = 30

/** Shows how far a transfer is. */
export class ProgressBar {
  readonly #output: Output
  #isDrawn = false

  constructor(output: Output) {
    this.#output = output
  }

  show({ doneBytes, totalBytes }: TransferProgress): void {
    if (this.#output.isJson) {
      this.#output.say('', { type: 'progress', doneBytes, totalBytes })
      return
    }
    if (!process.stderr.isTTY) return
    const share = totalBytes === 0 ? 1 : doneBytes / totalBytes
    const full = Math.round(share * CELLS)
    process.stderr.write(`\r[${'#'.repeat(full)}${'.'.repeat(CELLS - full)}] ${Math.round(share * 100)} %`)
    this.#isDrawn = true
  }

  /** Leaves the line. */
  end(): void {
    if (this.#isDrawn) process.stderr.write('\n')
    this.#isDrawn = false
  }
}
