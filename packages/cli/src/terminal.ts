/**
 * A terminal whose last line belongs to the person who types: what is printed goes above it. A pipe is read line by line.
 */
import { createInterface, type Interface } from 'node:readline'
import type { Output } from './output.js'

/** Prints, and reads lines. Close it: it holds standard input. */
export class Terminal {
  readonly output: Output
  readonly #reader: Interface
  readonly #isTerminal = process.stdin.isTTY && process.stdout.isTTY
  /** Typed and not read yet: a pipe gives its lines at once. */
  readonly #typed: string[] = []
  #wake: (() => void) | undefined
  #isAsking = false
  #isClosed = false

  constructor(output: Output) {
    this.output = output
    this.#reader = createInterface({ input: process.stdin, output: process.stdout, terminal: this.#isTerminal })
    this.#reader.on('line', (line) => {
      this.#isAsking = false
      this.#eraseTyped(line)
      this.#typed.push(line)
      this.#wake?.()
    })
    this.#reader.on('close', () => {
      this.#isClosed = true
      this.#wake?.()
    })
    // at a terminal Ctrl-C is a key here: it ends the input as Ctrl-D does
    this.#reader.on('SIGINT', () => { this.#reader.close() })
  }

  /** Shows the prompt. */
  ask(prompt: string): void {
    if (!this.#isTerminal || this.#isClosed) return
    this.#reader.setPrompt(prompt)
    this.#reader.prompt()
    this.#isAsking = true
  }

  /** The next line; undefined at the end of input. */
  async line(): Promise<string | undefined> {
    while (this.#typed.length === 0 && !this.#isClosed) await new Promise<void>((resolve) => { this.#wake = resolve })
    return this.#typed.shift()
  }

  /** A result, in both forms. */
  print(text: string, json: Readonly<Record<string, unknown>>): void {
    this.#above(() => { this.output.say(text, json) })
  }

  /** A remark. */
  note(text: string): void {
    this.#above(() => { this.output.note(text) })
  }

  close(): void {
    this.#isAsking = false
    this.#reader.close()
  }

  /** Clears the line being typed, prints, and draws it again. */
  #above(print: () => void): void {
    const isDrawn = this.#isTerminal && this.#isAsking && !this.#isClosed
    if (isDrawn) process.stdout.write('\r\u001b[J')
    print()
    if (isDrawn) this.#reader.prompt(true)
  }

  /** What was typed comes back from the log with its number. */
  #eraseTyped(line: string): void {
    if (!this.#isTerminal || line.startsWith('/')) return
    const rows = 1 + Math.floor((line.length + 2) / (process.stdout.columns || 80))
    process.stdout.write(`\u001b[${rows}A\r\u001b[J`)
  }
}
