/**
 * Intents: changes of a conversation that are wanted. They are stored, so that a lost race or a crash only delays them.
 */
import { type ConversationId, makeId, type MessageId } from '@famichat/protocol'
import { conversationPrefix, decodeRecord, encodeRecord, IntentKind, IntentRecord } from '../store/records.js'
import type { Store } from '../store/store.js'
import type { MemberDevice } from './members.js'
import type { Turn, Workspace } from './workspace.js'

/** An intent with its key. */
export interface StoredIntent {
  readonly key: string
  readonly record: IntentRecord
}

/** What is wanted of a conversation, in no order. */
export const readIntents = async (store: Store, conversationId: ConversationId): Promise<readonly StoredIntent[]> =>
  (await store.list('intents', { prefix: conversationPrefix(conversationId) }))
    .map(({ key, value }) => ({ key, record: decodeRecord(IntentRecord, value) }))

/** Something wanted: what is left out is empty. */
export type Intent = Pick<IntentRecord, 'kind'> & Partial<IntentRecord>

/** Wants something, within a turn. */
export const putIntent = (workspace: Workspace, conversationId: ConversationId, turn: Turn, intent: Intent): void => {
  const id = makeId<MessageId>(workspace.context.random)
  turn.put('intents', conversationPrefix(conversationId) + id, encodeRecord(IntentRecord, { devices: [], epoch: 0n, atMs: 0, ...intent }))
}

/** Wants devices in or out. */
export const wantDevices = (
  workspace: Workspace, conversationId: ConversationId, kind: Exclude<IntentRecord['kind'], typeof IntentKind.refresh>, devices: readonly MemberDevice[],
): Promise<void> =>
  workspace.turn('intent', conversationId, (turn) => {
    const wanted = devices.map(({ accountId, deviceId }) => ({ accountId, deviceId }))
    putIntent(workspace, conversationId, turn, { kind, devices: wanted })
    return Promise.resolve()
  })

/** The devices that intents of a kind name. */
export const devicesOf = (intents: readonly StoredIntent[], kind: IntentRecord['kind']): readonly MemberDevice[] =>
  intents.filter(({ record }) => record.kind === kind).flatMap(({ record }) => record.devices)
