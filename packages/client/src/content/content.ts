/**
 * Content: what people say to each other, one codec for every kind. It travels inside the signed ciphertext behind a
 * message id (message-document.ts); a kind this version does not know is kept as `unknown` and shown as a placeholder.
 */
import { type Codec, counter, decode, EMPTY, encode, flag, isCodedError, opaque, optional, struct, text, uint16, uint8, vector } from '@famichat/base'
import { AccountId, BlobId, DeviceId, LIMITS, MessageId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { bytes32 } from '../store/fields.js'
import { isDeviceName } from './device-name.js'
import { isFileName, isMediaType } from './file-name.js'

/** Longest text of one message, in bytes of UTF-8: with its padding and framing it fits the protocol's 64 KiB. */
const MAX_TEXT_BYTES = 48 * 1024
const MAX_SUBJECT_BYTES = 512
const MAX_EMOJI_BYTES = 64
/** Messages that one request asks for. */
export const MAX_RESENDS = 64

/** Names a message for good: its id is its author's own, so both are needed. */
export interface MessageReference {
  readonly accountId: AccountId
  readonly messageId: MessageId
}

/** How large a picture is, in dots, as its sender says: room for it is there before it comes. */
export interface PictureSize {
  readonly width: number
  readonly height: number
}

/** What is told of a file; its key and pieces stay in the store. */
export interface AttachmentInfo {
  /** A plain file name without folders. */
  readonly fileName: string
  /** As its sender named it: `image/jpeg`. */
  readonly mediaType: string
  readonly fileBytes: number
  /** Of a picture whose sender said it. */
  readonly picture: PictureSize | undefined
}

/** A file as it travels: where its ciphertext is, the key, and the hash of every piece. */
export interface AttachmentPointer extends AttachmentInfo {
  readonly blobId: BlobId
  readonly key: Uint8Array
  /** SHA-256 of each chunk of ciphertext, in order. */
  readonly chunkHashes: readonly Uint8Array[]
}

/** What a message says, as applications write and read it. */
export type MessageContent =
  | { readonly type: 'text'; readonly body: string }
  | { readonly type: 'reply'; readonly to: MessageReference; readonly body: string }
  | { readonly type: 'letter'; readonly subject: string; readonly body: string }
  | { readonly type: 'reaction'; readonly to: MessageReference; readonly emoji: string; readonly isRemoved: boolean }
  /** Replaces the text of an own message. */
  | { readonly type: 'edit'; readonly messageId: MessageId; readonly body: string }
  /** Takes an own message back. */
  | { readonly type: 'delete'; readonly messageId: MessageId }
  | { readonly type: 'attachment'; readonly attachment: AttachmentPointer; readonly caption: string }
  /** Everything up to this position was read. */
  | { readonly type: 'receipt'; readonly upToSeq: number }
  /** Between clients: these messages of a device came here and could not be read. */
  | { readonly type: 'resendRequest'; readonly deviceId: DeviceId; readonly messageIds: readonly MessageId[] }
  /** Between clients: an own message once more, for those who could not read it. */
  | { readonly type: 'resent'; readonly document: Uint8Array }
  /** Between the devices of an account: what its person calls one of them since then. */
  | { readonly type: 'deviceName'; readonly deviceId: DeviceId; readonly name: string; readonly namedAtMs: number }
  /** Of a kind that this version does not know. */
  | { readonly type: 'unknown'; readonly kind: number }

/** Numbers of the kinds; never renumbered or reused. */
const CONTENT_KINDS = { text: 1, reply: 2, letter: 3, reaction: 4, edit: 5, delete: 6, attachment: 7, receipt: 8, resendRequest: 9, resent: 10, deviceName: 11 } as const
type ContentKind = keyof typeof CONTENT_KINDS

const reference = struct({ accountId: AccountId, messageId: MessageId })
const body = text(MAX_TEXT_BYTES)
const attachment: Codec<AttachmentPointer> = struct({
  fileName: text(255), mediaType: text(127), fileBytes: counter, blobId: BlobId, key: bytes32,
  chunkHashes: vector(bytes32, { max: LIMITS.blobBytes / LIMITS.blobChunkBytes }),
  picture: optional(struct({ width: uint16, height: uint16 })),
})

const CODECS = {
  text: struct({ body }),
  reply: struct({ to: reference, body }),
  letter: struct({ subject: text(MAX_SUBJECT_BYTES), body }),
  reaction: struct({ to: reference, emoji: text(MAX_EMOJI_BYTES), isRemoved: flag }),
  edit: struct({ messageId: MessageId, body }),
  delete: struct({ messageId: MessageId }),
  attachment: struct({ attachment, caption: body }),
  receipt: struct({ upToSeq: counter }),
  resendRequest: struct({ deviceId: DeviceId, messageIds: vector(MessageId, { min: 1, max: MAX_RESENDS }) }),
  resent: struct({ document: opaque({ min: 1 }) }),
  deviceName: struct({ deviceId: DeviceId, name: text(LIMITS.nameCharacters * 4), namedAtMs: counter }),
} as const satisfies Record<ContentKind, unknown>

const Framed = struct({ kind: uint8, fields: opaque({ max: 60 * 1024 }) })

/** @throws ClientError `client.message.empty` | `client.message.too_long` | `client.message.malformed` */
export const encodeContent = (content: MessageContent): Uint8Array => {
  if (content.type === 'unknown') throw new ClientError('client.message.malformed')
  validateContent(content)
  const { type, ...fields } = content
  try {
    return encode(Framed, { kind: CONTENT_KINDS[type], fields: encode(CODECS[type] as Codec<object>, fields) })
  } catch (cause) {
    if (isCodedError(cause, 'base.codec.too_long')) throw new ClientError('client.message.too_long', {}, { cause })
    throw cause
  }
}

/** The placeholder of a kind that this version does not know, to be stored. */
export const encodeUnknown = (kind: number): Uint8Array => encode(Framed, { kind, fields: EMPTY })

const BETWEEN_CLIENTS = ['resendRequest', 'resent', 'deviceName'] as const
/** What clients say to each other and never show. */
export type BetweenClients = Extract<MessageContent, { readonly type: (typeof BETWEEN_CLIENTS)[number] }>

/** True for what is never shown. */
export const isBetweenClients = (content: MessageContent): content is BetweenClients =>
  BETWEEN_CLIENTS.some((type) => type === content.type)

/** Content as it is shown: of a file without its key. */
export type ShownContent =
  | Exclude<MessageContent, { readonly type: 'attachment' } | BetweenClients>
  | { readonly type: 'attachment'; readonly attachment: AttachmentInfo; readonly caption: string }

/** Leaves out what only the store needs. */
export const toShown = (content: Exclude<MessageContent, BetweenClients>): ShownContent => {
  if (content.type !== 'attachment') return content
  const { attachment: { fileName, mediaType, fileBytes, picture }, caption } = content
  return { type: 'attachment', attachment: { fileName, mediaType, fileBytes, picture }, caption }
}

/** Reads content; it owns its bytes. @throws ClientError `client.message.malformed` */
export const decodeContent = (bytes: Uint8Array): MessageContent => {
  try {
    const { kind, fields } = decode(Framed, bytes.slice())
    const type = typeOf(kind)
    if (type === undefined) return { type: 'unknown', kind }
    const content = { type, ...decode(CODECS[type] as Codec<object>, fields) } as MessageContent
    validateContent(content)
    return content
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.message.malformed', { reason: cause.code }, { cause })
  }
}

const typeOf = (kind: number): ContentKind | undefined =>
  (Object.keys(CONTENT_KINDS) as ContentKind[]).find((type) => CONTENT_KINDS[type] === kind)

/** What holds for content of either side, whoever made it. */
const validateContent = (content: MessageContent): void => {
  switch (content.type) {
    case 'text':
    case 'reply':
    case 'edit':
      if (content.body.trim() === '') throw new ClientError('client.message.empty')
      return
    case 'letter':
      if (content.subject.trim() === '' || content.body.trim() === '') throw new ClientError('client.message.empty')
      return
    case 'reaction':
      if (!isEmoji(content.emoji)) throw new ClientError('client.message.malformed')
      return
    case 'attachment':
      if (!isFileName(content.attachment.fileName)) throw new ClientError('client.file.name_refused')
      if (!isMediaType(content.attachment.mediaType) || content.attachment.chunkHashes.length === 0 || !isSize(content.attachment.picture)) {
        throw new ClientError('client.message.malformed')
      }
      return
    case 'deviceName':
      if (!isDeviceName(content.name)) throw new ClientError('client.message.malformed')
      return
    case 'delete':
    case 'receipt':
    case 'resendRequest':
    case 'resent':
    case 'unknown':
  }
}

const isSize = (picture: PictureSize | undefined): boolean => picture === undefined || (picture.width > 0 && picture.height > 0)

/** One to eight characters as people see them, without spaces and controls: an emoji, or what a script calls one. */
const isEmoji = (emoji: string): boolean => emoji !== '' && Array.from(emoji).length <= 16 && !/[\s\p{Cc}<>&]/u.test(emoji)
