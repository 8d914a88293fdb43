/**
 * @famichat/protocol: what client and server say to each other. Holds no cryptography; runs in Node and in browsers.
 */
export {
  AccountRequest, AccountRole, AuditEvent, AuditList, Challenge, DeviceListAppend, DeviceListRead, DeviceListRecovery, DeviceListReturn, DeviceLists, DeviceRecovery,
  DeviceRegistration, DeviceRequest, DeviceRevocation, DeviceState, DeviceStatus, Directory, Expiry,
  FamilyRole, InviteCreation, InviteFor, InviteList, InvitePlace, InviteRequest, InviteState, IssuedToken, JoinRequest, JoinResponse,
  LinkMail, LinkOpened, LinkPost, LinkRequest, Nothing, RefreshRequest, RoleChange, ServerInfo, TokenRequest,
} from './account-messages.js'
export { accountNameKey, normalizeAccountName } from './account-name.js'
export {
  formatDeviceAuthorization, formatInviteAuthorization, formatRequestProof, parseDeviceAuthorization, parseInviteAuthorization,
  parseRequestProof, PROOF_HEADER, RequestProof,
} from './authorization.js'
export {
  BlobChunk, BlobChunkAnswer, BlobChunkRequest, BlobCreated, BlobCreation, BlobInbox, BlobRequest, BlobState,
} from './blob-messages.js'
export { decodeRequest, decodeResponse, encodeRequest, encodeResponse } from './bodies.js'
export {
  type ClientFrame, ClientFrameType, decodeClientFrame, decodeServerFrame, encodeClientFrame, encodeServerFrame,
  EpochWinner, fitsFrame, FRAME_VERSION, type ServerFrame, ServerFrameType,
} from './channel-frames.js'
export {
  acceptsEncryption, ConversationKind, conversationKind, Encryption, encryption, isForOneAccount, requiresEncryption,
} from './conversation-policy.js'
export {
  Acceptance, ClaimedKeyPackages, CommitRefusal, CommitSubmission, ConversationCreation, ConversationList, ConversationRequest,
  ConversationSummary, DeliveredWelcome, KeyPackageClaim, KeyPackageCount, KeyPackageUpload, LogRead, LogReturn, LogStretch, ReaddList, ReaddRequest,
  Roster, StoredGroupInfo, WelcomeHeader, WelcomeList, WelcomeRequest,
} from './delivery-messages.js'
export {
  decodeDeviceCertificate, DEVICE_CERTIFICATE_VERSION, DeviceCertificate, deviceCertificateTbs,
  encodeDeviceCertificate, validateDeviceCertificate, type VerifySignature,
} from './device-certificate.js'
export {
  decodeDeviceList, DEVICE_LIST_PREFIX_BYTES, DeviceList, type DeviceListChecks, deviceListHash, deviceListPrefix, type DeviceListState, deviceListTbs, encodeDeviceList,
  firstDeviceList, followDeviceList, type KnownDevice, listedDevices, ListedDevice, nextDeviceList,
} from './device-list.js'
export { ContentType, Envelope, EnvelopeHeader } from './envelope.js'
export { type EnvelopeMetadata, envelopeToJson, metadataOf } from './envelope-metadata.js'
export { epochWinnerOf, type ErrorBody, makeEpochConflict, makeErrorBody, parseErrorBody } from './error-body.js'
export {
  AccountId, type AnyId, BlobId, ConversationId, DeviceId, FamilyId, ID_BYTES, idFromBytes, idToBytes, InviteId, LinkId, makeId,
  MessageId, parseId, PasskeyId, WelcomeId,
} from './ids.js'
export {
  accountFingerprintInput, formatInviteLink, INVITE_FINGERPRINT_BYTES, INVITE_PROOF_BYTES, INVITE_SECRET_BYTES,
  type InviteLink, inviteProofInput, parseInviteLink,
} from './invite-link.js'
export { LIFETIMES, LIMITS } from './limits.js'
export {
  BundleReplacement, PasskeyAssertion, PasskeyCreationOptions, PasskeyList, PasskeyRegistration, PasskeyRequest, PasskeySignInOptions, StoredBundle,
} from './passkey-messages.js'
export type { PushServerKey, PushSubscription } from './push-messages.js'
export {
  isProtocolErrorCode, knownProtocolErrorCode, PROTOCOL_ERRORS, ProtocolError, type ProtocolErrorCode,
} from './protocol-error.js'
export {
  BODY_CONTENT_TYPE, CHANNEL_PATH, PROTOCOL_VERSION, type Route, type RouteAuth, type RouteAuthOf, type RouteName, type RouteRequest,
  type RouteResponse, ROUTES,
} from './routes.js'
export { serverOrigin } from './server-origin.js'
export { channelChallengeTbs, commitRefusalTbs, deviceListRequestTbs, deviceRegistrationTbs, requestTbs, tokenRefreshTbs, tokenRequestTbs } from './signed-statements.js'
export { isInScope, type RouteScope, ScopeAccess, TokenScope } from './token-scope.js'
