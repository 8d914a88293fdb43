/**
 * What a device signs with its signature key besides MLS content, and one thing that an account's key signs. Each statement starts with its own label, so that a
 * signature for one purpose is never valid for another (MLS's own labels start with "MLS 1.0 ").
 */
import { type Codec, counter, encode, type Infer, opaque, optional, struct, text, uint64, utf8 } from '@famichat/base'
import { certificateBytes } from './device-certificate.js'
import { nonce, requestNonce, token } from './fields.js'
import { AccountId, ConversationId, DeviceId } from './ids.js'
import { TokenScope } from './token-scope.js'

const origin = text(512)

const DeviceRegistration = struct({
  /** The origin of the server, see {@link serverOrigin}. */
  origin,
  /** The 16 bytes of the InviteId or LinkId that allows the registration; of the AccountId when the account's key alone does. */
  admission: opaque({ min: 16, max: 16 }),
  certificate: certificateBytes,
})
const TokenRequest = struct({ origin, nonce, deviceId: DeviceId, scope: optional(TokenScope) })
const TokenRefresh = struct({ origin, refreshToken: token, deviceId: DeviceId })
const Request = struct({ origin, token, method: text(8), path: text(256), timeMs: counter, nonce: requestNonce, body: opaque() })
const DeviceListRequest = struct({ origin, nonce, accountId: AccountId })
const ChannelChallenge = struct({ origin, nonce, deviceId: DeviceId, timeMs: counter })
const CommitRefusal = struct({ conversationId: ConversationId, deviceId: DeviceId, seq: counter, epoch: uint64, commitHash: opaque({ min: 32, max: 64 }) })

/** Proves, when a device registers, that it holds the private key its certificate names. */
export const deviceRegistrationTbs = (statement: Infer<typeof DeviceRegistration>): Uint8Array =>
  labelled('Famichat 1.0 DeviceRegistrationTBS', DeviceRegistration, statement)

/** Asks for an access token; the nonce is the server's. */
export const tokenRequestTbs = (statement: Infer<typeof TokenRequest>): Uint8Array =>
  labelled('Famichat 1.0 TokenRequestTBS', TokenRequest, statement)

/** Asks for the next pair of tokens: a refresh token that was stolen without the device's key gives none. */
export const tokenRefreshTbs = (statement: Infer<typeof TokenRefresh>): Uint8Array =>
  labelled('Famichat 1.0 TokenRefreshTBS', TokenRefresh, statement)

/** One HTTP call with a token (E17): a token that was stolen without the device's key calls nothing, and no call can be made twice. */
export const requestTbs = (statement: Infer<typeof Request>): Uint8Array => labelled('Famichat 1.0 RequestTBS', Request, statement)

/** Asks for the device list of an account that is to have a new device; signed by the account's key, the nonce is the server's. */
export const deviceListRequestTbs = (statement: Infer<typeof DeviceListRequest>): Uint8Array =>
  labelled('Famichat 1.0 DeviceListRequestTBS', DeviceListRequest, statement)

/** Opens a channel; the nonce is of that channel, the time the device's own. */
export const channelChallengeTbs = (statement: Infer<typeof ChannelChallenge>): Uint8Array =>
  labelled('Famichat 1.0 ChannelChallengeTBS', ChannelChallenge, statement)

/** Says that the device could not take a commit, for whoever made it (E3b). */
export const commitRefusalTbs = (statement: Infer<typeof CommitRefusal>): Uint8Array =>
  labelled('Famichat 1.0 CommitRefusalTBS', CommitRefusal, statement)

const labelled = <T>(label: string, codec: Codec<T>, statement: T): Uint8Array =>
  encode(struct({ label: opaque(), statement: codec }), { label: utf8(label), statement })
