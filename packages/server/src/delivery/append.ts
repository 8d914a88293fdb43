/**
 * Appending to a conversation's log: the next seq, the envelope, and the answer to a retry. Runs inside a write job.
 */
import { equal, isCodedError } from '@famichat/base'
import { type Acceptance, type ConversationId, type DeviceId, type EnvelopeHeader, type MessageId, ProtocolError } from '@famichat/protocol'
import { inspectMessage, type InspectedMessage } from '@famichat/mls/inspect'
import { sha256 } from '../signatures.js'
import type { Store } from '../storage/open-database.js'
import { reusableQuery, type ValueOf as Value } from '../storage/reusable-query.js'
import type { Envelopes } from '../storage/schema.js'

const insertRow = reusableQuery<Envelopes, unknown>((store, value) => store.insertInto('envelopes').values({
  conversation_id: value('conversation_id'), seq: value('seq'), sender_device: value('sender_device'), message_id: value('message_id'),
  encryption: value('encryption'), content_type: value('content_type'), epoch: value('epoch'), message: value('message'), message_hash: value('message_hash'),
  created_at_ms: value('created_at_ms'),
}))

/** Stores the envelope at `seq`, which the caller has just taken from the conversation. */
export const insertEnvelope = async (store: Store, header: EnvelopeHeader, message: Uint8Array): Promise<void> => {
  await insertRow(store, {
    conversation_id: header.conversationId, seq: header.seq, sender_device: header.senderDevice, message_id: header.messageId,
    encryption: header.encryption, content_type: header.contentType, epoch: Number(header.epoch), message, message_hash: sha256(message),
    created_at_ms: header.createdAtMs,
  })
}

const findSent = reusableQuery((store, value: Value<{ senderDevice: DeviceId; messageId: MessageId }>) =>
  store.selectFrom('envelopes').select(['conversation_id', 'seq', 'message_hash', 'created_at_ms'])
    .where('sender_device', '=', value('senderDevice')).where('message_id', '=', value('messageId')))

/** The first answer, when this device has sent exactly this before. @throws ProtocolError `protocol.message.id_reused` */
export const findAcceptance = async (
  store: Store, sent: { senderDevice: DeviceId; messageId: MessageId; conversationId: ConversationId; message: Uint8Array },
): Promise<Acceptance | undefined> => {
  const [row] = await findSent(store, sent)
  if (row === undefined) return undefined
  if (row.conversation_id !== sent.conversationId || !equal(row.message_hash, sha256(sent.message))) {
    throw new ProtocolError('protocol.message.id_reused')
  }
  return { seq: row.seq, createdAtMs: row.created_at_ms }
}

/** Reads the clear header of MLS bytes. @throws ProtocolError `protocol.message.malformed` */
export const inspectOrRefuse = (message: Uint8Array): InspectedMessage => {
  try {
    return inspectMessage(message)
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ProtocolError('protocol.message.malformed', { reason: cause.code }, { cause })
  }
}

/** An epoch as the database holds it. @throws ProtocolError `protocol.epoch.unknown` beyond 2^53 - 1 */
export const epochNumber = (epoch: bigint): number => {
  if (epoch > BigInt(Number.MAX_SAFE_INTEGER)) throw new ProtocolError('protocol.epoch.unknown')
  return Number(epoch)
}
