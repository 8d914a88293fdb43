/**
 * Message framing (RFC 9420 §6): contents, what authenticates them, and the outermost MLSMessage.
 * Layer: wire.
 */
import { closed, type Codec, decode, encode, encodeWith, fixed, type Infer, opaque, Reader, struct, uint32, uint64, uint8, variant } from '@famichat/base'
import { check } from '../errors.js'
import { limits } from '../limits.js'
import { GroupInfo, Welcome } from './group-info.js'
import { KeyPackage } from './key-package.js'
import { Commit, Proposal } from './proposal.js'
import { ContentType, contentType, groupId, hashBytes, keyBytes, leafIndex, protocolVersion, ProtocolVersion, SenderType, wireFormat, WireFormat } from './registries.js'

/** §6 */
export const Sender = variant('senderType', uint8, {
  [SenderType.member]: { leafIndex },
  [SenderType.external]: { senderIndex: uint32 },
  [SenderType.newMemberProposal]: {},
  [SenderType.newMemberCommit]: {},
})
export type Sender = Infer<typeof Sender>

const authenticatedData = opaque({ max: limits.maxAuthenticatedDataBytes })
const contentCases = {
  [ContentType.application]: { applicationData: opaque({ max: limits.maxMessageBytes }) },
  [ContentType.proposal]: { proposal: Proposal },
  [ContentType.commit]: { commit: Commit },
}

/** `select (FramedContent.content_type)`. */
export const Content = variant('contentType', uint8, contentCases)
export type Content = Infer<typeof Content>

/** §6 */
export const FramedContent = struct({ groupId, epoch: uint64, sender: Sender, authenticatedData, content: Content })
export type FramedContent = Infer<typeof FramedContent>

/** §6.1; the tag is there exactly for commits. */
export interface FramedContentAuthData {
  readonly signature: Uint8Array
  readonly confirmationTag: Uint8Array | undefined
}

const authData = (type: ContentType): Codec<FramedContentAuthData> => ({
  encodeInto: (writer, auth) => {
    keyBytes.encodeInto(writer, auth.signature)
    if (type === ContentType.commit) hashBytes.encodeInto(writer, auth.confirmationTag ?? new Uint8Array(0))
  },
  decodeFrom: (reader) => ({
    signature: keyBytes.decodeFrom(reader),
    confirmationTag: type === ContentType.commit ? hashBytes.decodeFrom(reader) : undefined,
  }),
})

const AUTH_DATA: Readonly<Record<ContentType, Codec<FramedContentAuthData>>> = {
  [ContentType.application]: authData(ContentType.application),
  [ContentType.proposal]: authData(ContentType.proposal),
  [ContentType.commit]: authData(ContentType.commit),
}

/** FramedContentAuthData (§6.1) of a content type. */
export const authDataOf = (type: ContentType): Codec<FramedContentAuthData> => AUTH_DATA[type]

/** §6; `wireFormat` is what the sender signed. */
export interface AuthenticatedContent {
  readonly wireFormat: WireFormat
  readonly content: FramedContent
  readonly auth: FramedContentAuthData
}

export const AuthenticatedContent: Codec<AuthenticatedContent> = {
  encodeInto: (writer, { wireFormat: format, content, auth }) => {
    wireFormat.encodeInto(writer, format)
    FramedContent.encodeInto(writer, content)
    authDataOf(content.content.contentType).encodeInto(writer, auth)
  },
  decodeFrom: (reader) => {
    const format = wireFormat.decodeFrom(reader)
    const content = FramedContent.decodeFrom(reader)
    return { wireFormat: format, content, auth: authDataOf(content.content.contentType).decodeFrom(reader) }
  },
}

/** §6.2; the membership tag is there exactly for members. */
export interface PublicMessage {
  readonly content: FramedContent
  readonly auth: FramedContentAuthData
  readonly membershipTag: Uint8Array | undefined
}

export const PublicMessage: Codec<PublicMessage> = {
  encodeInto: (writer, { content, auth, membershipTag }) => {
    FramedContent.encodeInto(writer, content)
    authDataOf(content.content.contentType).encodeInto(writer, auth)
    if (membershipTag !== undefined) hashBytes.encodeInto(writer, membershipTag)
  },
  decodeFrom: (reader) => {
    const content = FramedContent.decodeFrom(reader)
    const auth = authDataOf(content.content.contentType).decodeFrom(reader)
    const isMember = content.sender.senderType === SenderType.member
    return { content, auth, membershipTag: isMember ? hashBytes.decodeFrom(reader) : undefined }
  },
}

/** §6.3 */
export const PrivateMessage = struct({
  groupId,
  epoch: uint64,
  contentType,
  authenticatedData,
  encryptedSenderData: opaque({ min: 1, max: limits.maxHashBytes }),
  ciphertext: opaque({ min: 1, max: limits.maxMessageBytes }),
})
export type PrivateMessage = Infer<typeof PrivateMessage>

/** §6.3.1 */
export const PrivateContentAAD = struct({ groupId, epoch: uint64, contentType, authenticatedData })
/** §6.3.2 */
export const SenderDataAAD = struct({ groupId, epoch: uint64, contentType })
/** §6.3.2 */
export const SenderData = struct({ leafIndex, generation: uint32, reuseGuard: fixed(4) })
export type SenderData = Infer<typeof SenderData>

/** PrivateMessageContent (§6.3.1) with this many bytes of padding. */
export const encodePrivateContent = ({ content: { content }, auth }: AuthenticatedContent, paddingBytes: number): Uint8Array => encodeWith((writer) => {
  if (content.contentType === ContentType.application) contentCases[ContentType.application].applicationData.encodeInto(writer, content.applicationData)
  else if (content.contentType === ContentType.proposal) Proposal.encodeInto(writer, content.proposal)
  else Commit.encodeInto(writer, content.commit)
  authDataOf(content.contentType).encodeInto(writer, auth)
  writer.bytes(new Uint8Array(paddingBytes))
})

/** Reads PrivateMessageContent (§6.3.1); what is left in the reader is the padding. */
export const readPrivateContent = (type: ContentType, plaintext: Uint8Array): { content: Content; auth: FramedContentAuthData; padding: Uint8Array } => {
  const reader = new Reader(plaintext)
  const content = CONTENT_WITHOUT_TYPE[type](reader)
  const auth = authDataOf(type).decodeFrom(reader)
  return { content, auth, padding: reader.bytes(reader.remaining) }
}

const CONTENT_WITHOUT_TYPE: Readonly<Record<ContentType, (reader: Reader) => Content>> = {
  [ContentType.application]: (reader) => ({
    contentType: ContentType.application, applicationData: contentCases[ContentType.application].applicationData.decodeFrom(reader),
  }),
  [ContentType.proposal]: (reader) => ({ contentType: ContentType.proposal, proposal: Proposal.decodeFrom(reader) }),
  [ContentType.commit]: (reader) => ({ contentType: ContentType.commit, commit: Commit.decodeFrom(reader) }),
}

const MessageBody = variant('wireFormat', closed({ encodeInto: (w, v) => { w.uint16(v) }, decodeFrom: (r) => r.uint16() }, WireFormat, 'WireFormat'), {
  [WireFormat.publicMessage]: { publicMessage: PublicMessage },
  [WireFormat.privateMessage]: { privateMessage: PrivateMessage },
  [WireFormat.welcome]: { welcome: Welcome },
  [WireFormat.groupInfo]: { groupInfo: GroupInfo },
  [WireFormat.keyPackage]: { keyPackage: KeyPackage },
})

/** §6: everything that travels, but its version. */
export type MLSMessage = Infer<typeof MessageBody>
const VersionedMessage = struct({ version: protocolVersion, body: MessageBody })

/** Encodes an MLSMessage (§6); what nobody would decode is refused. @throws MlsError `mls.message.too_large` | BaseError `base.codec.*` */
export const encodeMessage = (body: MLSMessage): Uint8Array => sized(encode(VersionedMessage, { version: ProtocolVersion.mls10, body }))

/**
 * Decodes exactly one MLSMessage (§6); the result views `bytes`.
 * @throws MlsError `mls.message.too_large` | BaseError `base.codec.*`
 */
export const decodeMessage = (bytes: Uint8Array): MLSMessage => {
  return decode(VersionedMessage, sized(bytes)).body
}

const sized = (bytes: Uint8Array): Uint8Array => {
  check(bytes.length <= limits.maxMessageBytes, 'mls.message.too_large', { bytes: bytes.length, max: limits.maxMessageBytes })
  return bytes
}
