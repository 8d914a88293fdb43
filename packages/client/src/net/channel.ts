/**
 * The device's open channel: authenticates, sends and waits for the answer, and hands over what the server delivers.
 */
import type { Signer } from '@famichat/mls'
import {
  type Acceptance, channelChallengeTbs, CHANNEL_PATH, type ClientFrame, ClientFrameType, type ConversationId, decodeServerFrame,
  type DeviceId, encodeClientFrame, Encryption, makeEpochConflict, type MessageId, ProtocolError, type ServerFrame, ServerFrameType,
  type WelcomeId,
} from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { OpenSocket, Socket } from './socket.js'
import type { Timer } from './timer.js'

type Frame<Type extends ServerFrameType> = Extract<ServerFrame, { type: Type }>
/** What the server says without being asked. */
export type DeliveryFrame = Frame<
  | typeof ServerFrameType.deliver | typeof ServerFrameType.announce | typeof ServerFrameType.welcome
  | typeof ServerFrameType.announceWelcome | typeof ServerFrameType.removed | typeof ServerFrameType.caughtUp
  | typeof ServerFrameType.readdRequested
>

/** What a channel needs. */
export interface ChannelOptions {
  readonly origin: string
  readonly deviceId: DeviceId
  readonly signer: Signer
  readonly openSocket: OpenSocket
  readonly timer: Timer
  readonly token: Uint8Array
  readonly onFrame: (frame: DeliveryFrame) => void
  readonly onClosed: (error: Error) => void
}

/** A message as it goes out. */
export interface OutgoingMessage {
  readonly conversationId: ConversationId
  readonly messageId: MessageId
  readonly epoch: bigint
  readonly message: Uint8Array
}

interface Waiting {
  readonly resolve: (acceptance: Acceptance) => void
  readonly reject: (error: Error) => void
  /** It came: nobody need look for it any more. */
  readonly callOff: () => void
}

/** A server that does not answer for so long is not there any more, whatever the socket says. */
const ANSWER_MS = 30_000

/** One connection; when it is lost, a new one is made. */
export class Channel {
  readonly #options: ChannelOptions
  readonly #socket: Socket
  readonly #waiting = new Map<number, Waiting>()
  #opening: { readonly resolve: () => void; readonly reject: (error: Error) => void } | undefined
  #nextRequestId = 1
  readonly #opened: () => void
  #ended: Error | undefined

  private constructor(options: ChannelOptions, opening: { resolve: () => void; reject: (error: Error) => void }) {
    this.#options = options
    this.#opening = opening
    this.#opened = this.#expect('client.server.unreachable')
    const url = options.origin.replace(/^http/, 'ws') + CHANNEL_PATH
    this.#socket = options.openSocket(url, {
      onMessage: (bytes) => { this.#receive(bytes) },
      onClose: () => { this.#end(new ClientError(this.#opening === undefined ? 'client.channel.closed' : 'client.server.unreachable')) },
    })
  }

  /** Connects and authenticates. @throws ClientError `client.server.unreachable` | ProtocolError */
  static open(options: ChannelOptions): Promise<Channel> {
    return new Promise((resolve, reject) => {
      const channel: Channel = new Channel(options, { resolve: () => { resolve(channel) }, reject })
    })
  }

  get isOpen(): boolean {
    return this.#ended === undefined
  }

  /** Starts delivery after what this device has taken. */
  resume(cursors: readonly { conversationId: ConversationId; afterSeq: number }[]): void {
    this.#send({ type: ClientFrameType.resume, cursors })
  }

  /** Sends, and returns once the server has stored it for good. @throws ProtocolError | ClientError `client.channel.closed` */
  send(message: OutgoingMessage): Promise<Acceptance> {
    const requestId = this.#nextRequestId++
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) {
        reject(this.#ended)
        return
      }
      this.#waiting.set(requestId, { resolve, reject, callOff: this.#expect('client.channel.closed') })
      this.#send({ type: ClientFrameType.send, requestId, encryption: Encryption.mls10, ...message })
    })
  }

  /** Everything up to `seq` is stored here. Lost on a closed channel: it is said again with the next one. */
  acknowledge(conversationId: ConversationId, seq: number): void {
    this.#send({ type: ClientFrameType.acknowledge, conversationId, seq })
  }

  acknowledgeWelcome(welcomeId: WelcomeId): void {
    this.#send({ type: ClientFrameType.acknowledgeWelcome, welcomeId })
  }

  close(): void {
    this.#socket.close()
    this.#end(new ClientError('client.channel.closed'))
  }

  #send(frame: ClientFrame): void {
    if (this.#ended === undefined) this.#socket.send(encodeClientFrame(frame))
  }

  #receive(bytes: Uint8Array): void {
    if (this.#ended !== undefined) return
    try {
      this.#handle(decodeServerFrame(bytes))
    } catch (error) {
      this.#end(error instanceof Error ? error : new ClientError('client.channel.closed'))
      this.#socket.close()
    }
  }

  #handle(frame: ServerFrame): void {
    switch (frame.type) {
      case ServerFrameType.challenge:
        this.#authenticate(frame).catch((error: unknown) => {
          this.#end(error instanceof Error ? error : new ClientError('client.channel.closed'))
        })
        return
      case ServerFrameType.ready:
        this.#opened()
        this.#opening?.resolve()
        this.#opening = undefined
        return
      case ServerFrameType.accepted:
        this.#take(frame.requestId)?.resolve({ seq: frame.seq, createdAtMs: frame.createdAtMs })
        return
      case ServerFrameType.refused:
        this.#take(frame.requestId)?.reject(frame.winner === undefined ? new ProtocolError(frame.code) : makeEpochConflict(frame.winner))
        return
      case ServerFrameType.pong:
        return
      case ServerFrameType.closing:
        this.#end(new ProtocolError(frame.code))
        return
      default:
        this.#options.onFrame(frame)
    }
  }

  /** In the server's time: this device's clock may be wrong by days, and the nonce alone is what makes the proof fresh. */
  async #authenticate({ nonce, serverTimeMs: timeMs }: Frame<typeof ServerFrameType.challenge>): Promise<void> {
    const { origin, deviceId, signer, token } = this.#options
    const signature = await signer.sign(channelChallengeTbs({ origin, nonce: nonce.slice(), deviceId, timeMs }))
    this.#send({ type: ClientFrameType.authenticate, token, timeMs, signature })
  }

  /** Ends the channel unless what is expected comes in time. */
  #expect(otherwise: 'client.channel.closed' | 'client.server.unreachable'): () => void {
    return this.#options.timer(ANSWER_MS, () => {
      this.#end(new ClientError(otherwise))
      this.#socket.close()
    })
  }

  #take(requestId: number): Waiting | undefined {
    const waiting = this.#waiting.get(requestId)
    this.#waiting.delete(requestId)
    waiting?.callOff()
    return waiting
  }

  #end(error: Error): void {
    if (this.#ended !== undefined) return
    this.#ended = error
    this.#opened()
    this.#opening?.reject(error)
    this.#opening = undefined
    for (const { reject, callOff } of this.#waiting.values()) {
      callOff()
      reject(error)
    }
    this.#waiting.clear()
    this.#options.onClosed(error)
  }
}
