/**
 * Reading a conversation's log as one device may: the periods in which it was a member, nothing else.
 * The check is in the query itself, so no caller can forget it.
 */
import { sql } from 'kysely'
import { ContentType, type ConversationId, type DeviceId, type Envelope, LIMITS, type LogStretch, ProtocolError } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { hasBeenIn } from './conversations.js'

/** Where to read on, and how much at most. */
export interface LogPosition {
  readonly deviceId: DeviceId
  readonly conversationId: ConversationId
  readonly afterSeq: number
  readonly maxMessages: number
  readonly maxBytes: number
}

/** The entries after a position that the device may read, in order; at least one if there is one. */
export const readVisible = async (store: Store, position: LogPosition): Promise<LogStretch> => {
  const { conversationId, afterSeq, maxMessages, maxBytes } = position
  const sizes = await visible(store, position).select(['seq', sql<number>`length(message)`.as('bytes')])
    .orderBy('seq').limit(maxMessages + 1).execute()
  let bytes = 0
  let taken = 0
  for (const size of sizes.slice(0, maxMessages)) {
    bytes += size.bytes
    if (taken > 0 && bytes > maxBytes) break
    taken++
  }
  const last = sizes[taken - 1]
  if (last === undefined) return { envelopes: [], hasMore: false, prunedSeq: await readPrunedSeq(store, conversationId) }
  const rows = await visible(store, position).selectAll('envelopes').where('seq', '<=', last.seq).orderBy('seq').execute()
  const envelopes: Envelope[] = rows.map((row) => ({
    header: {
      conversationId, seq: row.seq, senderDevice: row.sender_device, messageId: row.message_id, encryption: row.encryption,
      contentType: row.content_type, epoch: BigInt(row.epoch), createdAtMs: row.created_at_ms,
    },
    message: row.message,
  }))
  // read last: what was dropped since the sizes were read is in it
  return { envelopes, hasMore: sizes.length > taken && afterSeq < last.seq, prunedSeq: await readPrunedSeq(store, conversationId) }
}

const readPrunedSeq = async (store: Store, conversationId: ConversationId): Promise<number> =>
  (await store.selectFrom('conversations').select('pruned_seq').where('conversation_id', '=', conversationId).executeTakeFirst())?.pruned_seq ?? 0

/** A device reads on. @throws ProtocolError `protocol.access.refused` if it was never in the conversation */
export const readLog = async (
  services: Services, { deviceId }: AuthenticatedDevice, { conversationId, afterSeq }: { conversationId: ConversationId; afterSeq: number },
): Promise<LogStretch> => {
  const { read } = services.database
  if (!(await hasBeenIn(read, conversationId, deviceId))) throw new ProtocolError('protocol.access.refused')
  return readVisible(read, { deviceId, conversationId, afterSeq, maxMessages: LIMITS.logReadMessages, maxBytes: LIMITS.logReadBytes })
}

const visible = (store: Store, { deviceId, conversationId, afterSeq }: LogPosition) =>
  store.selectFrom('envelopes').where('envelopes.conversation_id', '=', conversationId).where('seq', '>', afterSeq)
    .where(sql<boolean>`length(envelopes.message) > 0`)
    .where((eb) => eb.exists(eb.selectFrom('memberships').select('memberships.device_id')
      .where('memberships.conversation_id', '=', conversationId).where('memberships.device_id', '=', deviceId)
      .whereRef('memberships.from_seq', '<=', 'envelopes.seq')
      .where((or) => or.or([or('until_seq', 'is', null), or('until_seq', '>=', or.ref('envelopes.seq'))]))
      // of what came after a guest's time was over only the commits: they say so
      .where((or) => or.or([
        or('envelopes.content_type', '=', ContentType.commit),
        or.not(or.exists(or.selectFrom('guests').select('guests.device_id').whereRef('guests.conversation_id', '=', 'memberships.conversation_id')
          .whereRef('guests.device_id', '=', 'memberships.device_id').whereRef('guests.from_seq', '=', 'memberships.from_seq')
          .whereRef('guests.until_ms', '<=', 'envelopes.created_at_ms'))),
      ]))))
