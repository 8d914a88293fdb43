/**
 * Delivery: the log is the truth. Everything, this device's own messages and commits included, takes effect when it is
 * read from the log, in order.
 */
import type { ConversationId, Envelope, LogStretch } from '@famichat/protocol'
import type { DeviceLists } from '../identity/device-lists.js'
import type { Connection } from '../net/connection.js'
import { ConversationState } from '../store/records.js'
import { takeEnvelopes, takePruned } from './inbox.js'
import type { Workspace } from './workspace.js'

/** Entries of one turn: one transaction. */
const ENTRIES_PER_TURN = 64

/** What delivery works with. */
export interface DeliveryParts {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly lists: DeviceLists
  /** Called when places of a log are missing: the server may have been restored, and says so elsewhere. */
  readonly explainGap: () => Promise<unknown>
}

/** Brings conversations up to date. */
export class Delivery {
  readonly #workspace: Workspace
  readonly #connection: Connection
  readonly #lists: DeviceLists
  readonly #explainGap: () => Promise<unknown>

  constructor({ workspace, connection, lists, explainGap }: DeliveryParts) {
    this.#workspace = workspace
    this.#connection = connection
    this.#lists = lists
    this.#explainGap = explainGap
  }

  /** Reads the log after the cursor to its end, or to where this device cannot follow. */
  async catchUp(conversationId: ConversationId): Promise<void> {
    for (;;) {
      const { cursor, state, isRegistered } = await this.#workspace.read(conversationId)
      if (state !== ConversationState.active || !isRegistered) return
      const stretch: LogStretch = await this.#connection.calls.call('logRead', { conversationId, afterSeq: cursor })
      if (stretch.prunedSeq > cursor) await takePruned(this.#workspace, conversationId, stretch.prunedSeq)
      if (stretch.envelopes.some(({ header }, i) => i === 0 && header.seq > cursor + 1)) await this.#explainGap()
      await this.take(conversationId, stretch.envelopes)
      const { cursor: reached } = await this.#workspace.read(conversationId)
      if (!stretch.hasMore || reached === cursor) return
    }
  }

  /** Takes entries that were delivered, and says so to the server once they are stored. */
  async take(conversationId: ConversationId, envelopes: readonly Envelope[]): Promise<void> {
    if (envelopes.length === 0) return
    for (let from = 0; from < envelopes.length; from += ENTRIES_PER_TURN) {
      const stretch = envelopes.slice(from, from + ENTRIES_PER_TURN)
      await takeEnvelopes(this.#workspace, conversationId, stretch)
      // a device came whose account's list is not here yet: it is judged again with the list
      if (await this.#lists.fetchMissing()) await takeEnvelopes(this.#workspace, conversationId, stretch)
    }
    const { cursor } = await this.#workspace.read(conversationId)
    this.#connection.openChannel?.acknowledge(conversationId, cursor)
  }
}
