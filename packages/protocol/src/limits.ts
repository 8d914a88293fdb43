/**
 * Caps that client and server both enforce (E30), and how long things live. Sizes in bytes, times in milliseconds.
 */

/** Every cap of the protocol; a value above its cap is refused before it is stored or allocated for. */
export const LIMITS = {
  /** One channel frame, both directions. */
  frameBytes: 128 * 1024,
  /** One application message or proposal, as the whole MLSMessage. */
  messageBytes: 64 * 1024,
  /** One commit, as the whole MLSMessage. */
  commitBytes: 4 * 1024 * 1024,
  /** One Welcome, with its ratchet tree. */
  welcomeBytes: 1024 * 1024,
  /** One GroupInfo, with its ratchet tree. */
  groupInfoBytes: 4 * 1024 * 1024,
  /** One KeyPackage, as the whole MLSMessage. */
  keyPackageBytes: 8 * 1024,
  /** KeyPackages a device may have on the server; also the most in one upload. */
  keyPackagesPerDevice: 100,
  /** A device tops up its KeyPackages when fewer are left. */
  keyPackagesLow: 25,
  /** Devices in one conversation (leaves of its tree). */
  devicesPerConversation: 1000,
  /** Commits of one device that others could not take, in one answer; the newest. */
  refusalsListed: 64,
  /** Of one device's signature. */
  signatureBytes: 256,
  /** Active devices of one account. */
  devicesPerAccount: 32,
  /** Versions of one account's device list. */
  deviceListVersions: 1024,
  /** Versions of device lists in one answer. */
  deviceListsPerRead: 256,
  /** One version of a device list. */
  deviceListBytes: 2048,
  /** Invites or entries of the audit trail in one answer; the newest. */
  listedPerAnswer: 1000,
  /** Invites of one account that are open at the same time. */
  openInvitesPerAccount: 50,
  /** Invites of one account that are remembered: what it can list. Beyond, the oldest that are not open go. */
  invitesPerAccount: 1000,
  /** Device links of one account that are open at the same time. */
  openLinksPerAccount: 5,
  /** The directory of the community: some hundred thousand devices. */
  directoryBytes: 64 * 1024 * 1024,
  /** Blobs for one device in one answer; the oldest. */
  inboxBlobs: 64,
  /** Cursors in one resume frame; also the conversations one device may be in. */
  cursorsPerResume: 4096,
  /** Open channels of one device. */
  channelsPerDevice: 8,
  /** Access tokens of one device that live, and as many refresh tokens that are unused; the oldest go. */
  tokensPerDevice: 64,
  /** Refresh tokens of one device that are remembered, used ones among them: coming back, they say that they were copied. */
  refreshTokensPerDevice: 8192,
  /** A display name, in characters. */
  nameCharacters: 64,
  /** What a new device is called, sealed for its inviter: nonce, padded name and tag. */
  sealedDeviceNameBytes: 288,
  /** A sealed blob in a device-link mailbox. */
  linkBlobBytes: 64 * 1024,
  /** Bytes of messages in one answer to a log read; one message larger than this comes alone. */
  logReadBytes: 4 * 1024 * 1024,
  /** Messages in one answer to a log read. */
  logReadMessages: 1000,
  /** Entries in one call that gives entries back to a restored server. */
  logReturnEntries: 64,
  /** One chunk of a blob. */
  blobChunkBytes: 1024 * 1024,
  /** One blob; at most 256 chunks. */
  blobBytes: 100 * 1024 * 1024,
  /** All blobs of one account together. */
  blobBytesPerAccount: 2 * 1024 * 1024 * 1024,
  /** … and how many they are. */
  blobsPerAccount: 32_768,
  /** Conversations that a token may be narrowed to. */
  conversationsPerScope: 64,
  /** Passkeys of one account. */
  passkeysPerAccount: 16,
  /** An authenticator's own name for a passkey (WebAuthn §5.8.3: at most 1023 bytes). */
  credentialIdBytes: 1023,
  /** What an authenticator says of a new passkey. */
  attestationBytes: 16 * 1024,
  /** What an account leaves sealed on the server for its new devices. */
  accountBundleBytes: 64 * 1024,
  /** The address at which a push service takes rings. */
  pushEndpointBytes: 1024,
  /** Epochs before the current one from which an application message is still accepted. */
  pastEpochs: 3,
} as const

/** How long things live. */
export const LIFETIMES = {
  /** An invite, from its creation. */
  inviteMs: 72 * 3600 * 1000,
  /** An access token. */
  tokenMs: 10 * 60 * 1000,
  /** A refresh token, from when it is given. */
  refreshTokenMs: 30 * 24 * 3600 * 1000,
  /** A refresh token that was just used gives the same pair again: the answer may have been lost. */
  refreshGraceMs: 10 * 1000,
  /** A challenge, from the moment the server gives it. */
  challengeMs: 60 * 1000,
  /** A device-link mailbox. */
  linkMs: 10 * 60 * 1000,
  /** A channel that is not authenticated is closed after this. */
  channelAuthenticationMs: 5 * 1000,
  /** Largest difference between a device's clock and the server's in a signed statement. */
  clockSkewMs: 5 * 60 * 1000,
  /** A message or Welcome on the server, whoever has not fetched it by then. */
  messageMs: 30 * 24 * 3600 * 1000,
  /** A blob, from its creation. */
  blobMs: 30 * 24 * 3600 * 1000,
  /** A blob that is not whole by then is dropped. */
  blobUploadMs: 24 * 3600 * 1000,
  /** Longest validity the server accepts in a KeyPackage. */
  keyPackageMs: 93 * 24 * 3600 * 1000,
} as const
