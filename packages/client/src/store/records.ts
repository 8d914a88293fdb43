/**
 * Stored records: one schema each, with a format byte first. Changing one is a visible change of the stored format.
 */
import {
  closed, type Codec, counter, decode, encode, fixed, flag, type Infer, isCodedError, opaque, optional, struct, text, uint16, uint64, uint8, vector,
} from '@famichat/base'
import { AccountId, BlobId, ConversationId, conversationKind, DeviceId, Envelope, INVITE_SECRET_BYTES, InviteId, LIMITS, LinkId, MessageId, WelcomeId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { bytes32 } from './fields.js'

const FORMAT = 2
const format = closed(uint8, { current: FORMAT }, 'record format')
const name = text(256)
const errorCode = text(64)

/** Who this device is. Private keys are in `Keys`, see identity.ts. */
export const IdentityRecord = struct({
  origin: text(512),
  accountName: name,
  certificate: opaque({ min: 1, max: 512 }),
  /** Set until the server knows the device. */
  admission: optional(struct({
    inviteId: optional(InviteId), linkId: optional(LinkId), inviteSecret: opaque({ max: 16 }),
    /** The version of the account's device list that brings the device in; empty where another device has published it. */
    deviceList: opaque({ max: 2048 }),
  })),
  /** Of the account key that an invite promised, until that account has been seen. */
  inviterFingerprint: optional(opaque({ min: 16, max: 16 })),
  devicePrivateKey: opaque({ min: 32, max: 32 }),
  /** On every device of an adult; of a child's on the one that made the account. */
  accountPrivateKey: optional(opaque({ min: 32, max: 32 })),
})
export type IdentityRecord = Infer<typeof IdentityRecord>

/** How an account's key became known. */
export const PinSource = { self: 1, invite: 2, firstSight: 3, link: 4, acknowledged: 5 } as const
export type PinSource = (typeof PinSource)[keyof typeof PinSource]

export const PinRecord = struct({ accountKey: bytes32, source: closed(uint8, PinSource, 'pin source'), pinnedAtMs: counter })
export type PinRecord = Infer<typeof PinRecord>

/** What is known of an account's device list, see identity/device-lists.ts. */
export const DeviceListRecord = struct({
  accountKey: bytes32,
  number: counter,
  hashes: vector(bytes32, { max: LIMITS.deviceListVersions }),
  devices: vector(struct({
    deviceId: DeviceId, deviceSignatureKey: bytes32, listedIn: counter, removedIn: optional(counter),
  }), { max: LIMITS.deviceListVersions * LIMITS.devicesPerAccount }),
})

export const NameRecord = struct({ accountName: name })

/** What a device is called, and since when by the clock of the device where that was said. */
export const DeviceNameRecord = struct({ name, namedAtMs: counter })
export type DeviceNameRecord = Infer<typeof DeviceNameRecord>

/** Who has an invite's secret here, and what became of it. */
export const InviteSide = { made: 1, received: 2 } as const
export const InviteState = { open: 1, bound: 2, swapped: 3, spent: 4 } as const

/** An invite that this device made, or came by. */
export const InviteRecord = struct({
  secret: fixed(INVITE_SECRET_BYTES),
  side: closed(uint8, InviteSide, 'invite side'),
  /**
   * `bound` once it is known who is on the other side, `swapped` when that is somebody without the secret, `spent` when this device
   * has locked a conversation with it: the other side may never have come in there, and lock one of its own.
   */
  state: closed(uint8, InviteState, 'invite state'),
  peer: optional(AccountId),
  madeAtMs: counter,
})
export type InviteRecord = Infer<typeof InviteRecord>

/** How two people compared their keys. */
export const VerificationMethod = { number: 1, scan: 2 } as const

/** A person whose key was compared by people, not told by a server: the key that is pinned then. */
export const VerificationRecord = struct({ method: closed(uint8, VerificationMethod, 'verification method'), verifiedAtMs: counter })
export type VerificationRecord = Infer<typeof VerificationRecord>

/** The server shows another key for a person than the pinned one; stays until somebody acknowledges it. */
export const KeyChangeRecord = struct({ seenAtMs: counter })

export const KeyPackageRecord = struct({ isLastResort: flag, notAfterMs: counter, bundle: opaque({ min: 1 }) })
export type KeyPackageRecord = Infer<typeof KeyPackageRecord>

/** What is behind this device's recovery phrase, and when its words were asked for last; 0 for never. */
export const RecoveryRecord = struct({ entropy: opaque({ min: 16, max: 16 }), madeAtMs: counter, rehearsedAtMs: counter })
export type RecoveryRecord = Infer<typeof RecoveryRecord>

/** A conversation that is known from an archive only: this device is not in it yet, or not any more. */
export const ArchivedRecord = struct({ kind: conversationKind, name, members: vector(AccountId, { max: 2048 }), seq: counter })
export type ArchivedRecord = Infer<typeof ArchivedRecord>

/** What a person chose, on this device. */
export const SettingsRecord = struct({ sendsReceipts: flag })

/** Where a conversation is in its life on this device. */
export const ConversationState = { active: 1, ended: 2 } as const
export type ConversationState = (typeof ConversationState)[keyof typeof ConversationState]

const memberDevices = vector(struct({ accountId: AccountId, deviceId: DeviceId }), { max: 2048 })

export const ConversationRecord = struct({
  kind: conversationKind,
  name,
  state: closed(uint8, ConversationState, 'conversation state'),
  /** False until the server has the conversation. */
  isRegistered: flag,
  /** This account wants to leave. */
  isLeaving: flag,
  /** The last log entry that was taken. */
  cursor: counter,
  /** The epoch in which this device came in: older messages are not for it. */
  joinedEpoch: uint64,
  /** The Welcome it came by. */
  welcomeId: optional(WelcomeId),
  /** How many messages this device wrote here: the number of the last one. */
  sentCount: counter,
  /** This device's files were put back to an older state: it must not encrypt until it is added afresh (E8). */
  isRolledBack: flag,
  /** When this device's keys here were renewed, and how many messages it had written by then (E20). */
  renewedAtMs: counter,
  renewedAtCount: counter,
  /** When the conversation was kept up last. */
  keptUpAtMs: counter,
  /** Why the entry after the cursor cannot be taken; empty when all is well. */
  stuckCode: errorCode,
  /** The commit that could not be taken, if it is one: where it stood, the epoch that it ends, and its hash. */
  refusedCommit: optional(struct({ seq: counter, epoch: uint64, commitHash: opaque({ min: 32, max: 64 }) })),
  /** The server was put back to a copy that ended here, and goes on after the second; 0 when it never was. */
  restoredAfterSeq: counter,
  resumesAfterSeq: counter,
  /** The newest time of the server's clock in the log. */
  latestServerMs: counter,
  /** Set when this device was let go after long silence, or against the policy: it asks to come back. */
  isAway: flag,
  /** What forbidden commits left to be put right, see undo.ts. */
  undo: optional(struct({
    offenders: vector(DeviceId, { max: 2048 }), added: vector(DeviceId, { max: 2048 }), removed: memberDevices,
    extensions: vector(struct({ extensionType: uint16, extensionData: opaque() }), { max: 32 }),
  })),
})
export type ConversationRecord = Infer<typeof ConversationRecord>

const devices = vector(DeviceId, { max: 1000 })

/** A log entry as it came; for a commit with the devices it brought in and took out. */
export const TakenRecord = struct({ envelope: Envelope, added: devices, removed: devices })
export type TakenRecord = Infer<typeof TakenRecord>

/** Kinds of history entries. */
export const HistoryKind = { message: 1, membership: 2, unreadable: 3, joined: 4, deleted: 5, notice: 6 } as const

const accounts = vector(AccountId, { max: 2048 })

export const HistoryRecord: Codec<HistoryRecord> = struct({
  kind: closed(uint8, HistoryKind, 'history kind'),
  accountId: AccountId,
  deviceId: DeviceId,
  messageId: MessageId,
  /** By the sender's clock for messages, within bounds; by the server's for the rest. */
  atMs: counter,
  /** The epoch of the message; for a membership change the one it starts. */
  epoch: uint64,
  /** What a message says, see content.ts. */
  content: opaque({ max: 64 * 1024 }),
  added: accounts,
  removed: accounts,
  /** Of the epoch that a membership change starts; empty where this device is out. */
  epochAuthenticator: opaque({ max: 64 }),
  /** Why something is unreadable, or what a notice says. */
  errorCode,
  /** How many messages a notice is about. */
  count: counter,
})
export type HistoryRecord = {
  readonly kind: (typeof HistoryKind)[keyof typeof HistoryKind]
  readonly accountId: AccountId
  readonly deviceId: DeviceId
  readonly messageId: MessageId
  readonly atMs: number
  readonly epoch: bigint
  readonly content: Uint8Array
  readonly added: readonly AccountId[]
  readonly removed: readonly AccountId[]
  readonly epochAuthenticator: Uint8Array
  readonly errorCode: string
  readonly count: number
}

/** A message id that was taken: never again. */
export const SeenRecord = struct({
  seenAtMs: counter,
  /** Where it is shown; 0 when its author took it back before it came. */
  seq: counter,
})

/** A message that came and could not be read: it is asked for. */
export const WantedRecord = struct({
  /** Whose it is, and by which device, as the server said. */
  accountId: AccountId,
  deviceId: DeviceId,
  /** Where it stands in the log. */
  seq: counter,
  asks: counter,
  askedAtMs: counter,
})
export type WantedRecord = Infer<typeof WantedRecord>

/** Which device is asked to say its message again. */
export const OwedRecord = struct({ deviceId: DeviceId })

/** When a message was said again. */
export const ResentRecord = struct({ atMs: counter })

/** What is known of a device that writes in a conversation. */
export const SenderRecord = struct({
  /** Of its last message; undefined when it was in before this device, and none of its messages was read yet. */
  lastNumber: optional(counter),
  /** Messages after that one which came and could not be read. */
  unreadable: counter,
})
export type SenderRecord = Infer<typeof SenderRecord>

/** When a device gave its last sign, and when it was said that it gives none; by this device's clock and by the server's. */
export const PresenceRecord = struct({ seenAtMs: counter, seenServerMs: counter, warnedAtMs: counter, warnedServerMs: counter })
export type PresenceRecord = Infer<typeof PresenceRecord>

/** A file that is on its way to the server: the same file goes on where it stopped. */
export const UploadRecord = struct({ blobId: BlobId, secret: bytes32, expiresAtMs: counter })
export type UploadRecord = Infer<typeof UploadRecord>

/** What was said, on its way to another device of the account: sealed once, then sent until the server has all of it. */
export const OutgoingRecord = struct({
  transferKey: bytes32,
  /** True for a device that has the account's key: it may know the recovery phrase too. */
  withPhrase: flag,
  /** Of what is sealed; 0 until it is. */
  sealedBytes: counter,
  /** In their order, as far as they were made. */
  blobIds: vector(BlobId, { max: 64 }),
  /** The server has all of it. */
  isSent: flag,
})
export type OutgoingRecord = Infer<typeof OutgoingRecord>

/** What was said, on its way here. */
export const IncomingRecord = struct({ transferKey: bytes32 })
export type IncomingRecord = Infer<typeof IncomingRecord>

/** What an outbox entry is. */
export const OutboxKind = { message: 1, proposal: 2 } as const

export const OutboxRecord = struct({
  kind: closed(uint8, OutboxKind, 'outbox kind'),
  messageId: MessageId,
  epoch: uint64,
  /** The MLSMessage: what is sent, and sent again, unchanged. */
  message: opaque({ min: 1 }),
  /** The sender's number of the message; 0 for a proposal. */
  number: counter,
  /** The document inside, to encrypt it anew if the epoch is over before the server has it. */
  document: opaque(),
})
export type OutboxRecord = Infer<typeof OutboxRecord>

export const CommitRecord = struct({
  messageId: MessageId,
  epoch: uint64,
  commit: opaque({ min: 1 }),
  welcome: optional(opaque({ min: 1 })),
  added: vector(DeviceId, { max: 2048 }),
  removed: vector(DeviceId, { max: 2048 }),
  guests: vector(struct({ deviceId: DeviceId, untilMs: counter }), { max: 2048 }),
})
export type CommitRecord = Infer<typeof CommitRecord>

/** Changes that may be wanted: members in and out, admins, people who stay for a while, devices that gave no sign. */
export const IntentKind = { add: 1, remove: 2, refresh: 3, readd: 4, appoint: 5, dismiss: 6, guest: 7, evict: 8 } as const

export const IntentRecord = struct({
  kind: closed(uint8, IntentKind, 'intent kind'),
  /** Devices to have in, or out; for `refresh` none; for roles those of the person. */
  devices: memberDevices,
  /** For `refresh`: the epoch that must be over. */
  epoch: uint64,
  /** For `guest` until when, for `evict` since when; else 0. */
  atMs: counter,
})
export type IntentRecord = Infer<typeof IntentRecord>

/** The id of a conversation is the first part of its records' keys. */
export const conversationPrefix = (conversationId: ConversationId): string => `${conversationId}/`

/** The stored form of a record. */
export const encodeRecord = <T>(codec: Codec<T>, record: T): Uint8Array =>
  encode(struct({ format, record: codec }), { format: FORMAT, record })

/** Reads a stored record; it owns its bytes. @throws ClientError `client.store.malformed` */
export const decodeRecord = <T>(codec: Codec<T>, stored: Uint8Array): T => {
  try {
    return decode(struct({ format, record: codec }), stored.slice()).record
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.store.malformed', { reason: cause.code }, { cause })
  }
}
