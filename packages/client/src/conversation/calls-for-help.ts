/**
 * Members who ask to be added afresh, heard of while connected (E3d, S48): each member waits a moment of its own before it looks who
 * still asks, so that one of them has helped by the time the others look. Who asks again and again, or a server that says so, is heard
 * ever more seldom: a device cannot be made to commit without end.
 */
import type { RandomBytes } from '@famichat/base'
import type { ConversationId } from '@famichat/protocol'
import type { Timer } from '../net/timer.js'
import { PARAMETERS } from '../parameters.js'

/** What hearing calls works with. */
export interface CallsForHelpContext {
  readonly timer: Timer
  readonly random: RandomBytes
  /** Looks who asks, and helps; must not throw. */
  readonly help: (conversationId: ConversationId) => void
}

interface Call {
  /** Heard once more since the wait began: it may be about somebody whom this look misses. */
  isHeardAgain: boolean
  cancel: () => void
}

/** One call at a time for each conversation. */
export class CallsForHelp {
  readonly #context: CallsForHelpContext
  readonly #calls = new Map<ConversationId, Call>()

  constructor(context: CallsForHelpContext) {
    this.#context = context
  }

  /** The server says that somebody asks. */
  heard(conversationId: ConversationId): void {
    const call = this.#calls.get(conversationId)
    if (call === undefined) this.#wait(conversationId, PARAMETERS.helpPauseMs)
    else call.isHeardAgain = true
  }

  /** The connection is over: with the next one, everything is looked at. */
  stop(): void {
    for (const { cancel } of this.#calls.values()) cancel()
    this.#calls.clear()
  }

  /** @param pauseMs after looking, before it looks here again; twice as long each time, until nobody asks while it lasts */
  #wait(conversationId: ConversationId, pauseMs: number): void {
    const { timer, random, help } = this.#context
    const call: Call = { isHeardAgain: false, cancel: () => undefined }
    this.#calls.set(conversationId, call)
    call.cancel = timer(PARAMETERS.helpAfterMs + Math.floor(((random(1)[0] ?? 0) / 256) * PARAMETERS.helpJitterMs), () => {
      call.cancel = timer(pauseMs, () => {
        this.#calls.delete(conversationId)
        if (call.isHeardAgain) this.#wait(conversationId, Math.min(2 * pauseMs, PARAMETERS.upkeepEveryMs))
      })
      help(conversationId)
    })
  }
}
