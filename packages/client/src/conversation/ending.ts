/**
 * The end of a device's time in a conversation: by a commit that removes it, or by itself, where nobody is left who could make one.
 */
import { type ConversationId } from '@famichat/protocol'
import { ConversationState, conversationPrefix, HistoryKind } from '../store/records.js'
import { encodeHistory, historyKey } from './history.js'
import type { Turn, Workspace } from './workspace.js'

/** What ends, and whether the device may ask to come back. */
export interface Ending {
  readonly conversationId: ConversationId
  readonly turn: Turn
  readonly isAway: boolean
}

/** This device is out: what waited to be sent or done ends with the membership. */
export const endMembership = async ({ context: { store } }: Workspace, { conversationId, turn, isAway }: Ending): Promise<void> => {
  turn.update({ state: ConversationState.ended, isAway, undo: undefined })
  // who asked to be added afresh is out for a moment only: what waits is sent when it is in again
  const over = ['intents', 'resends', 'taken', 'presence', ...(turn.record?.isRolledBack === true ? [] : ['outbox'] as const)] as const
  for (const table of over) {
    for (const { key } of await store.list(table, { prefix: conversationPrefix(conversationId) })) turn.put(table, key, undefined)
  }
}

/** This device is out by its own account's wish alone: the keys go, as by a commit, and the history says that the person left. */
export const endWithoutCommit = async (workspace: Workspace, conversationId: ConversationId, turn: Turn): Promise<void> => {
  const { group, record } = turn
  if (group?.status !== 'active' || record?.state !== ConversationState.active) return
  const { identity: { accountId, deviceId }, clock } = workspace.context
  turn.put('history', historyKey(conversationId, record.cursor + 1), encodeHistory({
    kind: HistoryKind.membership, accountId, deviceId, atMs: clock.nowMs(), epoch: group.epoch, removed: [accountId],
  }))
  group.abandon()
  turn.put('commits', conversationId, undefined)
  turn.update({ isRolledBack: false, stuckCode: '' })
  await endMembership(workspace, { conversationId, turn, isAway: false })
}
