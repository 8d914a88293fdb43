/**
 * A channel as lean as it can be, so that what is measured is the server: frames are looked at, not decoded. Time of
 * sending travels in the message, so that whoever gets it knows how long it took.
 */
import { sign } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import { present, systemClock } from '@famichat/base'
import {
  CHANNEL_PATH, channelChallengeTbs, type ClientFrame, ClientFrameType, type ConversationId, decodeServerFrame, encodeClientFrame, Encryption,
  makeId, type MessageId, serverOrigin, ServerFrameType,
} from '@famichat/protocol'
import { systemRandom } from '@famichat/base'
import { WebSocket } from 'ws'
import { privateMessageBytes } from '../support/mls-bytes.js'
import type { FleetDevice } from './fleet.js'

/** Bytes of ciphertext in a message: a short sentence, padded to the first size class. */
const CIPHERTEXT_BYTES = 256

/** Where a message's time of sending is, counted from the end of a `deliver` frame. */
const TIME_FROM_END = CIPHERTEXT_BYTES

/** Where and as whom to connect. */
export interface LoadChannelOptions {
  readonly url: string
  readonly device: FleetDevice
  /** A local address to connect from; the system's choice without one. */
  readonly from?: string | undefined
  readonly onDelivery?: (latencyMs: number) => void
}

/** The server turned a connection away. */
export class TurnedAway extends Error {
  /** Seconds, if the server said how long to wait. */
  readonly retryAfterSeconds: number | undefined
  constructor(message: string, retryAfterSeconds?: number) {
    super(message)
    this.retryAfterSeconds = retryAfterSeconds
  }
}

/** One open, resumed channel. */
export class LoadChannel {
  readonly device: FleetDevice
  readonly socket: WebSocket
  /** Resolves with the close code. */
  readonly closed: Promise<number>
  readonly #onDelivery: (latencyMs: number) => void
  readonly #waiting = new Map<number, { resolve: (ms: number) => void; reject: (error: Error) => void; sentAt: number }>()
  #requestId = 0

  private constructor({ url, device, from, onDelivery = () => undefined }: LoadChannelOptions, opened: { resolve: () => void; reject: (error: Error) => void }) {
    this.device = device
    this.#onDelivery = onDelivery
    this.socket = new WebSocket(url.replace('http', 'ws') + CHANNEL_PATH, { perMessageDeflate: false, skipUTF8Validation: true, ...(from === undefined ? {} : { localAddress: from }) })
    const origin = serverOrigin(url)
    this.closed = new Promise((resolve) => { this.socket.on('close', resolve) })
    this.socket.on('error', (error) => { opened.reject(error) })
    this.socket.on('unexpected-response', (request, response) => {
      opened.reject(new TurnedAway(`status ${String(response.statusCode)}`, response.headers['retry-after'] === undefined ? undefined : Number(response.headers['retry-after'])))
      request.destroy()
    })
    this.socket.on('close', () => {
      opened.reject(new TurnedAway('closed'))
      for (const { reject } of this.#waiting.values()) reject(new TurnedAway('closed'))
    })
    this.socket.on('message', (data: Buffer) => { this.#receive(data, origin, opened.resolve) })
  }

  /** Connects, authenticates, resumes, and is told that it is caught up. @throws TurnedAway */
  static open(options: LoadChannelOptions): Promise<LoadChannel> {
    return new Promise((resolve, reject) => {
      const channel: LoadChannel = new LoadChannel(options, { resolve: () => { resolve(channel) }, reject })
    })
  }

  /** Sends a message; returns the milliseconds until it was durable. */
  say(conversationId: ConversationId, ciphertextBytes = CIPHERTEXT_BYTES): Promise<number> {
    const requestId = ++this.#requestId
    const message = privateMessageBytes({ conversationId, epoch: 0n, fill: ciphertextBytes })
    const sentAt = performance.now()
    new DataView(message.buffer, message.byteOffset).setFloat64(message.length - TIME_FROM_END, sentAt)
    return new Promise((resolve, reject) => {
      this.#waiting.set(requestId, { resolve, reject, sentAt })
      this.#send({ type: ClientFrameType.send, requestId, conversationId, messageId: makeId<MessageId>(systemRandom), encryption: Encryption.mls10, epoch: 0n, message })
    })
  }

  close(): void {
    this.socket.terminate()
  }

  #send(frame: ClientFrame): void {
    this.socket.send(encodeClientFrame(frame))
  }

  #receive(data: Buffer, origin: string, opened: () => void): void {
    switch (data[1]) {
      case ServerFrameType.deliver:
        this.#onDelivery(performance.now() - data.readDoubleBE(data.length - TIME_FROM_END))
        return
      case ServerFrameType.accepted:
        this.#settle(data.readUInt32BE(2))
        return
      case ServerFrameType.challenge: {
        const { nonce } = frameOf(data, ServerFrameType.challenge)
        const { deviceId, key, token } = this.device
        const timeMs = systemClock.nowMs()
        this.#send({ type: ClientFrameType.authenticate, token, timeMs, signature: sign(null, channelChallengeTbs({ origin, nonce, deviceId, timeMs }), key) })
        return
      }
      case ServerFrameType.ready:
        this.#send({ type: ClientFrameType.resume, cursors: [] })
        return
      case ServerFrameType.caughtUp:
        opened()
        return
      case ServerFrameType.refused: {
        const { requestId, code } = frameOf(data, ServerFrameType.refused)
        this.#waiting.get(requestId)?.reject(new Error(code))
        this.#waiting.delete(requestId)
        return
      }
      default:
    }
  }

  #settle(requestId: number): void {
    const { resolve, sentAt } = present(this.#waiting.get(requestId), 'an answer has its request')
    this.#waiting.delete(requestId)
    resolve(performance.now() - sentAt)
  }
}

const frameOf = <Type extends typeof ServerFrameType.challenge | typeof ServerFrameType.refused>(data: Buffer, type: Type) => {
  const frame = decodeServerFrame(data)
  if (frame.type !== type) throw new TypeError('the type byte says the type')
  return frame as Extract<typeof frame, { type: Type }>
}
