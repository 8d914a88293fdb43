/**
 * @famichat/client: the SDK. Runs in Node and in browsers; what only Node has is in @famichat/client/node.
 */
export { Client, type ClientIdentity, type DeviceInfo, validateJoinLink } from './client.js'
export { CLIENT_ERRORS, ClientError, type ClientErrorCode } from './client-error.js'
export type { AttachmentInfo, MessageReference, ShownContent } from './content/content.js'
export { toFileName } from './content/file-name.js'
export { PIECE_BYTES } from './content/file-pieces.js'
export { foldMessages, type Message } from './content/fold.js'
export { findLinks, type TextLink } from './content/links.js'
export type { ConversationInfo, ConversationMember } from './conversation/catalogue.js'
export { explain, type Explanation } from './conversation/explain.js'
export type { FileSource, TransferOptions, TransferProgress } from './conversation/files.js'
export type { ConversationEvent } from './conversation/history.js'
export type { Sayable, Sent } from './conversation/messaging.js'
export type { Sleep } from './conversation/retry.js'
export type { WaitingMessage } from './conversation/waiting.js'
export type { PointListener } from './conversation/workspace.js'
export type { Problem } from './engine.js'
export type { Community, Family, FamilyMember, InvitedAs, PendingDevice } from './identity/community.js'
export type { LinkOffering } from './identity/link-host.js'
export type { Network } from './net/connection.js'
export type { Fetch } from './net/http.js'
export type { OpenSocket, Socket, SocketEvents } from './net/socket.js'
export type { ClientOptions, Platform } from './platform.js'
export { type Change, type Entry, type Guard, type Range, type Store, type Table, TABLES } from './store/store.js'
export {
  type AccountId, type ConversationId, ConversationKind, type DeviceId, type MessageId,
} from '@famichat/protocol'
