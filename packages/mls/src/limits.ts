/**
 * Every bound the engine puts on what a peer may send (E30, E9). Counts and bytes; all inclusive.
 */
export const limits = {
  /** Largest MLSMessage the engine decodes: a Welcome with its tree or a GroupInfo (E30: 4 MiB). */
  maxMessageBytes: 4 * 1024 * 1024,
  /** Largest application plaintext in one PrivateMessage (E30: 64 KiB message). */
  maxApplicationBytes: 64 * 1024,
  /** authenticated_data of one message. */
  maxAuthenticatedDataBytes: 4096,
  maxGroupIdBytes: 256,
  maxIdentityBytes: 2048,
  /** Keys, signatures and KEM outputs of every suite known, post-quantum included. */
  maxKeyBytes: 4096,
  /** A hash, a MAC, a reference, a nonce or a path secret. */
  maxHashBytes: 64,
  maxExtensions: 32,
  maxExtensionBytes: 4 * 1024 * 1024,
  maxCapabilities: 256,
  maxCertificates: 8,
  maxCertificateBytes: 16 * 1024,
  maxExternalSenders: 32,
  /** Proposals in one commit: an add-everyone commit of the largest group. */
  maxProposals: 16384,
  maxPsks: 16,
  /** Leaves of a ratchet tree; the engine itself is sound up to 2^24. */
  maxLeaves: 16384,
  /** Messages one sender may send in one epoch before a commit is due (§15.2, AEAD limits). */
  maxGeneration: 2 ** 24,
  /** Generations one message may skip in a sender's ratchet (E9). */
  maxForwardGenerations: 1000,
  /** Unused message keys kept per group, oldest dropped first (E9). */
  maxSkippedKeys: 4096,
  /** Past epochs whose application messages can still be read (E9). */
  maxPastEpochs: 3,
  /** How long they can be read, in milliseconds (E9: 48 h). */
  maxPastEpochAgeMs: 48 * 3600 * 1000,
  /** Epochs whose resumption PSK is kept (RFC 9420 §8.6). */
  maxResumptionPsks: 32,
  /** Proposals cached in one epoch. */
  maxCachedProposals: 1024,
  /** Total leaf lifetime accepted from others, in seconds (RFC 9420 §7.2 MUST define one): about 3 months. */
  maxLifetimeSeconds: 93n * 24n * 3600n,
  /** Clock skew tolerated on lifetimes, in seconds. */
  maxClockSkewSeconds: 3600n,
} as const
