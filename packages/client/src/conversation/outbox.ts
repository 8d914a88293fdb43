/**
 * Outbox: a message is encrypted and written before it is sent, and sent again with the same bytes until the server has
 * it (E5). Only when the server says that its epoch is over is it encrypted anew, under the same message id.
 */
import { PARAMETERS } from '../parameters.js'
import { present } from '@famichat/base'
import type { Group } from '@famichat/mls'
import { type Acceptance, type ConversationId, makeId, type MessageId, ProtocolError } from '@famichat/protocol'
import { ClientError, type ClientErrorCode } from '../client-error.js'
import type { MessageContent } from '../content/content.js'
import { deviceListHeadOf, readDeviceList } from '../identity/device-lists.js'
import { requireUnchanged } from '../identity/key-changes.js'
import type { Connection } from '../net/connection.js'
import { ConversationState, encodeRecord, OutboxKind, OutboxRecord } from '../store/records.js'
import type { Delivery } from './delivery.js'
import { expiredGuests, hasExpiredGuests } from './commit-plan.js'
import { accountsOf, membersOf } from './members.js'
import { encodeMessageDocument, encodeMessageHead, type MessageDocument, type MessageHead, TRANSCRIPT_PREFIX_BYTES } from './message-document.js'
import { appendOutbox, type OutboxRow, readOutbox } from './outbox-rows.js'
import { takePassed } from './passed.js'
import { removedByProposals } from './pending-proposals.js'
import { viewOf } from './policy.js'
import { backOffMs, retryLimited, type Sleep } from './retry.js'
import { noteAt } from './taking.js'
import { readUndo } from './undo.js'
import type { Turn, Workspace, WorkspaceContext } from './workspace.js'

/** What sending works with. */
export interface OutboxContext {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly delivery: Delivery
  /** Commits what is proposed: nothing may be sent before that (RFC 9420 §12.4). */
  readonly settle: (conversationId: ConversationId) => Promise<void>
  readonly sleep: Sleep
}

const MAX_ATTEMPTS = PARAMETERS.sendAttempts

/** The group of an active conversation, also while leaving it if that is asked for. @throws ClientError `client.conversation.*` */
export const requireActive = ({ record, group }: Turn, { isLeavingToo = false } = {}): Group => {
  if (record === undefined) throw new ClientError('client.conversation.unknown')
  if (record.state !== ConversationState.active || (record.isLeaving && !isLeavingToo)) throw new ClientError('client.conversation.ended')
  if (record.isRolledBack) throw new ClientError('client.profile.rolled_back')
  if (record.stuckCode !== '') throw new ClientError('client.conversation.stuck', { reason: record.stuckCode })
  return present(group, 'an active conversation has a group')
}

/** Sends messages and proposals. */
export class Outbox {
  readonly #context: OutboxContext

  constructor(context: OutboxContext) {
    this.#context = context
  }

  /**
   * Writes a message; `flush` sends it.
   * @throws ClientError `client.scope.refused` | `client.message.*` | `client.file.*` | `client.conversation.*`
   */
  async write(conversationId: ConversationId, content: MessageContent): Promise<MessageId> {
    const { workspace: { context: { clock, random } }, settle, connection: { calls } } = this.#context
    if (!calls.reaches(conversationId, 'write')) throw new ClientError('client.scope.refused')
    const message = { messageId: makeId<MessageId>(random), sentAtMs: clock.nowMs(), content }
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      if (await this.#tryWrite(conversationId, message)) return message.messageId
      await settle(conversationId)
    }
    throw new ClientError('client.conversation.busy')
  }

  /** Sends what waits, in order, and takes it from the log. @throws ProtocolError | ClientError */
  async flush(conversationId: ConversationId): Promise<void> {
    const { workspace, connection, delivery } = this.#context
    const { store, onPoint, random } = workspace.context
    const accepted = new Map<MessageId, Acceptance>()
    if ((await workspace.read(conversationId)).isRolledBack) throw new ClientError('client.profile.rolled_back')
    for (let refused = 0; ;) {
      const next = (await readOutbox(store, conversationId)).find(({ record }) => !accepted.has(record.messageId))
      if (next === undefined) break
      const { messageId, epoch, message } = next.record
      try {
        const channel = await connection.channel()
        accepted.set(messageId, await retryLimited(this.#context.sleep, () => channel.send({ conversationId, messageId, epoch, message })))
        onPoint('send.accepted')
      } catch (error) {
        await this.#recover(conversationId, next, error)
        // a server that calls everything stale is not asked for ever
        if (++refused === MAX_ATTEMPTS) throw new ClientError('client.conversation.busy', {}, { cause: error })
        await this.#context.sleep(backOffMs(random, refused))
      }
    }
    if (accepted.size === 0) return
    await delivery.catchUp(conversationId)
    await takePassed(workspace, conversationId, accepted)
  }

  #tryWrite(conversationId: ConversationId, message: MessageDocument): Promise<boolean> {
    const { workspace } = this.#context
    return workspace.turn('send', conversationId, async (turn) => {
      const group = requireActive(turn)
      if (mustCommitFirst(turn, group, workspace.context)) return false
      await requireUnchanged(workspace.context.store, accountsOf(membersOf(group)))
      const number = (turn.record?.sentCount ?? 0) + 1
      const { messageId } = message
      const row = await seal(workspace, turn, group, { conversationId, messageId, number, document: encodeMessageDocument(message) })
      await appendOutbox(workspace.context.store, conversationId, turn, [row])
      turn.update({ sentCount: number })
      return true
    })
  }

  /** What a refused entry needs before the outbox goes on. @throws what it cannot mend */
  async #recover(conversationId: ConversationId, row: OutboxRow, error: unknown): Promise<void> {
    const { workspace, delivery, settle } = this.#context
    if (!(error instanceof ProtocolError)) throw error
    switch (error.code) {
      case 'protocol.epoch.stale':
        await delivery.catchUp(conversationId)
        if (row.record.kind === OutboxKind.proposal) await this.#drop(conversationId, row)
        else if (!(await this.#sealAnew(conversationId, row))) await settle(conversationId)
        return
      case 'protocol.access.refused':
        // not in it any more: the end of the log says so, and empties the outbox
        await delivery.catchUp(conversationId)
        if ((await workspace.read(conversationId)).state === ConversationState.ended) throw new ClientError('client.conversation.ended', {}, { cause: error })
        throw error
      case 'protocol.message.id_reused':
        // said before this device's files were put back, in other bytes
        await this.#drop(conversationId, row, 'client.profile.rolled_back')
        return
      case 'protocol.epoch.unknown':
        await markForked(workspace, conversationId)
        throw new ClientError('client.conversation.stuck', { reason: 'client.log.forked' }, { cause: error })
      default:
        throw error
    }
  }

  #drop(conversationId: ConversationId, { key, record: { epoch } }: OutboxRow, code?: ClientErrorCode): Promise<void> {
    const { workspace } = this.#context
    const { identity: { accountId, deviceId }, clock } = workspace.context
    return workspace.turn('drop', conversationId, (turn) => {
      turn.put('outbox', key, undefined)
      if (code !== undefined) noteAt({ turn, conversationId }, { seq: turn.record?.cursor ?? 0, code, accountId, deviceId, atMs: clock.nowMs(), epoch, count: 1 })
      return Promise.resolve()
    })
  }

  /** Encrypts in the epoch that is now; another process may have done so. @returns false when proposals stand in the way */
  #sealAnew(conversationId: ConversationId, { key, record }: OutboxRow): Promise<boolean> {
    const { workspace } = this.#context
    return workspace.turn('reseal', conversationId, async (turn) => {
      // what was written before this person wanted to leave is still said
      const group = requireActive(turn, { isLeavingToo: true })
      const now = (await readOutbox(workspace.context.store, conversationId)).find((row) => row.key === key)
      if (now?.record.messageId !== record.messageId || now.record.epoch === group.epoch) return true
      if (mustCommitFirst(turn, group, workspace.context)) return false
      turn.put('outbox', key, encodeRecord(OutboxRecord, await seal(workspace, turn, group, { conversationId, ...record })))
      return true
    })
  }
}

/**
 * True when something has to be committed before anything is said: proposals (RFC 9420 §12.4), a forbidden change to undo, guests
 * whose time is over. @throws ClientError `client.conversation.ended` | `client.change.refused` | `client.guest.expired`
 */
const mustCommitFirst = ({ record }: Turn, group: Group, { clock, identity }: WorkspaceContext): boolean => {
  const undo = record && readUndo(record)
  if (removedByProposals(group, undo).has(group.ownLeaf)) throw new ClientError('client.conversation.ended')
  if (undo?.offenders.includes(identity.deviceId) === true || undo?.added.includes(identity.deviceId) === true) throw new ClientError('client.change.refused')
  const view = viewOf(group, undo)
  const nowMs = clock.nowMs()
  if (expiredGuests(view.rules, nowMs).has(identity.accountId)) throw new ClientError('client.guest.expired')
  return group.pendingProposals.length > 0 || undo !== undefined || hasExpiredGuests(view, nowMs)
}

/** The server does not know the epoch that this device is in: it was told another course of things than the others (S6). */
export const markForked = (workspace: Workspace, conversationId: ConversationId): Promise<void> =>
  workspace.turn('forked', conversationId, (turn) => {
    turn.update({ stuckCode: 'client.log.forked' })
    return Promise.resolve()
  })

/**
 * For a device that came in on a new leaf because its files were older than what it had sent: what waits was encrypted with
 * keys that were used before, so it is encrypted anew, and not with them (E8).
 */
export const sealWaitingAnew = async (workspace: Workspace, conversationId: ConversationId, turn: Turn): Promise<void> => {
  const group = present(turn.group, 'it has just come in')
  let number = 0
  for (const { key, record } of await readOutbox(workspace.context.store, conversationId)) {
    const isMessage = record.kind === OutboxKind.message
    turn.put('outbox', key, isMessage ? encodeRecord(OutboxRecord, await seal(workspace, turn, group, { conversationId, ...record, number: ++number })) : undefined)
  }
  turn.update({ sentCount: number })
}

const seal = async (
  workspace: Workspace, { record }: Turn, group: Group,
  { conversationId, messageId, number, document }: Pick<OutboxRecord, 'messageId' | 'number' | 'document'> & { readonly conversationId: ConversationId },
): Promise<OutboxRecord> => {
  const { epoch } = group
  const authenticatedData = await makeHead(workspace, group, { conversationId, number, lastSeq: record?.cursor ?? 0 })
  const message = await group.protect(document, { authenticatedData })
  return { kind: OutboxKind.message, messageId, epoch, message, number, document }
}

/** The head of what a member says in the epoch that is now. */
export const makeHead = async (
  { context: { store, identity } }: Workspace, group: Group, fields: Pick<MessageHead, 'conversationId' | 'number' | 'lastSeq'>,
): Promise<Uint8Array> =>
  encodeMessageHead({ ...fields, transcriptPrefix: transcriptPrefixOf(group), ...deviceListHeadOf(await readDeviceList(store, identity.accountId)) })

/** The beginning of confirmed_transcript_hash; zeros before the first commit, where it is empty. */
export const transcriptPrefixOf = (group: Group): Uint8Array => {
  const prefix = new Uint8Array(TRANSCRIPT_PREFIX_BYTES)
  prefix.set(group.context.confirmedTranscriptHash.subarray(0, TRANSCRIPT_PREFIX_BYTES))
  return prefix
}
