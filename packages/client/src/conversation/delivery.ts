/**
 * Delivery: the log is the truth. Everything, this device's own messages and commits included, takes effect when it is
 * read from the log, in order.
 */
import type { ConversationId, Envelope, LogStretch } from '@famichat/protocol'
import type { DeviceLists } from '../identity/device-lists.js'
import type { Connection } from '../net/connection.js'
import { ConversationState } from '../store/records.js'
import { takeEnvelopes, takePruned } from './inbox.js'
import type { Sleep } from './retry.js'
import type { Workspace } from './workspace.js'

/** Entries of one turn at most: one transaction. */
const ENTRIES_PER_TURN = 64

/** What delivery works with. */
export interface DeliveryParts {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly lists: DeviceLists
  /** Called when places of a log are missing: the server may have been restored, and says so elsewhere. */
  readonly explainGap: () => Promise<unknown>
  readonly sleep: Sleep
}

/** Brings conversations up to date. */
export class Delivery {
  readonly #workspace: Workspace
  readonly #connection: Connection
  readonly #lists: DeviceLists
  readonly #explainGap: () => Promise<unknown>
  readonly #sleep: Sleep

  constructor({ workspace, connection, lists, explainGap, sleep }: DeliveryParts) {
    this.#workspace = workspace
    this.#connection = connection
    this.#lists = lists
    this.#explainGap = explainGap
    this.#sleep = sleep
  }

  /** Reads the log after the cursor to its end, or to where this device cannot follow. */
  async catchUp(conversationId: ConversationId): Promise<void> {
    for (;;) {
      const { cursor, state, isRegistered } = await this.#workspace.read(conversationId)
      if (state !== ConversationState.active || !isRegistered) return
      const stretch: LogStretch = await this.#connection.calls.call('logRead', { conversationId, afterSeq: cursor })
      if (stretch.prunedSeq > cursor) await takePruned(this.#workspace, conversationId, stretch.prunedSeq)
      if ((stretch.envelopes[0]?.header.seq ?? 0) > cursor + 1) await this.#explainGap()
      await this.take(conversationId, stretch.envelopes)
      const { cursor: reached } = await this.#workspace.read(conversationId)
      if (!stretch.hasMore || reached === cursor) return
    }
  }

  /**
   * Takes entries that were delivered, and says so to the server once they are stored. Between turns whoever shares the thread
   * gets to run: a long absence must not make a page stand still.
   */
  async take(conversationId: ConversationId, envelopes: readonly Envelope[]): Promise<void> {
    if (envelopes.length === 0) return
    // positions say the order, not the server's way of telling: an entry that comes too early must not make those before it seem left out
    for (let rest: readonly Envelope[] = [...envelopes].sort((a, b) => a.header.seq - b.header.seq); ;) {
      const stretch = rest.slice(0, ENTRIES_PER_TURN)
      await takeEnvelopes(this.#workspace, conversationId, stretch)
      // a device came whose account's list is not here yet: it is judged again with the list
      if (await this.#lists.fetchMissing()) await takeEnvelopes(this.#workspace, conversationId, stretch)
      const { cursor } = await this.#workspace.read(conversationId)
      const left = rest.filter(({ header }) => header.seq > cursor)
      if (left.length === 0 || left.length === rest.length) {
        this.#connection.openChannel?.acknowledge(conversationId, cursor)
        return
      }
      rest = left
      await this.#sleep(0)
    }
  }
}
