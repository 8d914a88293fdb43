/**
 * Bodies of the routes about the server itself, invites, accounts, devices, links and tokens.
 */
import { closed, type Codec, type Infer, opaque, optional, struct, uint16, uint8, vector } from '@famichat/base'
import { certificateBytes } from './device-certificate.js'
import { KeyPackageUpload } from './delivery-messages.js'
import { counter, flag, hash, nonce, publicKey, signature, text, token } from './fields.js'
import { AccountId, DeviceId, InviteId, LinkId } from './ids.js'
import { LIMITS } from './limits.js'

/** A body without content. */
export type Nothing = Readonly<Record<string, never>>
export const Nothing: Codec<Nothing> = struct({})

/** A display name: at most 64 characters of at most 4 bytes, see `normalizeAccountName`. */
const accountName = text(LIMITS.nameCharacters * 4)

/** What kind of server answers, and its clock. */
export const ServerInfo = struct({ product: text(32), protocolVersion: uint16, serverTimeMs: counter })
export type ServerInfo = Infer<typeof ServerInfo>

/** What an account may do in the community. The first account is an admin. */
export const AccountRole = { member: 1, admin: 2 } as const
export type AccountRole = (typeof AccountRole)[keyof typeof AccountRole]

/** A new account with its first device; the invite's proof is in the Authorization header. */
export const JoinRequest = struct({
  accountName,
  /** Names account, device and keys; signed by the account key. */
  certificate: certificateBytes,
  /** By the device's signature key, over `deviceRegistrationTbs`. */
  registrationSignature: signature,
  keyPackages: KeyPackageUpload,
})
export type JoinRequest = Infer<typeof JoinRequest>

/** The account as it was registered. */
export const JoinResponse = struct({ role: closed(uint8, AccountRole, 'role'), createdAtMs: counter })
export type JoinResponse = Infer<typeof JoinResponse>

/** A further device of an account; the link must have been answered by a device of that account. */
export const DeviceRegistration = struct({
  linkId: LinkId,
  certificate: certificateBytes,
  registrationSignature: signature,
  keyPackages: KeyPackageUpload,
})
export type DeviceRegistration = Infer<typeof DeviceRegistration>

/** Names one device of the caller's own account. */
export const DeviceRequest = struct({ deviceId: DeviceId })
export type DeviceRequest = Infer<typeof DeviceRequest>

/** An invite that the inviting client made; the server sees no more than the hash of the proof. */
export const InviteCreation = struct({ inviteId: InviteId, proofHash: hash })
export type InviteCreation = Infer<typeof InviteCreation>

/** When something ends. */
export const Expiry = struct({ expiresAtMs: counter })
export type Expiry = Infer<typeof Expiry>

/** Names one invite of the caller's own account. */
export const InviteRequest = struct({ inviteId: InviteId })
export type InviteRequest = Infer<typeof InviteRequest>

/** Where an invite is in its life. */
export const InviteState = { open: 1, used: 2, expired: 3, revoked: 4 } as const
export type InviteState = (typeof InviteState)[keyof typeof InviteState]

/** The caller's own invites, newest first. */
export const InviteList = struct({
  invites: vector(
    struct({
      inviteId: InviteId,
      state: closed(uint8, InviteState, 'invite state'),
      createdAtMs: counter,
      expiresAtMs: counter,
      usedBy: optional(AccountId),
    }),
    { max: 1000 },
  ),
})
export type InviteList = Infer<typeof InviteList>

/** A nonce to sign once, soon. */
export const Challenge = struct({ nonce, serverTimeMs: counter })
export type Challenge = Infer<typeof Challenge>

/** The device's signature over `tokenRequestTbs`. */
export const TokenRequest = struct({ deviceId: DeviceId, nonce, signature })
export type TokenRequest = Infer<typeof TokenRequest>

/** An access token of the device; good for device routes, and for a channel only together with a signed challenge. */
export const IssuedToken = struct({ token, expiresAtMs: counter })
export type IssuedToken = Infer<typeof IssuedToken>

/** Everybody in the community. Clients check each certificate against the account key they know. */
export const Directory = struct({
  accounts: vector(
    struct({
      accountId: AccountId,
      accountName,
      accountKey: publicKey,
      role: closed(uint8, AccountRole, 'role'),
      devices: vector(struct({ deviceId: DeviceId, certificate: certificateBytes, isRevoked: flag }), { max: 1024 }),
    }),
    { max: 65536 },
  ),
})
export type Directory = Infer<typeof Directory>

const sealed = opaque({ min: 1, max: LIMITS.linkBlobBytes })

/** A mailbox where two devices of one account meet; the key that seals the blobs travels in the link, not here. */
export const LinkOpened = struct({ linkId: LinkId, expiresAtMs: counter })
export type LinkOpened = Infer<typeof LinkOpened>

/** Names one mailbox. */
export const LinkRequest = struct({ linkId: LinkId })
export type LinkRequest = Infer<typeof LinkRequest>

/** A blob that the server cannot read. Each side posts once. */
export const LinkPost = struct({ linkId: LinkId, sealed })
export type LinkPost = Infer<typeof LinkPost>

/** The other side's blob, when it is there. */
export const LinkMail = struct({ sealed: optional(sealed) })
export type LinkMail = Infer<typeof LinkMail>
