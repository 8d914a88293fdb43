/**
 * What happened in a run, in order: a hash of all of it, which proves a replay, and the last lines, which tell a story.
 */
import { createHash } from 'node:crypto'

const KEPT_LINES = 40

/** Collects what happens. */
export class Trace {
  readonly #hash = createHash('sha256')
  readonly #print: ((line: string) => void) | undefined
  readonly #last: string[] = []
  lines = 0

  constructor(print?: (line: string) => void) {
    this.#print = print
  }

  add(atMs: number, what: string): void {
    const line = `${(atMs / 1000).toFixed(3)} ${what}`
    this.lines++
    this.#hash.update(line).update('\n')
    this.#last.push(line)
    if (this.#last.length > KEPT_LINES) this.#last.shift()
    this.#print?.(line)
  }

  /** The last lines. */
  get tail(): readonly string[] {
    return this.#last
  }

  /** Of everything so far; equal for equal runs. */
  digest(): string {
    return this.#hash.copy().digest('hex').slice(0, 32)
  }
}
