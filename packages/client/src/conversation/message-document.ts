/**
 * The document inside the ciphertext, and the clear but authenticated data beside it. Golden bytes are in the tests.
 */
import { closed, decode, encode, isCodedError, struct, uint8, variant } from '@famichat/base'
import { MessageId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { counter, text } from '../store/fields.js'

/** Longest text of one message, in bytes of UTF-8: with its padding and framing it fits the protocol's 64 KiB. */
const MAX_TEXT_BYTES = 48 * 1024

const DocumentKind = { text: 1 } as const
const version = closed(uint8, { current: 1 }, 'document version')
const document = variant('kind', uint8, {
  [DocumentKind.text]: { body: text(MAX_TEXT_BYTES) },
})
const MessageDocument = struct({ version, messageId: MessageId, sentAtMs: counter, document })

/** authenticated_data: room for the head of every message (E11); version 1 has nothing but its version. */
const MessageHead = struct({ version: closed(uint8, { current: 1 }, 'head version') })

/** A text as its sender wrote it. */
export interface TextMessage {
  /** 16 random bytes: how a message is known again, whoever delivers it. */
  readonly messageId: MessageId
  /** By the sender's clock. */
  readonly sentAtMs: number
  readonly body: string
}

/** @throws ClientError `client.message.empty` | `client.message.too_long` */
export const encodeTextMessage = ({ messageId, sentAtMs, body }: TextMessage): Uint8Array => {
  if (body.trim() === '') throw new ClientError('client.message.empty')
  try {
    return encode(MessageDocument, { version: 1, messageId, sentAtMs, document: { kind: DocumentKind.text, body } })
  } catch (cause) {
    if (isCodedError(cause, 'base.codec.too_long')) throw new ClientError('client.message.too_long', {}, { cause })
    throw cause
  }
}

/** @throws ClientError `client.message.malformed` */
export const decodeTextMessage = (bytes: Uint8Array, head: Uint8Array): TextMessage => {
  try {
    decode(MessageHead, head)
    const { messageId, sentAtMs, document: content } = decode(MessageDocument, bytes)
    return { messageId, sentAtMs, body: content.body }
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.message.malformed', { reason: cause.code }, { cause })
  }
}

/** The head of a message. */
export const encodeMessageHead = (): Uint8Array => encode(MessageHead, { version: 1 })

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
