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
    this.#draw(doneBytes, totalBytes, '', { type: 'progress', doneBytes, totalBytes })
  }

  /** For work that goes over rows of a table. */
  showRows({ name, doneRows, totalRows }: { readonly name: string; readonly doneRows: number; readonly totalRows: number }): void {
    this.#draw(doneRows, totalRows, ` of ${name}`, { type: 'progress', name, doneRows, totalRows })
  }

  #draw(done: number, total: number, what: string, json: Readonly<Record<string, unknown>>): void {
    if (this.#output.isJson) {
      this.#output.say('', json)
      return
    }
    if (!process.stderr.isTTY) return
    const share = total === 0 ? 1 : done / total
    const full = Math.round(share * CELLS)
    process.stderr.write(`\r[${'#'.repeat(full)}${'.'.repeat(CELLS - full)}] ${Math.round(share * 100)} %${what}\u001b[K`)
    this.#isDrawn = true
  }

  /** Leaves the line. */
  end(): void {
    if (this.#isDrawn) process.stderr.write('\n')
    this.#isDrawn = false
  }
}
