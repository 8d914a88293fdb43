/**
 * Resending: what came and could not be read is asked for, and its author's device says it again under the same id, to a
 * group in which everybody who asks was a member when it was first said. Nothing is said twice to those who have it: the
 * id is known there. A member who asks for everything gets {@link PARAMETERS.resendsPerPause} messages an hour.
 */
import { isCodedError } from '@famichat/base'
import type { AccountId, ConversationId, MessageId } from '@famichat/protocol'
import { decodeContent, isBetweenClients, MAX_RESENDS } from '../content/content.js'
import { PARAMETERS } from '../parameters.js'
import type { WantedRecord } from '../store/records.js'
import { findMessage, readHistory } from './history.js'
import { type PlacedDevice, membersOf } from './members.js'
import { encodeMessageDocument } from './message-document.js'
import type { Outbox } from './outbox.js'
import { noteAsked, noteResent, type Owed, readOwed, readResent, readWanted } from './resends.js'
import { isStaying } from './standing.js'
import type { Workspace } from './workspace.js'

/** What resending works with. */
export interface ResendingContext {
  readonly workspace: Workspace
  readonly outbox: Pick<Outbox, 'write'>
}

/** Asks, and answers. It writes; the outbox sends. */
export class Resending {
  readonly #context: ResendingContext

  constructor(context: ResendingContext) {
    this.#context = context
  }

  /** True when there is something to ask for, or somebody to answer. */
  async isDue(conversationId: ConversationId): Promise<boolean> {
    const { store } = this.#context.workspace.context
    return (await this.#toAskFor(conversationId)).length > 0 || (await readOwed(store, conversationId)).length > 0
  }

  /** Writes requests and answers. @throws ClientError `client.conversation.*` */
  async settle(conversationId: ConversationId): Promise<void> {
    if (!isStaying(await this.#context.workspace.read(conversationId))) return
    try {
      await this.#ask(conversationId)
      await this.#answer(conversationId)
    } catch (error) {
      // on the way out: what is owed and wanted ends with the membership
      if (!isCodedError(error, 'client.conversation.ended')) throw error
    }
  }

  async #ask(conversationId: ConversationId): Promise<void> {
    const { workspace, outbox } = this.#context
    const nowMs = workspace.context.clock.nowMs()
    const due = await this.#toAskFor(conversationId)
    for (const deviceId of new Set(due.map(({ record }) => record.deviceId))) {
      const messages = due.filter(({ record }) => record.deviceId === deviceId).slice(0, MAX_RESENDS)
      await outbox.write(conversationId, { type: 'resendRequest', deviceId, messageIds: messages.map(({ messageId }) => messageId) })
      await workspace.turn('asked', conversationId, (turn) => {
        for (const message of messages) noteAsked(turn, conversationId, { ...message, nowMs })
        return Promise.resolve()
      })
    }
  }

  async #toAskFor(conversationId: ConversationId): Promise<readonly { readonly messageId: MessageId; readonly record: WantedRecord }[]> {
    const { store, clock } = this.#context.workspace.context
    const nowMs = clock.nowMs()
    const wanted = await readWanted(store, conversationId)
    // a device that has not answered is not asked for more: where two cannot read each other, requests would answer requests for ever
    const silent = new Set(wanted.filter(({ record: { asks, askedAtMs } }) => asks > 0 && nowMs - askedAtMs < PARAMETERS.resendPauseMs).map(({ record }) => record.deviceId))
    return wanted.filter(({ record: { asks, askedAtMs, deviceId } }) =>
      (asks === 0 ? !silent.has(deviceId) : asks < PARAMETERS.resendAsks && nowMs - askedAtMs >= PARAMETERS.resendAskEveryMs))
  }

  async #answer(conversationId: ConversationId): Promise<void> {
    const { workspace } = this.#context
    const { store, clock } = workspace.context
    const owed = await readOwed(store, conversationId)
    if (owed.length === 0) return
    const members = await workspace.turn('read', conversationId, ({ group }) => Promise.resolve(group?.status === 'active' ? membersOf(group) : []))
    const pauseFromMs = clock.nowMs() - PARAMETERS.resendPauseMs
    const recent = new Set([...await readResent(store, conversationId)].filter(([, atMs]) => atMs > pauseFromMs).map(([messageId]) => messageId))
    for (const request of owed) {
      const mayAnswer = recent.size < PARAMETERS.resendsPerPause && !recent.has(request.messageId) && this.#isForMe(request, members)
      if (mayAnswer && await this.#sayAgain(conversationId, request, members)) recent.add(request.messageId)
      await workspace.turn('answered', conversationId, (turn) => {
        turn.put('resends', request.key, undefined)
        if (recent.has(request.messageId)) noteResent(turn, conversationId, { messageId: request.messageId, nowMs: clock.nowMs() })
        return Promise.resolve()
      })
    }
  }

  /** The device that said it answers; when it is gone, the first of its person's devices. */
  #isForMe({ deviceId }: Owed, members: readonly PlacedDevice[]): boolean {
    const { identity } = this.#context.workspace.context
    if (members.some((member) => member.deviceId === deviceId)) return deviceId === identity.deviceId
    return members.find(({ accountId }) => accountId === identity.accountId)?.deviceId === identity.deviceId
  }

  /** @returns whether there was something that this person may say to whoever asks */
  async #sayAgain(conversationId: ConversationId, { messageId, asker }: Owed, members: readonly PlacedDevice[]): Promise<boolean> {
    const { workspace: { context: { store, identity } }, outbox } = this.#context
    const found = await findMessage(store, conversationId, { accountId: identity.accountId, messageId })
    if (found === undefined || !(await this.#wasMember(conversationId, { seq: found.seq, asker, members }))) return false
    const content = decodeContent(found.record.content)
    if (content.type === 'unknown' || isBetweenClients(content)) return false
    try {
      await outbox.write(conversationId, { type: 'resent', document: encodeMessageDocument({ messageId, sentAtMs: found.record.atMs, content }) })
      return true
    } catch (error) {
      // with another envelope around it, it does not fit any more
      if (isCodedError(error, 'client.message.too_long')) return false
      throw error
    }
  }

  /** Whether an account was in the conversation at a position: from who is there now, backwards through the changes. */
  async #wasMember(
    conversationId: ConversationId, { seq, asker, members }: { readonly seq: number; readonly asker: AccountId; readonly members: readonly PlacedDevice[] },
  ): Promise<boolean> {
    let isMember = members.some(({ accountId }) => accountId === asker)
    const since = await readHistory(this.#context.workspace.context.store, conversationId, { afterSeq: seq })
    for (const { event } of [...since].reverse()) {
      // what changed before this device came back is not known here
      if (event.kind === 'joined') return false
      if (event.kind !== 'membership') continue
      if (event.added.includes(asker)) isMember = false
      if (event.removed.includes(asker)) isMember = true
    }
    return isMember
  }
}
