/**
 * Wakes those who wait for something new in a conversation. Nothing is lost between looking and waiting.
 */
import type { ConversationId } from '@famichat/protocol'

/** Counts changes and wakes waiters. */
export class Changes {
  readonly #counts = new Map<ConversationId, number>()
  readonly #waiting = new Map<ConversationId, Set<() => void>>()

  /** Something was written. */
  tell(conversationId: ConversationId): void {
    this.#counts.set(conversationId, this.mark(conversationId) + 1)
    const waiting = this.#waiting.get(conversationId)
    this.#waiting.delete(conversationId)
    for (const wake of waiting ?? []) wake()
  }

  /** Where the count is: take it before looking, give it to {@link after}. */
  mark(conversationId: ConversationId): number {
    return this.#counts.get(conversationId) ?? 0
  }

  /** Returns once something was written after the mark, or the signal came. */
  after(conversationId: ConversationId, mark: number, signal?: AbortSignal): Promise<void> {
    if (this.mark(conversationId) !== mark || signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(conversationId) ?? new Set()
      this.#waiting.set(conversationId, waiting)
      const wake = (): void => {
        waiting.delete(wake)
        signal?.removeEventListener('abort', wake)
        resolve()
      }
      waiting.add(wake)
      signal?.addEventListener('abort', wake)
    })
  }
}
