/**
 * The rows of the outbox: what is written and encrypted, in the order in which it must be accepted.
 */
import type { ConversationId } from '@famichat/protocol'
import { sortable } from '../store/fields.js'
import { conversationPrefix, decodeRecord, encodeRecord, OutboxRecord } from '../store/records.js'
import type { Store } from '../store/store.js'
import type { Turn } from './workspace.js'

/** A row with its key. */
export interface OutboxRow {
  readonly key: string
  readonly record: OutboxRecord
}

/** What waits in a conversation, oldest first. */
export const readOutbox = async (store: Store, conversationId: ConversationId): Promise<readonly OutboxRow[]> => {
  const entries = await store.list('outbox', { prefix: conversationPrefix(conversationId) })
  return entries.map(({ key, value }) => ({ key, record: decodeRecord(OutboxRecord, value) }))
}

/** Adds rows at the end, within a turn. */
export const appendOutbox = async (store: Store, conversationId: ConversationId, turn: Pick<Turn, 'put'>, records: readonly OutboxRecord[]): Promise<void> => {
  const prefix = conversationPrefix(conversationId)
  const last = (await store.list('outbox', { prefix })).at(-1)
  let order = last === undefined ? 0 : Number.parseInt(last.key.slice(prefix.length), 16)
  for (const record of records) turn.put('outbox', prefix + sortable(++order), encodeRecord(OutboxRecord, record))
}
