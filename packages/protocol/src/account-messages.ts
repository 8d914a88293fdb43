/**
 * Bodies of the routes about the server itself, invites, accounts, devices, links and tokens.
 */
import { closed, type Codec, counter, flag, type Infer, opaque, optional, struct, text, uint16, uint8, variant, vector } from '@famichat/base'
import { certificateBytes } from './device-certificate.js'
import { deviceListBytes } from './device-list.js'
import { KeyPackageUpload } from './delivery-messages.js'
import { hash, nonce, publicKey, signature, token } from './fields.js'
import { AccountId, DeviceId, FamilyId, InviteId, LinkId } from './ids.js'
import { LIMITS } from './limits.js'
import { TokenScope } from './token-scope.js'

/** A body without content. */
export type Nothing = Readonly<Record<string, never>>
export const Nothing: Codec<Nothing> = struct({})

/** A display name: at most 64 characters of at most 4 bytes, see `normalizeAccountName`. */
const accountName = text(LIMITS.nameCharacters * 4)

/** What kind of server answers, and its clock. */
export const ServerInfo = struct({ product: text(32), protocolVersion: uint16, serverTimeMs: counter })
export type ServerInfo = Infer<typeof ServerInfo>

/** A family's name: like an account's. */
const familyName = text(LIMITS.nameCharacters * 4)

/** What a device is called, sealed by one client for another, of one length: nonce, name and tag. */
const sealedDeviceName = opaque({ min: 1, max: LIMITS.sealedDeviceNameBytes })

/** What an account may do in the community, whatever its family. The first account is an admin. */
export const AccountRole = { member: 1, admin: 2 } as const
export type AccountRole = (typeof AccountRole)[keyof typeof AccountRole]

/** What an account may do in its family, whatever the community: an admin is the guardian of its children. */
export const FamilyRole = { adult: 1, admin: 2, child: 3 } as const
export type FamilyRole = (typeof FamilyRole)[keyof typeof FamilyRole]
const familyRole = closed(uint8, FamilyRole, 'family role')

/** Where a device is in its life. A child's device waits for a guardian before it may do anything. */
export const DeviceState = { pending: 1, active: 2, revoked: 3 } as const
export type DeviceState = (typeof DeviceState)[keyof typeof DeviceState]

/** A new account with its first device; the invite's proof is in the Authorization header. */
export const JoinRequest = struct({
  accountName,
  /** For an invite that makes a family; without it the family is called like the account. */
  familyName: optional(familyName),
  /** Names account, device and keys; signed by the account key. */
  certificate: certificateBytes,
  /** The first version of the account's device list: this device alone. */
  deviceList: deviceListBytes,
  /** For the inviter: who used the invite, under a key that only its link gives; without it for a set-up link. */
  joinerProof: optional(hash),
  /** For the inviter: what the device is called, sealed under the invite's secret; nobody else can read it. */
  sealedDeviceName: optional(sealedDeviceName),
  /** By the device's signature key, over `deviceRegistrationTbs`. */
  registrationSignature: signature,
  keyPackages: KeyPackageUpload,
})
export type JoinRequest = Infer<typeof JoinRequest>

/** The account as it was registered. */
export const JoinResponse = struct({
  role: closed(uint8, AccountRole, 'role'), familyId: FamilyId, familyRole, deviceState: closed(uint8, DeviceState, 'device state'), createdAtMs: counter,
})
export type JoinResponse = Infer<typeof JoinResponse>

/** A further device of an account; the link must have been answered by a device of that account. */
export const DeviceRegistration = struct({
  linkId: LinkId,
  certificate: certificateBytes,
  registrationSignature: signature,
  keyPackages: KeyPackageUpload,
})
export type DeviceRegistration = Infer<typeof DeviceRegistration>

/** A new device of an account whose others are lost: vouched for by the account's key alone; `admission` is the account's id. */
export const DeviceRecovery = struct({
  certificate: certificateBytes,
  /** The next version of the account's device list, with this device. */
  deviceList: deviceListBytes,
  registrationSignature: signature,
  keyPackages: KeyPackageUpload,
})
export type DeviceRecovery = Infer<typeof DeviceRecovery>

/** Names one device: of the caller's own account, or of a child the caller is the guardian of. */
export const DeviceRequest = struct({ deviceId: DeviceId })
export type DeviceRequest = Infer<typeof DeviceRequest>

/** Shuts a device out. One of the caller's own goes with the next version of the device list, which has it no more. */
export const DeviceRevocation = struct({ deviceId: DeviceId, deviceList: optional(deviceListBytes) })
export type DeviceRevocation = Infer<typeof DeviceRevocation>

/** The next version of the caller's device list: devices may come, none may go. */
export const DeviceListAppend = struct({ deviceList: deviceListBytes })
export type DeviceListAppend = Infer<typeof DeviceListAppend>

/** Asks for the versions of accounts' device lists after those that are known. */
export const DeviceListRead = struct({
  accounts: vector(struct({ accountId: AccountId, afterNumber: counter }), { max: LIMITS.deviceListsPerRead }),
})
export type DeviceListRead = Infer<typeof DeviceListRead>

/** Versions in their order, account by account; `hasMore` when not all fit. */
export const DeviceLists = struct({ lists: vector(deviceListBytes, { max: LIMITS.deviceListsPerRead }), hasMore: flag })
export type DeviceLists = Infer<typeof DeviceLists>

/** Gives a restored server versions back that it lost, of one account in their order; whoever has seen them may. */
export const DeviceListReturn = struct({ lists: vector(deviceListBytes, { max: LIMITS.deviceListsPerRead }) })
export type DeviceListReturn = Infer<typeof DeviceListReturn>

/** A device that is to come asks for its account's list; signed by the account's key over `deviceListRequestTbs`. */
export const DeviceListRecovery = struct({ accountId: AccountId, afterNumber: counter, nonce, signature })
export type DeviceListRecovery = Infer<typeof DeviceListRecovery>

/** The calling device's own state. */
export const DeviceStatus = struct({ state: closed(uint8, DeviceState, 'device state') })
export type DeviceStatus = Infer<typeof DeviceStatus>

/** Where the invited belong: into the inviter's family in a role, or at the head of a family of their own. */
export const InvitePlace = { ownFamily: 1, newFamily: 2 } as const
export type InvitePlace = (typeof InvitePlace)[keyof typeof InvitePlace]
export const InviteFor = variant('place', uint8, { [InvitePlace.ownFamily]: { familyRole }, [InvitePlace.newFamily]: {} })
export type InviteFor = Infer<typeof InviteFor>

/** An invite that the inviting client made; the server sees no more than the hash of the proof. */
export const InviteCreation = struct({ inviteId: InviteId, proofHash: hash, invited: InviteFor })
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
      /** As the joiner's client made them. */
      joinerProof: optional(hash),
      sealedDeviceName: optional(sealedDeviceName),
    }),
    { max: LIMITS.listedPerAnswer },
  ),
})
export type InviteList = Infer<typeof InviteList>

/** A nonce to sign once, soon. */
export const Challenge = struct({ nonce, serverTimeMs: counter })
export type Challenge = Infer<typeof Challenge>

/** The device's signature over `tokenRequestTbs`; with a scope, the tokens are narrowed to it, and so are those that follow by refresh. */
export const TokenRequest = struct({ deviceId: DeviceId, nonce, scope: optional(TokenScope), signature })
export type TokenRequest = Infer<typeof TokenRequest>

/** A refresh token, and the device's signature over `tokenRefreshTbs`. */
export const RefreshRequest = struct({ deviceId: DeviceId, refreshToken: token, signature })
export type RefreshRequest = Infer<typeof RefreshRequest>

/**
 * An access token of the device; good only together with the device's signature over a call or a channel's challenge. The
 * refresh token gives the next pair, once.
 */
export const IssuedToken = struct({ token, expiresAtMs: counter, refreshToken: token, refreshExpiresAtMs: counter })
export type IssuedToken = Infer<typeof IssuedToken>

/** New roles of an account; what is left out stays. */
export const RoleChange = struct({
  accountId: AccountId, role: optional(closed(uint8, AccountRole, 'role')), familyRole: optional(familyRole),
})
export type RoleChange = Infer<typeof RoleChange>

/** Names one account. */
export const AccountRequest = struct({ accountId: AccountId })
export type AccountRequest = Infer<typeof AccountRequest>

/** What the audit trail keeps. */
export const AuditEvent = {
  accountJoined: 1, deviceRegistered: 2, deviceApproved: 3, deviceRevoked: 4, inviteMade: 5, inviteRevoked: 6, roleChanged: 7, familyMade: 8,
  passkeyAdded: 9, passkeyRemoved: 10, passkeyUsed: 11, accountEnded: 12,
} as const
export type AuditEvent = (typeof AuditEvent)[keyof typeof AuditEvent]

/** Who did what to what, newest first: random ids only, no names. Both ids are 22 characters. */
export const AuditList = struct({
  entries: vector(struct({
    atMs: counter, event: closed(uint8, AuditEvent, 'audit event'), actor: optional(AccountId), subject: text(22),
  }), { max: LIMITS.listedPerAnswer }),
})
export type AuditList = Infer<typeof AuditList>

/** Everybody in the community. Clients check each certificate against the account key they know. */
export const Directory = struct({
  families: vector(struct({ familyId: FamilyId, familyName }), { max: 65536 }),
  accounts: vector(
    struct({
      accountId: AccountId,
      accountName,
      accountKey: publicKey,
      /** How many versions its device list has; what they say is in `deviceListRead`. */
      deviceListNumber: counter,
      role: closed(uint8, AccountRole, 'role'),
      familyId: FamilyId,
      familyRole,
      /** By an admin: it has no devices in use any more, and its name stays its own. */
      isEnded: flag,
      devices: vector(struct({ deviceId: DeviceId, certificate: certificateBytes, isRevoked: flag, isPending: flag }), { max: 1024 }),
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
