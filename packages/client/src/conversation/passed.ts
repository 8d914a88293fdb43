/**
 * Messages of this device that the server says it has, at positions that were taken already with something else in them: it
 * told this device another log, or it was out meanwhile. They are shown where the server says they are, and wait no more.
 */
import type { Acceptance, ConversationId, MessageId } from '@famichat/protocol'
import { HistoryKind, HistoryRecord, decodeRecord } from '../store/records.js'
import { historyKey } from './history.js'
import { decodeMessageDocument } from './message-document.js'
import { readOutbox } from './outbox-rows.js'
import { Presence } from './presence.js'
import { Senders } from './senders.js'
import { showMessage, type Taking } from './taking.js'
import type { Workspace } from './workspace.js'

/** Takes from the outbox what the log will not bring any more. */
export const takePassed = async (workspace: Workspace, conversationId: ConversationId, accepted: ReadonlyMap<MessageId, Acceptance>): Promise<void> => {
  const { store, identity: { accountId, deviceId }, clock } = workspace.context
  const { cursor } = await workspace.read(conversationId)
  if (![...accepted.values()].some(({ seq }) => seq <= cursor)) return
  await workspace.turn('passed', conversationId, async (turn) => {
    const { group, record } = turn
    if (group === undefined || record === undefined) return
    const taking: Taking = {
      workspace, conversationId, turn, group, seen: new Map(), wanted: new Map(), senders: new Senders(store, conversationId),
      presence: new Presence(store, conversationId, clock.nowMs()),
    }
    for (const { key, record: { messageId, epoch, document } } of await readOutbox(store, conversationId)) {
      const acceptance = accepted.get(messageId)
      if (acceptance === undefined || acceptance.seq > record.cursor) continue
      turn.put('outbox', key, undefined)
      const { seq, createdAtMs } = acceptance
      if (document.length > 0 && !(await isTaken(workspace, conversationId, seq))) {
        await showMessage(taking, { document: decodeMessageDocument(document), accountId, deviceId, seq, epoch, createdAtMs })
      }
    }
  })
}

/** True when something that can be read stands there: a server does not get it replaced. */
const isTaken = async (workspace: Workspace, conversationId: ConversationId, seq: number): Promise<boolean> => {
  const stored = await workspace.context.store.get('history', historyKey(conversationId, seq))
  return stored !== undefined && decodeRecord(HistoryRecord, stored).kind !== HistoryKind.unreadable
}
