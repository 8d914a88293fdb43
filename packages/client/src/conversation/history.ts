/**
 * History: what happened in a conversation, in log order, one entry per log position at most.
 */
import { EMPTY } from '@famichat/base'
import { type AccountId, type ConversationId, type DeviceId, idFromBytes, type MessageId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { decodeContent, isBetweenClients, type MessageReference, type ShownContent, toShown } from '../content/content.js'
import { sortable } from '../store/fields.js'
import { conversationPrefix, decodeRecord, encodeRecord, HistoryKind, HistoryRecord, SeenRecord } from '../store/records.js'
import type { Store } from '../store/store.js'

/** Stands for a sender that is not known. */
export const UNKNOWN_ACCOUNT: AccountId = idFromBytes(new Uint8Array(16))

interface EntryBase {
  readonly conversationId: ConversationId
  /** Position in the conversation's log. */
  readonly seq: number
  readonly accountId: AccountId
  readonly deviceId: DeviceId
  readonly atMs: number
  readonly epoch: bigint
}

/** An entry as applications see it. */
export type ConversationEvent =
  | EntryBase & { readonly kind: 'message'; readonly messageId: MessageId; readonly content: ShownContent }
  /** A message that its author took back. */
  | EntryBase & { readonly kind: 'deleted'; readonly messageId: MessageId }
  | EntryBase & {
    readonly kind: 'membership'
    readonly added: readonly AccountId[]
    readonly removed: readonly AccountId[]
    /** Equal on all devices that agree on the conversation; empty where this device is out. */
    readonly epochAuthenticator: Uint8Array
  }
  | EntryBase & { readonly kind: 'joined'; readonly epochAuthenticator: Uint8Array }
  | EntryBase & { readonly kind: 'unreadable'; readonly errorCode: string }
  /** Something that people should know: {@link explain} has the words. */
  | EntryBase & { readonly kind: 'notice'; readonly errorCode: string; readonly count: number }

/** The key of an entry. */
export const historyKey = (conversationId: ConversationId, seq: number): string => conversationPrefix(conversationId) + sortable(seq)

/** The key of a notice: behind the entry at its position, one for each code and device. */
export const noticeKey = (conversationId: ConversationId, seq: number, { code, deviceId }: { readonly code: string; readonly deviceId: DeviceId }): string =>
  `${historyKey(conversationId, seq)}.${code}.${deviceId}`

/** The key of an entry that is no entry of the log: at its position, or behind a message that people have seen there. */
export const keyBeside = async (store: Pick<Store, 'get'>, conversationId: ConversationId, seq: number): Promise<string> => {
  const key = historyKey(conversationId, seq)
  const stored = await store.get('history', key)
  const kind = stored && decodeRecord(HistoryRecord, stored).kind
  return kind === HistoryKind.message || kind === HistoryKind.deleted ? `${key}.joined` : key
}

/** Above the keys of every entry at a position. */
const afterPosition = (conversationId: ConversationId, seq: number): string => `${historyKey(conversationId, seq)}~`

const NOTHING = {
  messageId: idFromBytes<MessageId>(new Uint8Array(16)), content: EMPTY, added: [], removed: [], epochAuthenticator: EMPTY, errorCode: '', count: 0,
}

/** The stored form of an entry whose other fields are empty. */
export const encodeHistory = (record: Omit<HistoryRecord, keyof typeof NOTHING> & Partial<HistoryRecord>): Uint8Array =>
  encodeRecord(HistoryRecord, { ...NOTHING, ...record })

/** An entry with its place among the stored ones. */
export interface StoredEvent {
  readonly key: string
  readonly event: ConversationEvent
}

/** Reads entries after a position, or after a stored one. */
export const readHistory = async (
  store: Store, conversationId: ConversationId, { afterSeq = 0, afterKey, limit }: { readonly afterSeq?: number; readonly afterKey?: string; readonly limit?: number } = {},
): Promise<readonly StoredEvent[]> => {
  const prefix = conversationPrefix(conversationId)
  const entries = await store.list('history', { prefix, after: afterKey ?? afterPosition(conversationId, afterSeq), ...(limit === undefined ? {} : { limit }) })
  return entries.map(({ key, value }) => {
    return { key, event: eventOf(conversationId, seqOfKey(conversationId, key), decodeRecord(HistoryRecord, value)) }
  })
}

/** The position that a key of an entry or a notice names. */
export const seqOfKey = (conversationId: ConversationId, key: string): number => {
  const { length } = conversationPrefix(conversationId)
  return Number.parseInt(key.slice(length, length + POSITION_CHARACTERS), 16)
}

/** A message where it stands; undefined when it was never taken, or was taken back. */
export const findMessage = async (
  store: Store, conversationId: ConversationId, { accountId, messageId }: MessageReference,
): Promise<{ readonly seq: number; readonly record: HistoryRecord } | undefined> => {
  const seen = await store.get('seen', `${conversationPrefix(conversationId)}${accountId}/${messageId}`)
  const seq = seen === undefined ? 0 : decodeRecord(SeenRecord, seen).seq
  const stored = seq === 0 ? undefined : await store.get('history', historyKey(conversationId, seq))
  const record = stored && decodeRecord(HistoryRecord, stored)
  return record?.kind === HistoryKind.message && record.messageId === messageId ? { seq, record } : undefined
}

const POSITION_CHARACTERS = 14

const eventOf = (conversationId: ConversationId, seq: number, record: HistoryRecord): ConversationEvent => {
  const { accountId, deviceId, atMs, epoch, messageId, content, added, removed, epochAuthenticator, errorCode, count } = record
  const base = { conversationId, seq, accountId, deviceId, atMs, epoch }
  switch (record.kind) {
    case HistoryKind.message:
      return { ...base, kind: 'message', messageId, content: shownOf(content) }
    case HistoryKind.deleted:
      return { ...base, kind: 'deleted', messageId }
    case HistoryKind.membership:
      return { ...base, kind: 'membership', added, removed, epochAuthenticator }
    case HistoryKind.joined:
      return { ...base, kind: 'joined', epochAuthenticator }
    case HistoryKind.unreadable:
      return { ...base, kind: 'unreadable', errorCode }
    case HistoryKind.notice:
      return { ...base, kind: 'notice', errorCode, count }
  }
}

const shownOf = (stored: Uint8Array): ShownContent => {
  const content = decodeContent(stored)
  if (isBetweenClients(content)) throw new ClientError('client.store.malformed')
  return toShown(content)
}
