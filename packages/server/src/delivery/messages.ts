/**
 * Accepting application messages and proposals: the server reads the clear header, orders, stores, and tells.
 */
import { equal, present } from '@famichat/base'
import {
  type Acceptance, acceptsEncryption, type ClientFrame, type ClientFrameType, ContentType, type ConversationId, Encryption, idToBytes, LIMITS, ProtocolError,
} from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import { epochNumber, findAcceptance, insertEnvelope, inspectOrRefuse } from './append.js'
import { reusableQuery, type ValueOf } from '../storage/reusable-query.js'
import { readJoinedConversation } from './conversations.js'
import { readExpired, refuseExpired } from './guests.js'

/** A message as a `send` frame brings it. */
export type MessageSubmission = Omit<Extract<ClientFrame, { type: typeof ClientFrameType.send }>, 'type' | 'requestId'>

const takePlace = reusableQuery((store, value: ValueOf<{ conversationId: ConversationId }>) =>
  store.updateTable('conversations').set((eb) => ({ last_seq: eb('last_seq', '+', 1) }))
    .where('conversation_id', '=', value('conversationId')).returning('last_seq'))

/**
 * Gives the message its place; answered once it is durable. Sending the same again gets the same answer.
 * @throws ProtocolError `protocol.message.*` | `protocol.epoch.stale` | `protocol.epoch.unknown` | `protocol.access.refused`
 */
export const acceptMessage = (
  services: Services, sender: AuthenticatedDevice, submission: MessageSubmission,
): Promise<Acceptance> => {
  const { conversationId, messageId, encryption, message } = submission
  const contentType = contentTypeOf(submission)
  const epoch = epochNumber(submission.epoch)
  return services.database.write.write(async (store, afterCommit) => {
    const earlier = await findAcceptance(store, { senderDevice: sender.deviceId, messageId, conversationId, message })
    if (earlier !== undefined) return earlier
    const conversation = await readJoinedConversation(store, sender.deviceId, conversationId)
    const nowMs = services.clock.nowMs()
    const expired = await readExpired(store, conversationId, nowMs)
    refuseExpired(expired, sender.deviceId)
    if (!acceptsEncryption(conversation.kind, encryption)) throw new ProtocolError('protocol.message.unencrypted')
    if (encryption !== Encryption.none) validateEpoch({ epoch, current: conversation.epoch, contentType })
    const [taken] = await takePlace(store, { conversationId })
    const { last_seq: seq } = present(taken, 'the conversation was just read')
    const header = {
      conversationId, seq, senderDevice: sender.deviceId, messageId, encryption, contentType, epoch: submission.epoch,
      createdAtMs: nowMs,
    }
    await insertEnvelope(store, header, message)
    afterCommit(() => { services.events.appended(header, message, expired) })
    return { seq, createdAtMs: header.createdAtMs }
  })
}

/** Checks that the submission says of the message what the message says of itself. */
const contentTypeOf = ({ conversationId, encryption, epoch, message }: MessageSubmission): ContentType => {
  if (encryption === Encryption.none) {
    if (epoch !== 0n) throw new ProtocolError('protocol.message.malformed')
    return ContentType.application
  }
  const header = inspectOrRefuse(message)
  if (header.kind !== 'private' || header.contentType === 'commit') throw new ProtocolError('protocol.message.malformed')
  if (!equal(header.groupId, idToBytes(conversationId)) || header.epoch !== epoch) throw new ProtocolError('protocol.message.malformed')
  return header.contentType === 'proposal' ? ContentType.proposal : ContentType.application
}

/** Receivers keep the keys of a few past epochs for application messages; a proposal is good for its own epoch only. */
const validateEpoch = ({ epoch, current, contentType }: { epoch: number; current: number; contentType: ContentType }): void => {
  if (epoch > current) throw new ProtocolError('protocol.epoch.unknown', { epoch, current })
  const oldest = contentType === ContentType.application ? current - LIMITS.pastEpochs : current
  if (epoch < oldest) throw new ProtocolError('protocol.epoch.stale', { epoch, current })
}
