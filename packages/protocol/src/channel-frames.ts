/**
 * Frames of the channel (WebSocket, binary, at most 128 KiB): a version byte, a type byte, the fields.
 * Sends and acknowledgements go over the channel. Commits, which carry Welcomes and GroupInfo of up to 9 MiB, go over
 * HTTP (`conversationCommit`). Whatever does not fit a frame is announced here and fetched over HTTP (`logRead`,
 * `welcomeRead`), so a frame is never split. After `announce` the server goes on: a client fetches before it reads on.
 */
import {
  closed, type Codec, counter, decode, encode, type Infer, isCodedError, opaque, optional, struct, text, uint32, uint64, uint8, variant,
  vector,
} from '@famichat/base'
import { encryption } from './conversation-policy.js'
import { KeyPackageCount, WelcomeHeader } from './delivery-messages.js'
import { Envelope, EnvelopeHeader } from './envelope.js'
import { nonce, signature, token } from './fields.js'
import { AccountId, ConversationId, DeviceId, MessageId, WelcomeId } from './ids.js'
import { LIMITS } from './limits.js'
import { knownProtocolErrorCode, ProtocolError, type ProtocolErrorCode } from './protocol-error.js'

/** Version of the frames; an unknown one is refused. */
export const FRAME_VERSION = 1 as const

/** Type bytes of what a client sends. */
export const ClientFrameType = {
  authenticate: 1, resume: 2, send: 3, acknowledge: 4, acknowledgeWelcome: 5, ping: 6,
} as const
export type ClientFrameType = (typeof ClientFrameType)[keyof typeof ClientFrameType]

/** Type bytes of what a server sends. */
export const ServerFrameType = {
  challenge: 1, ready: 2, accepted: 3, refused: 4, deliver: 5, announce: 6, welcome: 7, announceWelcome: 8,
  removed: 9, caughtUp: 10, pong: 11, closing: 12, readdRequested: 13,
} as const
export type ServerFrameType = (typeof ServerFrameType)[keyof typeof ServerFrameType]

/** An error code as text; one that this version does not know is read as `protocol.server.failed`. */
const errorCode: Codec<ProtocolErrorCode> = {
  encodeInto: (writer, code) => { text(64).encodeInto(writer, code) },
  decodeFrom: (reader) => knownProtocolErrorCode(text(64).decodeFrom(reader)),
}

/** The commit that won an epoch: fetch the log up to `seq`, apply it, redo the change on top. */
export const EpochWinner = struct({ seq: counter, epoch: uint64 })
export type EpochWinner = Infer<typeof EpochWinner>

const version = closed(uint8, { current: FRAME_VERSION }, 'frame version')

const clientFrame = variant('type', uint8, {
  /** Answers `challenge`: the token, and the device key's signature over `channelChallengeTbs` with `timeMs`. */
  [ClientFrameType.authenticate]: { token, timeMs: counter, signature },
  /** Starts delivery: `afterSeq` per conversation; those not listed go on after what the device acknowledged. Once. */
  [ClientFrameType.resume]: {
    cursors: vector(struct({ conversationId: ConversationId, afterSeq: counter }), { max: LIMITS.cursorsPerResume }),
  },
  /** An application message or proposal; answered by `accepted` or `refused` with the same `requestId`. */
  [ClientFrameType.send]: {
    requestId: uint32,
    conversationId: ConversationId,
    messageId: MessageId,
    encryption,
    epoch: uint64,
    message: opaque({ min: 1, max: LIMITS.messageBytes }),
  },
  /** The device has stored everything up to and including `seq`. */
  [ClientFrameType.acknowledge]: { conversationId: ConversationId, seq: counter },
  /** The device has joined, or will never be able to. */
  [ClientFrameType.acknowledgeWelcome]: { welcomeId: WelcomeId },
  [ClientFrameType.ping]: { requestId: uint32 },
})
/** What a client sends. */
export type ClientFrame = Infer<typeof clientFrame>

const serverFrame = variant('type', uint8, {
  /** The first frame of a channel. */
  [ServerFrameType.challenge]: { nonce, serverTimeMs: counter },
  /** The channel is open. */
  [ServerFrameType.ready]: { accountId: AccountId, deviceId: DeviceId, keyPackages: KeyPackageCount, serverTimeMs: counter },
  /** The message is stored for good and has this place. */
  [ServerFrameType.accepted]: { requestId: uint32, seq: counter, createdAtMs: counter },
  /** The request changed nothing. */
  [ServerFrameType.refused]: { requestId: uint32, code: errorCode, winner: optional(EpochWinner) },
  /** The next entry of a conversation's log; includes the device's own messages. */
  [ServerFrameType.deliver]: { envelope: Envelope },
  /** The next entry is too large for a frame: fetch it with `logRead` after `seq - 1`. */
  [ServerFrameType.announce]: { header: EnvelopeHeader, messageBytes: counter },
  /** A Welcome; comes again on every resume until acknowledged. */
  [ServerFrameType.welcome]: { header: WelcomeHeader, welcome: opaque({ max: LIMITS.frameBytes }) },
  /** A Welcome that is too large for a frame: fetch it with `welcomeRead`. */
  [ServerFrameType.announceWelcome]: { header: WelcomeHeader },
  /** The device was removed; the last entry it gets is the commit at `untilSeq`. */
  [ServerFrameType.removed]: { conversationId: ConversationId, untilSeq: counter },
  /** Everything that was in the logs when `resume` came has been delivered. */
  [ServerFrameType.caughtUp]: {},
  [ServerFrameType.pong]: { requestId: uint32, serverTimeMs: counter },
  /** Why the server closes the channel; the last frame. */
  [ServerFrameType.closing]: { code: errorCode },
  /**
   * Somebody asks to be added afresh: `readdList` has who. What is asked within a second of a frame comes with no frame of its own,
   * so a client looks no sooner than after that second. Comes again with `resume` while requests wait.
   */
  [ServerFrameType.readdRequested]: { conversationId: ConversationId },
})
/** What a server sends. */
export type ServerFrame = Infer<typeof serverFrame>

const versionedClientFrame = struct({ version, frame: clientFrame })
const versionedServerFrame = struct({ version, frame: serverFrame })

/** @throws ProtocolError `protocol.frame.too_large` */
export const encodeClientFrame = (frame: ClientFrame): Uint8Array => encodeFrame(versionedClientFrame, frame)
/** Reads what a client sent; views `bytes`. @throws ProtocolError `protocol.frame.*` */
export const decodeClientFrame = (bytes: Uint8Array): ClientFrame => decodeFrame(versionedClientFrame, bytes)
/** @throws ProtocolError `protocol.frame.too_large` */
export const encodeServerFrame = (frame: ServerFrame): Uint8Array => encodeFrame(versionedServerFrame, frame)
/** Reads what a server sent; views `bytes`. @throws ProtocolError `protocol.frame.*` */
export const decodeServerFrame = (bytes: Uint8Array): ServerFrame => decodeFrame(versionedServerFrame, bytes)

/** True when a message of this size fits a `deliver` or `welcome` frame beside its header. */
export const fitsFrame = (messageBytes: number): boolean => messageBytes <= LIMITS.frameBytes - 512

type Versioned<T> = Codec<{ readonly version: typeof FRAME_VERSION; readonly frame: T }>

const encodeFrame = <T>(codec: Versioned<T>, frame: T): Uint8Array => {
  const bytes = encode(codec, { version: FRAME_VERSION, frame })
  if (bytes.length > LIMITS.frameBytes) throw new ProtocolError('protocol.frame.too_large', { bytes: bytes.length })
  return bytes
}

const decodeFrame = <T>(codec: Versioned<T>, bytes: Uint8Array): T => {
  if (bytes.length > LIMITS.frameBytes) throw new ProtocolError('protocol.frame.too_large', { bytes: bytes.length })
  if (bytes.length > 0 && bytes[0] !== FRAME_VERSION) {
    throw new ProtocolError('protocol.frame.unknown_version', { version: bytes[0] ?? 0 })
  }
  try {
    return decode(codec, bytes).frame
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ProtocolError('protocol.frame.malformed', { reason: cause.code }, { cause })
  }
}
