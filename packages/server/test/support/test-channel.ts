/**
 * A channel as a client would open it; frames wait in order until the test asks for them.
 */
import { systemRandom } from '@famichat/base'
import {
  CHANNEL_PATH, channelChallengeTbs, type ClientFrame, ClientFrameType, type CommitSubmission, type ConversationId,
  decodeServerFrame, type DeviceId, encodeClientFrame, Encryption, makeId, type MessageId, type ServerFrame, ServerFrameType,
} from '@famichat/protocol'
import { WebSocket } from 'ws'
import { privateMessageBytes, welcomeBytes } from './mls-bytes.js'
import type { TestDevice } from './test-device.js'
import type { TestServer } from './test-server.js'

type FrameOf<Type extends ServerFrame['type']> = Extract<ServerFrame, { type: Type }>

export class TestChannel {
  readonly socket: WebSocket
  /** Resolves with the close code. */
  readonly closed: Promise<number>
  readonly #frames: ServerFrame[] = []
  readonly #waiting: (() => void)[] = []
  #isClosed = false
  #requestId = 0

  constructor(server: TestServer, options: { origin?: string } = {}) {
    this.socket = new WebSocket(server.running.url.replace('http', 'ws') + CHANNEL_PATH, { perMessageDeflate: false, ...options })
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code) => {
        this.#isClosed = true
        this.#wake()
        resolve(code)
      })
    })
    this.socket.on('error', () => undefined)
    this.socket.on('message', (data) => {
      if (Buffer.isBuffer(data)) this.#frames.push(decodeServerFrame(data))
      this.#wake()
    })
  }

  /** Opens and authenticates. */
  static async open(device: TestDevice): Promise<TestChannel> {
    const channel = new TestChannel(device.server)
    await channel.authenticate(device, device.token)
    await channel.next(ServerFrameType.ready)
    return channel
  }

  /** Opens, authenticates and resumes; what comes until `caughtUp` is returned. */
  static async resume(device: TestDevice, cursors: readonly { conversationId: ConversationId; afterSeq: number }[] = []): Promise<{ channel: TestChannel; caughtUp: ServerFrame[] }> {
    const channel = await TestChannel.open(device)
    channel.send({ type: ClientFrameType.resume, cursors })
    const caughtUp: ServerFrame[] = []
    for (;;) {
      const frame = await channel.nextFrame()
      if (frame.type === ServerFrameType.caughtUp) return { channel, caughtUp }
      caughtUp.push(frame)
    }
  }

  async authenticate(device: TestDevice, token: Uint8Array): Promise<void> {
    const { nonce } = await this.next(ServerFrameType.challenge)
    const timeMs = device.server.clock.nowMs()
    const statement = channelChallengeTbs({ origin: device.origin, nonce, deviceId: device.deviceId, timeMs })
    this.send({ type: ClientFrameType.authenticate, token, timeMs, signature: device.sign(statement) })
  }

  send(frame: ClientFrame): void {
    this.socket.send(encodeClientFrame(frame))
  }

  /** The next frame, whatever it is. */
  async nextFrame(): Promise<ServerFrame> {
    for (;;) {
      const frame = this.#frames.shift()
      if (frame !== undefined) return frame
      if (this.#isClosed) throw new Error('the channel is closed')
      await new Promise<void>((resolve) => { this.#waiting.push(resolve) })
    }
  }

  /** The next frame of this type; others before it are skipped. */
  async next<Type extends ServerFrame['type']>(type: Type): Promise<FrameOf<Type>> {
    for (;;) {
      const frame = await this.nextFrame()
      if (frame.type === type) return frame as FrameOf<Type>
    }
  }

  /** Everything the server had to say by now: what comes before the answer to a ping. */
  async settle(): Promise<ServerFrame[]> {
    this.send({ type: ClientFrameType.ping, requestId: 0xffffffff })
    const frames: ServerFrame[] = []
    for (;;) {
      const frame = await this.nextFrame()
      if (frame.type === ServerFrameType.pong) return frames
      frames.push(frame)
    }
  }

  /** What still comes until the channel is closed. */
  async untilClosed(): Promise<ServerFrame[]> {
    await this.closed
    return this.#frames.splice(0)
  }

  /** Sends a message and returns the answer. */
  async say(
    conversationId: ConversationId, text: string, options: { epoch?: bigint; messageId?: MessageId; message?: Uint8Array; encryption?: Encryption } = {},
  ): Promise<FrameOf<typeof ServerFrameType.accepted> | FrameOf<typeof ServerFrameType.refused>> {
    const { epoch = 0n, messageId = makeId<MessageId>(systemRandom), encryption = Encryption.mls10 } = options
    const message = options.message ?? privateMessageBytes({ conversationId, epoch, text })
    const requestId = ++this.#requestId
    this.send({ type: ClientFrameType.send, requestId, conversationId, messageId, encryption, epoch, message })
    for (;;) {
      const frame = await this.nextFrame()
      const isAnswer = frame.type === ServerFrameType.accepted || frame.type === ServerFrameType.refused
      if (isAnswer && frame.requestId === requestId) return frame
      if (!isAnswer) this.#overtaken.push(frame)
    }
  }

  readonly #overtaken: ServerFrame[] = []

  /** What was delivered while {@link say} waited for its answer. */
  takeOvertaken(): ServerFrame[] {
    return this.#overtaken.splice(0)
  }

  close(): void {
    this.socket.close()
  }

  #wake(): void {
    for (const wake of this.#waiting.splice(0)) wake()
  }
}

/** A commit as a client submits it. */
export const makeCommit = (
  conversationId: ConversationId, epoch: bigint,
  { added = [], removed = [], guests = [], welcome = 200, messageId = makeId<MessageId>(systemRandom), text = '', fill = 0 }:
  { added?: readonly DeviceId[]; removed?: readonly DeviceId[]; guests?: CommitSubmission['guests']; welcome?: number; messageId?: MessageId; text?: string; fill?: number } = {},
): CommitSubmission => ({
  conversationId, messageId, epoch, commit: privateMessageBytes({ conversationId, epoch, content: 'commit', text, fill }),
  welcome: added.length > 0 ? welcomeBytes(welcome) : undefined, groupInfo: undefined, added, removed, guests,
})

/** The seqs in `deliver` and `announce` frames. */
export const seqsOf = (frames: readonly ServerFrame[]): number[] => frames.flatMap((frame) => {
  if (frame.type === ServerFrameType.deliver) return [frame.envelope.header.seq]
  return frame.type === ServerFrameType.announce ? [frame.header.seq] : []
})
