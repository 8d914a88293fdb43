/**
 * Whether the server can do its work: it stores what it accepts. One failed transaction makes it not ready, the next that
 * succeeds makes it ready again (S50).
 */
import type { DiskProblem } from '../storage/disk-problem.js'

/** What keeps the server from its work. */
export type Unreadiness = DiskProblem | 'stopping'

/** Watches writes. */
export class Health {
  #problem: Unreadiness | undefined

  /** The reason why the server is not ready, if it is not. */
  get problem(): Unreadiness | undefined {
    return this.#problem
  }

  written(): void {
    if (this.#problem !== 'stopping') this.#problem = undefined
  }

  failed(problem: DiskProblem): void {
    if (this.#problem !== 'stopping') this.#problem = problem
  }

  stopping(): void {
    this.#problem = 'stopping'
  }
}
