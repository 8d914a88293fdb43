/**
 * Wakes those who wait for something new, in one conversation or in any. Nothing is lost between looking and waiting.
 */
import type { ConversationId } from '@famichat/protocol'

/** What is waited for: a conversation, or whichever it is. */
type Subject = ConversationId | 'any'

/** Counts changes and wakes waiters. */
export class Changes {
  readonly #counts = new Map<Subject, number>()
  readonly #waiting = new Map<Subject, Set<() => void>>()

  /** Something was written. */
  tell(conversationId: ConversationId): void {
    this.#count(conversationId)
    this.#count('any')
  }

  /** Where the count is: take it before looking, give it to {@link after}. */
  mark(conversationId: ConversationId): number {
    return this.#countOf(conversationId)
  }

  /** Where the count of all conversations is, for {@link afterAny}. */
  markAny(): number {
    return this.#countOf('any')
  }

  /** Returns once something was written after the mark, or the signal came. */
  after(conversationId: ConversationId, mark: number, signal?: AbortSignal): Promise<void> {
    return this.#after(conversationId, mark, signal)
  }

  /** Returns once something was written in any conversation after the mark, or the signal came. */
  afterAny(mark: number, signal?: AbortSignal): Promise<void> {
    return this.#after('any', mark, signal)
  }

  #countOf(subject: Subject): number {
    return this.#counts.get(subject) ?? 0
  }

  #count(subject: Subject): void {
    this.#counts.set(subject, this.#countOf(subject) + 1)
    const waiting = this.#waiting.get(subject)
    this.#waiting.delete(subject)
    for (const wake of waiting ?? []) wake()
  }

  #after(subject: Subject, mark: number, signal?: AbortSignal): Promise<void> {
    if (this.#countOf(subject) !== mark || signal?.aborted === true) return Promise.resolve()
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(subject) ?? new Set()
      this.#waiting.set(subject, waiting)
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
