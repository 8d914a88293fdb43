/**
 * Resends, as they are stored: messages that came and could not be read are wanted; messages that others could not read are
 * owed. Rows are written by the turn that takes the log, and worked off by resending.ts.
 */
import type { AccountId, ConversationId, DeviceId, MessageId } from '@famichat/protocol'
import type { MessageReference } from '../content/content.js'
import { conversationPrefix, decodeRecord, encodeRecord, OwedRecord, ResentRecord, WantedRecord } from '../store/records.js'
import type { Store } from '../store/store.js'
import type { Turn, Workspace } from './workspace.js'

/** A message that is wanted: whose it is, as the server said, and where it stands. */
export type Wanted = Pick<WantedRecord, 'accountId' | 'deviceId' | 'seq'>

/** A message that somebody could not read. */
export interface Owed {
  readonly key: string
  readonly messageId: MessageId
  /** Who asks. */
  readonly asker: AccountId
  /** Which device is asked. */
  readonly deviceId: DeviceId
}

interface WantingTurn {
  readonly workspace: Workspace
  readonly conversationId: ConversationId
  readonly turn: Turn
  readonly wanted: Map<string, Wanted>
}

const wantedPrefix = (conversationId: ConversationId): string => `${conversationPrefix(conversationId)}wanted/`
const owedPrefix = (conversationId: ConversationId): string => `${conversationPrefix(conversationId)}owed/`
const resentPrefix = (conversationId: ConversationId): string => `${conversationPrefix(conversationId)}resent/`

/** Remembers that a message is wanted. */
export const wantAgain = ({ conversationId, turn, wanted }: WantingTurn, messageId: MessageId, row: Wanted): void => {
  wanted.set(messageId, row)
  turn.put('resends', wantedPrefix(conversationId) + messageId, encodeRecord(WantedRecord, { ...row, asks: 0, askedAtMs: 0 }))
}

/** The message came after all: where it stands, if it was wanted of that author. */
export const takeWanted = async (
  { workspace, conversationId, turn, wanted }: WantingTurn, { accountId, messageId }: MessageReference,
): Promise<number | undefined> => {
  const key = wantedPrefix(conversationId) + messageId
  const stored = await workspace.context.store.get('resends', key)
  const row = wanted.get(messageId) ?? (stored && decodeRecord(WantedRecord, stored))
  // another member's message under that id is not it
  if (row?.accountId !== accountId) return undefined
  turn.put('resends', key, undefined)
  return row.seq
}

/** Somebody asks for messages. */
export const oweAgain = (
  turn: Turn, conversationId: ConversationId,
  { deviceId, messageIds, asker }: { readonly deviceId: DeviceId; readonly messageIds: readonly MessageId[]; readonly asker: AccountId },
): void => {
  for (const messageId of messageIds) turn.put('resends', `${owedPrefix(conversationId)}${messageId}/${asker}`, encodeRecord(OwedRecord, { deviceId }))
}

/** What is wanted in a conversation. */
export const readWanted = async (store: Store, conversationId: ConversationId): Promise<readonly { readonly messageId: MessageId; readonly record: WantedRecord }[]> => {
  const prefix = wantedPrefix(conversationId)
  return (await store.list('resends', { prefix })).map(({ key, value }) => ({ messageId: key.slice(prefix.length) as MessageId, record: decodeRecord(WantedRecord, value) }))
}

/** What is owed in a conversation. */
export const readOwed = async (store: Store, conversationId: ConversationId): Promise<readonly Owed[]> => {
  const prefix = owedPrefix(conversationId)
  return (await store.list('resends', { prefix })).map(({ key, value }) => {
    const [messageId, asker] = key.slice(prefix.length).split('/')
    return { key, messageId: messageId as MessageId, asker: asker as AccountId, ...decodeRecord(OwedRecord, value) }
  })
}

/** Notes that the messages were asked for once more. */
export const noteAsked = (turn: Turn, conversationId: ConversationId, { messageId, record, nowMs }: { messageId: MessageId; record: WantedRecord; nowMs: number }): void => {
  turn.put('resends', wantedPrefix(conversationId) + messageId, encodeRecord(WantedRecord, { ...record, asks: record.asks + 1, askedAtMs: nowMs }))
}

/** Notes that a message was said again. */
export const noteResent = (turn: Turn, conversationId: ConversationId, { messageId, nowMs }: { messageId: MessageId; nowMs: number }): void => {
  turn.put('resends', resentPrefix(conversationId) + messageId, encodeRecord(ResentRecord, { atMs: nowMs }))
}

/** Messages that were said again, with when. */
export const readResent = async (store: Store, conversationId: ConversationId): Promise<ReadonlyMap<MessageId, number>> => {
  const prefix = resentPrefix(conversationId)
  return new Map((await store.list('resends', { prefix })).map(({ key, value }) => [key.slice(prefix.length) as MessageId, decodeRecord(ResentRecord, value).atMs]))
}
