/**
 * Room: whether this device can still save what is written. When it cannot, the page hears of it at once; then it is looked for again,
 * and everything goes on when it is back.
 */
import { isCodedError } from '@famichat/base'
import type { News } from '../requests.js'

const LOOK_EVERY_MS = 2000

/** Watches over room on this device. */
export class Room {
  readonly #tell: (news: News) => void
  readonly #tryToSave: () => Promise<void>
  #waiting: Promise<void> | undefined

  /** @param tryToSave saves something worth a few messages, and drops it again */
  constructor(tell: (news: News) => void, tryToSave: () => Promise<void>) {
    this.#tell = tell
    this.#tryToSave = tryToSave
  }

  /** Looks at what went wrong. @returns whether it was for want of room */
  note(error: unknown): boolean {
    if (!isCodedError(error, 'client.store.failed')) return false
    void this.back()
    return true
  }

  /** Waits until something can be saved again, and says so. */
  back(): Promise<void> {
    this.#waiting ??= this.#wait().finally(() => { this.#waiting = undefined })
    return this.#waiting
  }

  async #wait(): Promise<void> {
    this.#tell({ news: 'room', isFull: true })
    do await new Promise((resolve) => { setTimeout(resolve, LOOK_EVERY_MS) })
    while (!(await this.#canSave()))
    this.#tell({ news: 'room', isFull: false })
  }

  async #canSave(): Promise<boolean> {
    try {
      await this.#tryToSave()
      return true
    } catch (error) {
      if (!isCodedError(error)) throw error
      return false
    }
  }
}
