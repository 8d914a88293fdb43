/**
 * The envelope: one entry of a conversation's ordered log, as the server stores and delivers it.
 * Outside the ciphertext the server knows only what it needs to order and route.
 */
import { closed, counter, type Infer, opaque, struct, uint64, uint8 } from '@famichat/base'
import { encryption } from './conversation-policy.js'
import { ConversationId, DeviceId, MessageId } from './ids.js'
import { LIMITS } from './limits.js'

/** RFC 9420 §6 ContentType, read from the framing header that MLS leaves in clear. */
export const ContentType = { application: 1, proposal: 2, commit: 3 } as const
export type ContentType = (typeof ContentType)[keyof typeof ContentType]

/** What the server says about a message; the message itself follows or is fetched. */
export const EnvelopeHeader = struct({
  conversationId: ConversationId,
  /** Position in the log: 1, 2, 3 … without holes. */
  seq: counter,
  senderDevice: DeviceId,
  /** The sender's id of the message: a sender recognises its own by it. */
  messageId: MessageId,
  encryption,
  contentType: closed(uint8, ContentType, 'content type'),
  /** The epoch the message was made in; a commit is the end of this epoch and starts `epoch + 1`. 0 if unencrypted. */
  epoch: uint64,
  /** When the server accepted it, by the server's clock. */
  createdAtMs: counter,
})
export type EnvelopeHeader = Infer<typeof EnvelopeHeader>

/** A log entry with its message: an MLSMessage, or the content itself where the kind allows no encryption. */
export const Envelope = struct({ header: EnvelopeHeader, message: opaque({ max: LIMITS.commitBytes }) })
export type Envelope = Infer<typeof Envelope>
