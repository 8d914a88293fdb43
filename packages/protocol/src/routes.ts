/**
 * The one table of HTTP routes: the server registers from it, the client calls from it.
 * Every argument is in the body, a strict binary struct (`application/octet-stream`): no id, token or name is ever part
 * of a URL. A GET has no argument. Refusals are JSON: see error-body.ts.
 */
import type { Codec } from '@famichat/base'
import {
  AccountRequest, AuditList, Challenge, DeviceListAppend, DeviceListRead, DeviceListRecovery, DeviceListReturn, DeviceLists,
  DeviceRecovery, DeviceRegistration, DeviceRequest, DeviceRevocation, DeviceStatus, Directory, Expiry, InviteCreation, InviteList, InviteRequest,
  IssuedToken, JoinRequest, JoinResponse, LinkMail, LinkOpened, LinkPost, LinkRequest, Nothing, RefreshRequest, RoleChange, ServerInfo, TokenRequest,
} from './account-messages.js'
import { BlobChunk, BlobChunkAnswer, BlobChunkRequest, BlobCreated, BlobCreation, BlobInbox, BlobRequest, BlobState } from './blob-messages.js'
import {
  Acceptance, ClaimedKeyPackages, CommitSubmission, ConversationCreation, ConversationList, ConversationRequest,
  DeliveredWelcome, KeyPackageClaim, KeyPackageCount, KeyPackageUpload, LogRead, LogReturn, LogStretch, ReaddList, ReaddRequest, Roster, StoredGroupInfo,
  WelcomeList, WelcomeRequest,
} from './delivery-messages.js'
import { LIMITS } from './limits.js'
import {
  BundleReplacement, PasskeyAssertion, PasskeyCreationOptions, PasskeyList, PasskeyRegistration, PasskeyRequest, PasskeySignInOptions, StoredBundle,
} from './passkey-messages.js'
import { PushServerKey, PushSubscription } from './push-messages.js'
import type { RouteScope } from './token-scope.js'

/** The version in every path and in {@link ServerInfo}. */
export const PROTOCOL_VERSION = 1

/** Where the channel (WebSocket) is. */
export const CHANNEL_PATH = '/api/v1/channel'

/** The content type of every body that is not an error. */
export const BODY_CONTENT_TYPE = 'application/octet-stream'

/** Who may call: anybody, the holder of an invite, a device that is registered, or one that is active too. */
export type RouteAuth = 'none' | 'invite' | 'registered' | 'device'

/** One line of the table. */
export interface Route<Request, Response, Auth extends RouteAuth = RouteAuth> {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly auth: Auth
  /** One sentence for the OpenAPI document. */
  readonly summary: string
  readonly request: Codec<Request>
  readonly response: Codec<Response>
  /** What a narrowed token may do with it. */
  readonly scope: RouteScope
  /** The largest body the server reads. */
  readonly maxRequestBytes: number
  /** The largest answer a client reads: a server that says more is not heard out. */
  readonly maxResponseBytes: number
}

const SMALL_BYTES = 4 * 1024
const UPLOAD_BYTES = LIMITS.keyPackagesPerDevice * (LIMITS.keyPackageBytes + 4) + SMALL_BYTES
const MAIL_BYTES = LIMITS.linkBlobBytes + 64
const LIST_READ_BYTES = LIMITS.deviceListsPerRead * 24 + 64
const LIST_RETURN_BYTES = LIMITS.deviceListsPerRead * 2052 + 64
const CHUNK_BYTES = LIMITS.blobChunkBytes + 64
const ATTESTATION_BYTES = LIMITS.attestationBytes + 2 * SMALL_BYTES
const BUNDLE_BYTES = LIMITS.accountBundleBytes + 64
const RETURN_BYTES = LIMITS.logReadBytes + LIMITS.commitBytes
const COMMIT_BYTES = LIMITS.commitBytes + LIMITS.welcomeBytes + LIMITS.groupInfoBytes + 64 * 1024
/** An id, a number or two and the lengths around them. */
const ROW_BYTES = 160
const LOG_BYTES = Math.max(LIMITS.logReadBytes, LIMITS.commitBytes) + LIMITS.logReadMessages * ROW_BYTES + 64
const CONVERSATIONS_BYTES = LIMITS.cursorsPerResume * ROW_BYTES + 64
const DEVICES_BYTES = LIMITS.devicesPerConversation * ROW_BYTES + 64
const REFUSALS_BYTES = LIMITS.refusalsListed * (ROW_BYTES + LIMITS.signatureBytes)
const CLAIMED_BYTES = LIMITS.devicesPerAccount * (LIMITS.keyPackageBytes + 64) + SMALL_BYTES
const LISTS_BYTES = LIMITS.deviceListsPerRead * (LIMITS.deviceListBytes + 4) + 64
const PASSKEYS_BYTES = LIMITS.passkeysPerAccount * (LIMITS.credentialIdBytes + 4 * LIMITS.nameCharacters + ROW_BYTES) + SMALL_BYTES
const TRAIL_BYTES = LIMITS.listedPerAnswer * ROW_BYTES + 64
const INVITES_BYTES = LIMITS.listedPerAnswer * (ROW_BYTES + LIMITS.sealedDeviceNameBytes) + 64

interface Rest<Auth extends RouteAuth> {
  readonly auth: Auth
  readonly summary: string
  readonly scope?: RouteScope
  readonly maxRequestBytes?: number
  readonly maxResponseBytes?: number
}

const get = <Response, Auth extends RouteAuth>(
  path: string, response: Codec<Response>, rest: Rest<Auth>,
): Route<Nothing, Response, Auth> =>
  ({ method: 'GET', path: `/api/v1/${path}`, request: Nothing, response, maxRequestBytes: 0, maxResponseBytes: SMALL_BYTES, scope: 'never', ...rest })

const post = <Request, Response, Auth extends RouteAuth>(
  path: string, request: Codec<Request>, response: Codec<Response>, rest: Rest<Auth>,
): Route<Request, Response, Auth> =>
  ({ method: 'POST', path: `/api/v1/${path}`, request, response, maxRequestBytes: SMALL_BYTES, maxResponseBytes: SMALL_BYTES, scope: 'never', ...rest })

/** All routes by name. */
export const ROUTES = {
  serverInfo: get('server', ServerInfo, { auth: 'none', summary: 'Says that this is a Famichat server, and its time' }),

  join: post('accounts/join', JoinRequest, JoinResponse, { auth: 'invite', maxRequestBytes: UPLOAD_BYTES, summary: 'Makes an account and its first device with an invite' }),
  directory: get('directory', Directory, { auth: 'device', scope: 'always', maxResponseBytes: LIMITS.directoryBytes, summary: 'Everybody in the community with their devices' }),

  accountEnd: post('accounts/end', AccountRequest, Nothing, { auth: 'device', summary: 'An admin of the community, a guardian of the account\'s family, or an adult whose it is, ends an account: all its devices are shut out at once' }),
  roleChange: post('accounts/role', RoleChange, Nothing, { auth: 'device', summary: 'Gives an account other roles' }),
  auditList: get('audit', AuditList, { auth: 'device', maxResponseBytes: TRAIL_BYTES, summary: 'The audit trail, for admins of the community' }),

  inviteCreate: post('invites/create', InviteCreation, Expiry, { auth: 'device', summary: 'Registers an invite the client made' }),
  inviteList: get('invites', InviteList, { auth: 'device', maxResponseBytes: INVITES_BYTES, summary: 'The caller\'s own invites' }),
  inviteRevoke: post('invites/revoke', InviteRequest, Nothing, { auth: 'device', summary: 'Takes back an invite' }),

  tokenChallenge: post('tokens/challenge', Nothing, Challenge, { auth: 'none', summary: 'A nonce to sign' }),
  tokenIssue: post('tokens/issue', TokenRequest, IssuedToken, { auth: 'none', summary: 'An access token for a signed nonce' }),
  tokenRefresh: post('tokens/refresh', RefreshRequest, IssuedToken, { auth: 'none', summary: 'The next access token and refresh token for a refresh token' }),

  linkOpen: post('links/open', Nothing, LinkOpened, { auth: 'device', summary: 'Opens a mailbox for linking a further device' }),
  linkOffer: post('links/offer', LinkPost, Nothing, { auth: 'none', maxRequestBytes: MAIL_BYTES, summary: 'The new device posts its sealed offer' }),
  linkRead: post('links/read', LinkRequest, LinkMail, { auth: 'device', maxResponseBytes: MAIL_BYTES, summary: 'The existing device reads the offer' }),
  linkAnswer: post('links/answer', LinkPost, Nothing, { auth: 'device', maxRequestBytes: MAIL_BYTES, summary: 'The existing device posts its sealed answer' }),
  linkCollect: post('links/collect', LinkRequest, LinkMail, { auth: 'none', maxResponseBytes: MAIL_BYTES, summary: 'The new device reads the answer' }),
  deviceRegister: post('devices/register', DeviceRegistration, Nothing, { auth: 'none', maxRequestBytes: UPLOAD_BYTES, summary: 'Registers a linked device with its certificate' }),
  deviceRecover: post('devices/recover', DeviceRecovery, Nothing, { auth: 'none', maxRequestBytes: UPLOAD_BYTES, summary: 'Registers a new device that the account\'s key vouches for, and asks for it to be let into the account\'s conversations' }),
  deviceState: get('devices/state', DeviceStatus, { auth: 'registered', scope: 'always', summary: 'The calling device\'s state: all that a pending device may ask' }),
  deviceApprove: post('devices/approve', DeviceRequest, Nothing, { auth: 'device', summary: 'A guardian lets a child\'s device in' }),
  deviceRevoke: post('devices/revoke', DeviceRevocation, Nothing, { auth: 'device', summary: 'Revokes a device of the caller\'s account, or of a child of the caller\'s: its tokens and channels die at once' }),

  deviceListAppend: post('device-lists/append', DeviceListAppend, Nothing, { auth: 'device', summary: 'Adds the next version of the caller\'s device list, signed by the account\'s key' }),
  deviceListRead: post('device-lists/read', DeviceListRead, DeviceLists, { auth: 'device', scope: 'always', maxRequestBytes: LIST_READ_BYTES, maxResponseBytes: LISTS_BYTES, summary: 'The signed device lists of accounts, version by version' }),
  deviceListReturn: post('device-lists/return', DeviceListReturn, Nothing, { auth: 'device', maxRequestBytes: LIST_RETURN_BYTES, summary: 'Gives a restored server versions of an account\'s device list back that it lost' }),
  deviceListRecover: post('device-lists/recover', DeviceListRecovery, DeviceLists, { auth: 'none', maxResponseBytes: LISTS_BYTES, summary: 'An account\'s device list, for who holds the account\'s key' }),

  passkeyCreationOptions: post('passkeys/creation-options', Nothing, PasskeyCreationOptions, { auth: 'device', maxResponseBytes: PASSKEYS_BYTES, summary: 'What an authenticator needs to make a passkey for the caller\'s account' }),
  passkeyRegister: post('passkeys/register', PasskeyRegistration, Nothing, { auth: 'device', maxRequestBytes: ATTESTATION_BYTES, summary: 'Adds a passkey to the caller\'s account' }),
  passkeyList: get('passkeys', PasskeyList, { auth: 'device', maxResponseBytes: PASSKEYS_BYTES, summary: 'The passkeys of the caller\'s account' }),
  passkeyRemove: post('passkeys/remove', PasskeyRequest, Nothing, { auth: 'device', summary: 'Removes a passkey of the caller\'s account: it signs in no more' }),
  passkeySignInOptions: post('passkeys/sign-in-options', Nothing, PasskeySignInOptions, { auth: 'none', summary: 'What an authenticator needs to answer; the same for everybody' }),
  passkeySignIn: post('passkeys/sign-in', PasskeyAssertion, StoredBundle, { auth: 'none', maxRequestBytes: 4 * SMALL_BYTES, maxResponseBytes: BUNDLE_BYTES, summary: 'Gives the account\'s sealed bundle to a new device for a passkey\'s answer' }),
  bundleRead: get('bundle', StoredBundle, { auth: 'device', maxResponseBytes: BUNDLE_BYTES, summary: 'The sealed bundle of the caller\'s account' }),
  bundleReplace: post('bundle/replace', BundleReplacement, Nothing, { auth: 'device', maxRequestBytes: BUNDLE_BYTES, summary: 'Stores the account\'s sealed bundle in place of the version its maker has seen' }),

  pushKey: get('push/key', PushServerKey, { auth: 'device', summary: 'The key with which a browser subscribes to rings of this server' }),
  pushSubscribe: post('push/subscribe', PushSubscription, Nothing, { auth: 'device', summary: 'Where the calling device is rung when something waits for it' }),
  pushUnsubscribe: post('push/unsubscribe', Nothing, Nothing, { auth: 'device', summary: 'The calling device is not rung any more' }),

  keyPackageUpload: post('key-packages/upload', KeyPackageUpload, KeyPackageCount, { auth: 'device', scope: 'always', maxRequestBytes: UPLOAD_BYTES, summary: 'Adds KeyPackages of the calling device' }),
  keyPackageCount: get('key-packages', KeyPackageCount, { auth: 'device', scope: 'always', summary: 'KeyPackages the calling device has left' }),
  keyPackageClaim: post('key-packages/claim', KeyPackageClaim, ClaimedKeyPackages, { auth: 'device', maxResponseBytes: CLAIMED_BYTES, summary: 'Takes one KeyPackage for each device of an account' }),

  conversationCreate: post('conversations/create', ConversationCreation, Nothing, { auth: 'device', summary: 'A new conversation with the calling device in it' }),
  conversationList: get('conversations', ConversationList, { auth: 'device', scope: 'always', maxResponseBytes: CONVERSATIONS_BYTES, summary: 'The calling device\'s conversations' }),
  conversationRoster: post('conversations/roster', ConversationRequest, Roster, { auth: 'device', scope: 'read', maxResponseBytes: DEVICES_BYTES, summary: 'The devices the server delivers to' }),
  conversationGroupInfo: post('conversations/group-info', ConversationRequest, StoredGroupInfo, { auth: 'device', scope: 'read', maxResponseBytes: LIMITS.groupInfoBytes + SMALL_BYTES, summary: 'The latest GroupInfo' }),
  conversationCommit: post('conversations/commit', CommitSubmission, Acceptance, { auth: 'device', scope: 'write', maxRequestBytes: COMMIT_BYTES, summary: 'Submits a commit with its Welcome, GroupInfo and roster change' }),
  conversationReadd: post('conversations/readd', ReaddRequest, Nothing, { auth: 'device', scope: 'write', summary: 'Asks the members to remove the calling device and add it again, and says which commit it could not take' }),
  conversationLeave: post('conversations/leave', ConversationRequest, Nothing, { auth: 'device', summary: 'Nothing more is delivered to the calling device, where only its own account\'s devices and revoked ones are left: nobody else could commit that it is removed' }),
  readdList: get('readds', ReaddList, { auth: 'device', scope: 'always', maxResponseBytes: DEVICES_BYTES + REFUSALS_BYTES, summary: 'Devices that ask to be added again, in the caller\'s conversations, and who could not take the caller\'s commits' }),

  logRead: post('log/read', LogRead, LogStretch, { auth: 'device', scope: 'read', maxResponseBytes: LOG_BYTES, summary: 'Reads a conversation\'s log after a position' }),
  logReturn: post('log/return', LogReturn, Nothing, { auth: 'device', scope: 'write', maxRequestBytes: RETURN_BYTES, summary: 'Gives a restored server entries back that it lost' }),
  welcomeList: get('welcomes', WelcomeList, { auth: 'device', scope: 'always', maxResponseBytes: CONVERSATIONS_BYTES, summary: 'Welcomes waiting for the calling device' }),
  welcomeRead: post('welcomes/read', WelcomeRequest, DeliveredWelcome, { auth: 'device', scope: 'read', maxResponseBytes: LIMITS.welcomeBytes + SMALL_BYTES, summary: 'One waiting Welcome with its bytes' }),

  blobCreate: post('blobs/create', BlobCreation, BlobCreated, { auth: 'device', scope: 'write', summary: 'Makes room for ciphertext that is too large for a message' }),
  blobAppend: post('blobs/append', BlobChunk, BlobState, { auth: 'device', scope: 'write', maxRequestBytes: CHUNK_BYTES, summary: 'Adds the next chunk to a blob of the caller\'s account' }),
  blobState: post('blobs/state', BlobRequest, BlobState, { auth: 'device', scope: 'read', summary: 'Says what of a blob is stored' }),
  blobRead: post('blobs/read', BlobChunkRequest, BlobChunkAnswer, { auth: 'device', scope: 'read', maxResponseBytes: CHUNK_BYTES, summary: 'One chunk of a blob' }),
  blobInbox: get('blobs/inbox', BlobInbox, { auth: 'device', maxResponseBytes: LIMITS.inboxBlobs * ROW_BYTES + 64, summary: 'Blobs that another device of the account made for the calling one' }),
  blobDelete: post('blobs/delete', BlobRequest, Nothing, { auth: 'device', scope: 'write', summary: 'Deletes a blob of the caller\'s account' }),
} as const

/** The name of a route. */
export type RouteName = keyof typeof ROUTES
/** What a route takes. */
export type RouteRequest<Name extends RouteName> = (typeof ROUTES)[Name]['request'] extends Codec<infer Request> ? Request : never
/** What a route answers. */
export type RouteResponse<Name extends RouteName> = (typeof ROUTES)[Name]['response'] extends Codec<infer Response> ? Response : never
/** Who may call a route. */
export type RouteAuthOf<Name extends RouteName> = (typeof ROUTES)[Name]['auth']
