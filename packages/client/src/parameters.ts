/**
 * What MLS leaves to the application, in numbers: one place in the code, one page in the documents (docs/parameters.md),
 * held against each other by a test.
 */
import { LIFETIMES, LIMITS } from '@famichat/protocol'

const DAY_MS = 24 * 3600 * 1000

/** Every parameter of the client; times in milliseconds unless the name says otherwise. */
export const PARAMETERS = {
  /** A device renews its keys in a conversation when they are this old (E20) … */
  renewAfterMs: 7 * DAY_MS,
  /** … or after so many messages of its own … */
  renewAfterMessages: 1000,
  /** … or when it comes back after so long. */
  renewAfterGapMs: DAY_MS,
  /** A device that gives no sign for so long is named (E20) … */
  idleWarnMs: 21 * DAY_MS,
  /** … and let go after so long, by both clocks, and so long after it was named as lies between the two. */
  idleEvictMs: 30 * DAY_MS,
  /** Past epochs whose messages are still read … */
  pastEpochs: LIMITS.pastEpochs,
  /** … and for how long. */
  pastEpochMs: 2 * DAY_MS,
  /** A message that cannot be read is asked for so often … */
  resendAsks: 3,
  /** … with so long between. */
  resendAskEveryMs: DAY_MS,
  /** A device says the same message again no sooner than after this … */
  resendPauseMs: 3600 * 1000,
  /** … and no more than so many in that time in one conversation. */
  resendsPerPause: 64,
  keyPackageLifetimeSeconds: 30 * 24 * 3600,
  /** KeyPackages are good from so long before they are made: the clocks of two devices may differ by this. */
  clockDifferenceMs: 2 * DAY_MS,
  keyPackagesInStock: LIMITS.keyPackagesPerDevice,
  keyPackagesLow: LIMITS.keyPackagesLow,
  /** Lost races before a change is given up for now. */
  commitAttempts: 16,
  /** Lost races in a row that are said in the conversation: a server can keep one member's changes out (E3). */
  commitWarnAttempts: 8,
  /** Refusals before a send is given up for now. */
  sendAttempts: 10,
  /** The longest random wait before a client commits what another proposed. */
  commitJitterMs: 250,
  /** A member who is told that somebody asks to be added afresh looks after so long … */
  helpAfterMs: 2000,
  /** … and at most so much longer, at random: one is the first, and the others find it done … */
  helpJitterMs: 4000,
  /** … and does so again in the same conversation no sooner than this after; twice as long each time, while somebody asks on and on. */
  helpPauseMs: 10_000,
  /** A device that stays connected brings everything up to date so often. */
  upkeepEveryMs: 3600 * 1000,
  /** How far a sender's clock may be ahead or behind before it is not believed for showing. */
  clockAheadMs: 5 * 60 * 1000,
  clockBehindMs: 30 * DAY_MS,
  inviteMs: LIFETIMES.inviteMs,
  linkMs: LIFETIMES.linkMs,
  /** A linked device waits so long for what was said before, while nothing of it comes. */
  historyWaitMs: 2 * 60 * 1000,
  fileBytes: LIMITS.blobBytes,
  fileKeptMs: LIFETIMES.blobMs,
  /** What Argon2id needs for each guess at an archive's passphrase (E22) … */
  archiveMemoryBytes: 64 * 1024 * 1024,
  /** … and how often it goes over it. */
  archivePasses: 3,
  /** Log entries of each conversation that a device keeps as they came, for a server that lost them. */
  entriesKept: 1024,
  /** Versions of each account's device list that a device keeps as they came, for the same. */
  listVersionsKept: 64,
  messageBytes: LIMITS.messageBytes,
  devicesPerConversation: LIMITS.devicesPerConversation,
  devicesPerAccount: LIMITS.devicesPerAccount,
  deviceListVersions: LIMITS.deviceListVersions,
} as const
