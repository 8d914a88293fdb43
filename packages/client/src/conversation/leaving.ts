/**
 * Leaving: a member proposes that all devices of its account go, and somebody else commits that. Where nobody is left who could, because
 * all others are revoked or ended, each of these devices ends it for itself, and has the server keep nothing more for it. Nobody gets
 * here without having asked to leave, so a server that calls everybody ended makes nobody drop a conversation (docs/policies.md).
 */
import { EMPTY, isCodedError } from '@famichat/base'
import { makeRemove } from '@famichat/mls'
import { type ConversationId, makeId, type MessageId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { People } from '../identity/directory.js'
import { unlistedDevices } from '../identity/stray-devices.js'
import type { Connection } from '../net/connection.js'
import { ConversationState, OutboxKind, type OutboxRecord } from '../store/records.js'
import { endWithoutCommit } from './ending.js'
import { membersOf } from './members.js'
import { makeHead, type Outbox } from './outbox.js'
import { appendOutbox } from './outbox-rows.js'
import { isOnItsWayOut, removedByProposals } from './pending-proposals.js'
import { viewOf } from './policy.js'
import { rosterGap } from './roster.js'
import { readUndo } from './undo.js'
import type { Turn, Workspace } from './workspace.js'

/** What leaving works with. */
export interface LeavingContext {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly outbox: Outbox
  readonly people: Pick<People, 'accounts' | 'revoked'>
}

/** Brings people out of conversations that they want to leave. */
export class Leaving {
  readonly #context: LeavingContext

  constructor(context: LeavingContext) {
    this.#context = context
  }

  /** Says that this account wants to leave, and leaves at once where nobody is left to let it go. @throws ClientError `client.conversation.ended` | ProtocolError */
  async begin(conversationId: ConversationId): Promise<void> {
    const { outbox } = this.#context
    // what waits goes first: nothing can be said between the wish to leave and the commit (RFC 9420 §12.4)
    await outbox.flush(conversationId)
    await this.#propose(conversationId)
    await outbox.flush(conversationId)
    await this.finish(conversationId)
  }

  /** An epoch that ended without the proposal to leave makes it void: it is proposed again. */
  async goOn(conversationId: ConversationId): Promise<void> {
    const { workspace, outbox } = this.#context
    const isDue = await workspace.turn('read', conversationId, ({ group, record }) =>
      Promise.resolve(record?.isLeaving === true && group?.status === 'active' && !removedByProposals(group, readUndo(record)).has(group.ownLeaf)))
    if (!isDue) return
    await this.#propose(conversationId)
    await outbox.flush(conversationId)
  }

  /** Ends it here where this account wants to leave, and no device of anybody else is left that could commit it. @returns true when this device is out */
  async finish(conversationId: ConversationId): Promise<boolean> {
    const { workspace, connection: { calls } } = this.#context
    if (calls.isNarrowed || !(await workspace.turn('leave', conversationId, (turn) => this.#mayFinish(turn)))) return false
    try {
      await calls.call('conversationLeave', { conversationId })
    } catch (error) {
      // the server knows of somebody who can let this account go
      if (!isCodedError(error, 'protocol.roster.refused')) throw error
      return false
    }
    await workspace.turn('leave', conversationId, (turn) => endWithoutCommit(workspace, conversationId, turn))
    return true
  }

  async #mayFinish(turn: Turn): Promise<boolean> {
    const { workspace: { context: { store, identity: { accountId: ownAccount } } }, people } = this.#context
    const { group, record } = turn
    if (group?.status !== 'active' || record?.state !== ConversationState.active || !record.isRegistered) return false
    if (!record.isLeaving && !isOnItsWayOut(group, ownAccount)) return false
    const view = viewOf(group, readUndo(record))
    const { going } = rosterGap({ people, ownAccount, view, unlisted: await unlistedDevices(store, view.members) })
    const gone = new Set(going.map(({ deviceId }) => deviceId))
    if (view.members.some(({ accountId, deviceId }) => accountId !== ownAccount && !gone.has(deviceId))) return false
    // another device of this account asked for it: from here on this one knows it by itself
    if (!record.isLeaving) turn.update({ isLeaving: true })
    return true
  }

  /** Proposes that every device of this account is removed. */
  async #propose(conversationId: ConversationId): Promise<void> {
    const { workspace } = this.#context
    const { identity, store, random } = workspace.context
    await workspace.turn('propose', conversationId, async (turn) => {
      const { group, record } = turn
      if (group === undefined || record?.state !== ConversationState.active) throw new ClientError('client.conversation.ended')
      turn.update({ isLeaving: true })
      const proposed = removedByProposals(group, readUndo(record))
      const own = membersOf(group).filter(({ accountId, leafIndex }) => accountId === identity.accountId && !proposed.has(leafIndex))
      const rows: OutboxRecord[] = []
      for (const { leafIndex } of own) {
        const { epoch } = group
        const message = await group.propose(makeRemove(leafIndex), { authenticatedData: await makeHead(workspace, group, { conversationId, number: 0, lastSeq: record.cursor }) })
        rows.push({ kind: OutboxKind.proposal, messageId: makeId<MessageId>(random), epoch, message, number: 0, document: EMPTY })
      }
      await appendOutbox(store, conversationId, turn, rows)
    })
  }
}
