/**
 * Bodies of the routes about KeyPackages, conversations, commits, logs and Welcomes.
 */
import { counter, flag, type Infer, opaque, optional, struct, uint64, vector } from '@famichat/base'
import { conversationKind } from './conversation-policy.js'
import { Envelope } from './envelope.js'
import { AccountId, ConversationId, DeviceId, MessageId, WelcomeId } from './ids.js'
import { LIMITS } from './limits.js'

const keyPackage = opaque({ min: 1, max: LIMITS.keyPackageBytes })

/** KeyPackages of the calling device, each a whole MLSMessage. */
export const KeyPackageUpload = struct({ keyPackages: vector(keyPackage, { max: LIMITS.keyPackagesPerDevice }) })
export type KeyPackageUpload = Infer<typeof KeyPackageUpload>

/** KeyPackages left on the server for the calling device, the last-resort one not counted. */
export const KeyPackageCount = struct({ available: counter, hasLastResort: flag })
export type KeyPackageCount = Infer<typeof KeyPackageCount>

/**
 * Takes one KeyPackage for each active device of an account (the calling device excepted), or of the listed devices
 * only. Each KeyPackage is handed out once, but for a last-resort one.
 */
export const KeyPackageClaim = struct({
  accountId: AccountId,
  /** Empty means all. */
  deviceIds: vector(DeviceId, { max: LIMITS.devicesPerAccount }),
})
export type KeyPackageClaim = Infer<typeof KeyPackageClaim>

/** What was taken, and the devices that had nothing left. */
export const ClaimedKeyPackages = struct({
  claimed: vector(struct({ deviceId: DeviceId, keyPackage, isLastResort: flag }), { max: LIMITS.devicesPerAccount }),
  exhausted: vector(DeviceId, { max: LIMITS.devicesPerAccount }),
})
export type ClaimedKeyPackages = Infer<typeof ClaimedKeyPackages>

/** A new conversation at epoch 0 whose only device is the caller's. Asking again with the same id and kind is harmless. */
export const ConversationCreation = struct({ conversationId: ConversationId, kind: conversationKind })
export type ConversationCreation = Infer<typeof ConversationCreation>

/** Names one conversation. */
export const ConversationRequest = struct({ conversationId: ConversationId })
export type ConversationRequest = Infer<typeof ConversationRequest>

/** A commit that a device could not take, signed by the device ({@link commitRefusalTbs}): for whoever made the commit (E3b). */
export const CommitRefusal = struct({
  /** Where the commit stood for this device, and the epoch that it ends. */
  seq: counter,
  epoch: uint64,
  /** Hash of the commit as it came to this device, by the hash of the group's suite. */
  commitHash: opaque({ min: 32, max: 64 }),
  signature: opaque({ min: 1, max: LIMITS.signatureBytes }),
})
export type CommitRefusal = Infer<typeof CommitRefusal>

/** Asks to be removed and added again, and says which commit is the reason, if one is. */
export const ReaddRequest = struct({ conversationId: ConversationId, refusal: optional(CommitRefusal) })
export type ReaddRequest = Infer<typeof ReaddRequest>

/** Devices that ask to be removed and added again, in the caller's conversations, and who could not take commits of the calling device. */
export const ReaddList = struct({
  requests: vector(struct({ conversationId: ConversationId, deviceId: DeviceId }), { max: LIMITS.devicesPerConversation }),
  refusals: vector(struct({ conversationId: ConversationId, deviceId: DeviceId, refusal: CommitRefusal }), { max: LIMITS.refusalsListed }),
})
export type ReaddList = Infer<typeof ReaddList>

/** One conversation as the calling device may see it. */
export const ConversationSummary = struct({
  conversationId: ConversationId,
  kind: conversationKind,
  /** The epoch that the next commit must name. */
  epoch: uint64,
  lastSeq: counter,
  /** The device reads from this position … */
  fromSeq: counter,
  /** … up to and including this one, if it was removed. */
  untilSeq: optional(counter),
  /** How far the device has acknowledged. */
  acknowledgedSeq: counter,
  /** Set when the server was restored from a backup that had entries up to `afterSeq`; the log goes on after `resumesAfterSeq`. */
  restored: optional(struct({ afterSeq: counter, resumesAfterSeq: counter })),
})
export type ConversationSummary = Infer<typeof ConversationSummary>

/** The calling device's conversations; where it was removed and added again, the latest stay. */
export const ConversationList = struct({ conversations: vector(ConversationSummary, { max: LIMITS.cursorsPerResume }) })
export type ConversationList = Infer<typeof ConversationList>

/** The devices to which the server delivers. What a client *shows* comes from the MLS tree, never from here. */
export const Roster = struct({
  epoch: uint64,
  devices: vector(struct({ deviceId: DeviceId, accountId: AccountId, fromSeq: counter }), { max: LIMITS.devicesPerConversation }),
})
export type Roster = Infer<typeof Roster>

const groupInfo = opaque({ max: LIMITS.groupInfoBytes })

/** The GroupInfo that came with the latest commit that brought one; for devices of accounts in the conversation. */
export const StoredGroupInfo = struct({ epoch: uint64, groupInfo })
export type StoredGroupInfo = Infer<typeof StoredGroupInfo>

/**
 * A commit with all that must become true with it. Accepted only if `epoch` is the conversation's epoch; else
 * `protocol.epoch.conflict` with the winner. A retry with the same `messageId` and bytes gets the first answer.
 */
export const CommitSubmission = struct({
  conversationId: ConversationId,
  messageId: MessageId,
  /** The epoch the commit ends. */
  epoch: uint64,
  /** The commit, a PrivateMessage. */
  commit: opaque({ min: 1, max: LIMITS.commitBytes }),
  /** One Welcome for all added devices; there exactly when `added` is not empty. */
  welcome: optional(opaque({ min: 1, max: LIMITS.welcomeBytes })),
  groupInfo: optional(groupInfo),
  /** Devices that are in the conversation after the commit and were not before, or were removed by it as well. */
  added: vector(DeviceId, { max: LIMITS.devicesPerConversation }),
  /** Devices whose leaf the commit removes: they read up to and including the commit. */
  removed: vector(DeviceId, { max: LIMITS.devicesPerConversation }),
  /** Devices that may read until a time, after the commit; others have no such end. */
  guests: vector(struct({ deviceId: DeviceId, untilMs: counter }), { max: LIMITS.devicesPerConversation }),
})
export type CommitSubmission = Infer<typeof CommitSubmission>

/** The place a message got. */
export const Acceptance = struct({ seq: counter, createdAtMs: counter })
export type Acceptance = Infer<typeof Acceptance>

/** Reads on after a position, in order, bounded by {@link LIMITS.logReadBytes}. */
export const LogRead = struct({ conversationId: ConversationId, afterSeq: counter })
export type LogRead = Infer<typeof LogRead>

/**
 * A stretch of the log; `hasMore` when the device may read further. Entries up to `prunedSeq` are not kept any more (0 while
 * all are): a device that had not come so far has a gap that nobody can fill.
 */
export const LogStretch = struct({
  envelopes: vector(Envelope, { max: LIMITS.logReadMessages }),
  hasMore: flag,
  prunedSeq: counter,
})
export type LogStretch = Infer<typeof LogStretch>

/** Entries that a restored server lost, given back by a device that had taken them, in the order they had. */
export const LogReturn = struct({
  conversationId: ConversationId,
  entries: vector(struct({
    envelope: Envelope,
    /** For a commit: the devices it brought in, and those it took out. */
    added: vector(DeviceId, { max: LIMITS.devicesPerConversation }),
    removed: vector(DeviceId, { max: LIMITS.devicesPerConversation }),
  }), { max: LIMITS.logReturnEntries }),
})
export type LogReturn = Infer<typeof LogReturn>

/** A Welcome waiting for the calling device, without its bytes. It waits until it is acknowledged. */
export const WelcomeHeader = struct({
  welcomeId: WelcomeId,
  conversationId: ConversationId,
  kind: conversationKind,
  /** First position the newcomer reads: the one after the commit that adds it. */
  fromSeq: counter,
  senderDevice: DeviceId,
  createdAtMs: counter,
  welcomeBytes: counter,
})
export type WelcomeHeader = Infer<typeof WelcomeHeader>

/** All waiting Welcomes, oldest first. */
export const WelcomeList = struct({ welcomes: vector(WelcomeHeader, { max: LIMITS.cursorsPerResume }) })
export type WelcomeList = Infer<typeof WelcomeList>

/** Names one Welcome. */
export const WelcomeRequest = struct({ welcomeId: WelcomeId })
export type WelcomeRequest = Infer<typeof WelcomeRequest>

/** A Welcome with its bytes, an MLSMessage. */
export const DeliveredWelcome = struct({ header: WelcomeHeader, welcome: opaque({ max: LIMITS.welcomeBytes }) })
export type DeliveredWelcome = Infer<typeof DeliveredWelcome>
