/**
 * Announces to the page what was written: at once when it is quiet, and a few times a second when much comes.
 */
const PAUSE_MS = 50

/** Gathers ids of conversations between announcements. */
export class Announcer {
  readonly #announce: (conversationIds: readonly string[]) => void
  readonly #waiting = new Set<string>()
  #hasNews = false
  #isPausing = false

  constructor(announce: (conversationIds: readonly string[]) => void) {
    this.#announce = announce
  }

  /** Something was written; without ids, something that belongs to no conversation. */
  add(conversationIds: readonly string[]): void {
    for (const id of conversationIds) this.#waiting.add(id)
    this.#hasNews = true
    if (!this.#isPausing) this.#flush()
  }

  #flush(): void {
    this.#isPausing = this.#hasNews
    if (!this.#hasNews) return
    this.#hasNews = false
    const ids = [...this.#waiting]
    this.#waiting.clear()
    this.#announce(ids)
    setTimeout(() => { this.#flush() }, PAUSE_MS)
  }
}
