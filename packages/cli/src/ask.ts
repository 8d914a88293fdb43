/**
 * Asking a person: on a terminal, secrets without showing them; otherwise one line of standard input for each question, so that
 * scripts can answer. Secrets are never arguments: other users of a machine see those.
 */
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import { UsageError } from './failure.js'

/** Asks questions one after the other. Close it. */
export class Asking {
  readonly isTerminal = process.stdin.isTTY
  readonly #terminal: Interface
  readonly #lines: AsyncIterator<string>
  #isHidden = false

  constructor() {
    const output = new Writable({
      write: (chunk: Buffer, _encoding, done) => {
        if (!this.#isHidden) process.stderr.write(chunk)
        done()
      },
    })
    this.#terminal = createInterface({ input: process.stdin, output, terminal: this.isTerminal })
    this.#lines = this.#terminal[Symbol.asyncIterator]()
  }

  /** @throws UsageError when there is nobody to ask and nothing to read */
  async line(question: string): Promise<string> {
    if (this.isTerminal) process.stderr.write(question)
    const answer = await this.#lines.next()
    if (answer.done === true) throw new UsageError('there is nobody to ask: give the answer on standard input, one line for each question')
    return answer.value
  }

  /** Like {@link line}, without showing what is typed. */
  async secret(question: string): Promise<string> {
    if (this.isTerminal) process.stderr.write(question)
    this.#isHidden = true
    try {
      return await this.line('')
    } finally {
      this.#isHidden = false
      if (this.isTerminal) process.stderr.write('\n')
    }
  }

  close(): void {
    this.#terminal.close()
  }
}
