/**
 * History: what happened in a conversation, in log order, one entry per log position at most.
 */
import { EMPTY } from '@famichat/base'
import { type AccountId, type ConversationId, type DeviceId, idFromBytes, type MessageId } from '@famichat/protocol'
import { sortable } from '../store/fields.js'
import { conversationPrefix, decodeRecord, encodeRecord, HistoryKind, HistoryRecord } from '../store/records.js'
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
  | EntryBase & { readonly kind: 'message'; readonly messageId: MessageId; readonly body: string }
  | EntryBase & {
    readonly kind: 'membership'
    readonly added: readonly AccountId[]
    readonly removed: readonly AccountId[]
    /** Equal on all devices that agree on the conversation; empty where this device is out. */
    readonly epochAuthenticator: Uint8Array
  }
  | EntryBase & { readonly kind: 'joined'; readonly epochAuthenticator: Uint8Array }
  | EntryBase & { readonly kind: 'unreadable'; readonly errorCode: string }

/** The key of an entry. */
export const historyKey = (conversationId: ConversationId, seq: number): string => conversationPrefix(conversationId) + sortable(seq)

const NOTHING = {
  messageId: idFromBytes<MessageId>(new Uint8Array(16)), body: '', added: [], removed: [], epochAuthenticator: EMPTY, errorCode: '',
}

/** The stored form of an entry whose other fields are empty. */
export const encodeHistory = (record: Omit<HistoryRecord, keyof typeof NOTHING> & Partial<HistoryRecord>): Uint8Array =>
  encodeRecord(HistoryRecord, { ...NOTHING, ...record })

/** Reads entries after a position. */
export const readHistory = async (
  store: Store, conversationId: ConversationId, { afterSeq = 0, limit }: { readonly afterSeq?: number; readonly limit?: number } = {},
): Promise<readonly ConversationEvent[]> => {
  const entries = await store.list('history', {
    prefix: conversationPrefix(conversationId), after: historyKey(conversationId, afterSeq), ...(limit === undefined ? {} : { limit }),
  })
  return entries.map(({ key, value }) => eventOf(conversationId, Number.parseInt(key.slice(-14), 16), decodeRecord(HistoryRecord, value)))
}

const eventOf = (conversationId: ConversationId, seq: number, record: HistoryRecord): ConversationEvent => {
  const { accountId, deviceId, atMs, epoch, messageId, body, added, removed, epochAuthenticator, errorCode } = record
  const base = { conversationId, seq, accountId, deviceId, atMs, epoch }
  switch (record.kind) {
    case HistoryKind.text:
      return { ...base, kind: 'message', messageId, body }
    case HistoryKind.membership:
      return { ...base, kind: 'membership', added, removed, epochAuthenticator }
    case HistoryKind.joined:
      return { ...base, kind: 'joined', epochAuthenticator }
    case HistoryKind.unreadable:
      return { ...base, kind: 'unreadable', errorCode }
  }
}
