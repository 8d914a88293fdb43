/**
 * The document inside the ciphertext, and the head: clear beside it, authenticated with it, the same size in every message.
 * Golden bytes are in the tests.
 */
import { closed, counter, decode, encode, fixed, type Infer, isCodedError, opaque, struct, uint8 } from '@famichat/base'
import { ConversationId, deviceListPrefix, MessageId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { decodeContent, encodeContent, type MessageContent } from '../content/content.js'

/** Bytes of a transcript hash in a head. */
export const TRANSCRIPT_PREFIX_BYTES = 16

const DOCUMENT_VERSION = 1
const AnyDocument = struct({ version: uint8, rest: opaque() })
const MessageDocument = struct({
  /** 16 random bytes: how a message is known again, whoever delivers it, however it was encrypted (RFC 9750 §8.6). */
  messageId: MessageId,
  /** By the sender's clock. */
  sentAtMs: counter,
  content: opaque({ max: 61 * 1024 }),
})

/** authenticated_data of every message and every commit (E11). */
const MessageHead = struct({
  version: closed(uint8, { current: 1 }, 'head version'),
  conversationId: ConversationId,
  /** Counts the sender's messages in this conversation, from 1 on; 0 in proposals and commits. */
  number: counter,
  /** The beginning of confirmed_transcript_hash in the message's epoch: equal for all who agree on what happened. */
  transcriptPrefix: fixed(TRANSCRIPT_PREFIX_BYTES),
  /** The last log position the sender had taken. */
  lastSeq: counter,
  /** The last version of the sender's own device list that it knows, and the beginning of its hash (E15); 0 and zeros for none. */
  listNumber: counter,
  listPrefix: deviceListPrefix,
})
/** The head of a message, without its version. */
export type MessageHead = Omit<Infer<typeof MessageHead>, 'version'>

/** A message as its sender wrote it. */
export interface MessageDocument {
  readonly messageId: MessageId
  readonly sentAtMs: number
  readonly content: MessageContent
}

/** @throws ClientError `client.message.*` */
export const encodeMessageDocument = ({ messageId, sentAtMs, content }: MessageDocument): Uint8Array =>
  encode(AnyDocument, { version: DOCUMENT_VERSION, rest: encode(MessageDocument, { messageId, sentAtMs, content: encodeContent(content) }) })

/** @throws ClientError `client.message.newer` | `client.message.malformed` */
export const decodeMessageDocument = (bytes: Uint8Array): MessageDocument => {
  const { version, rest } = strictly(() => decode(AnyDocument, bytes))
  if (version !== DOCUMENT_VERSION) throw new ClientError('client.message.newer', { version })
  const { messageId, sentAtMs, content } = strictly(() => decode(MessageDocument, rest))
  return { messageId, sentAtMs, content: decodeContent(content) }
}

/** The head's bytes. */
export const encodeMessageHead = (head: MessageHead): Uint8Array => encode(MessageHead, { version: 1, ...head })

/** @throws ClientError `client.message.malformed` */
export const decodeMessageHead = (bytes: Uint8Array): MessageHead => {
  const { version: _, ...head } = strictly(() => decode(MessageHead, bytes.slice()))
  return head
}

const strictly = <T>(read: () => T): T => {
  try {
    return read()
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.message.malformed', { reason: cause.code }, { cause })
  }
}

const STEP_BYTES = 256
const STEPPED_BYTES = 4096

/**
 * Padding to size classes (E29): steps of 256 bytes up to 4 KiB, then eight classes between powers of two.
 * @returns bytes to add
 */
export const paddingFor = (plaintextBytes: number): number => {
  if (plaintextBytes <= STEPPED_BYTES) return roundUp(Math.max(1, plaintextBytes), STEP_BYTES) - plaintextBytes
  const below = 2 ** Math.floor(Math.log2(plaintextBytes))
  return roundUp(plaintextBytes, below / 8) - plaintextBytes
}

const roundUp = (value: number, step: number): number => Math.ceil(value / step) * step
