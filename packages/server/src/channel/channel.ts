/**
 * One socket's life: challenge, authenticate (token and signature), resume, then frames. A frame that is malformed or
 * out of turn closes the channel with its code; a refused request changes nothing and the channel lives on.
 */
import { performance } from 'node:perf_hooks'
import { assertNever } from '@famichat/base'
import {
  channelChallengeTbs, type ClientFrame, ClientFrameType, type ConversationId, decodeClientFrame, epochWinnerOf, isInScope, LIFETIMES,
  LIMITS, ProtocolError, ServerFrameType,
} from '@famichat/protocol'
import type { WebSocket } from 'ws'
import { countKeyPackages } from '../accounts/key-packages.js'
import { authenticateToken } from '../accounts/tokens.js'
import { acknowledge, readSubscriptions } from '../delivery/cursors.js'
import { acceptMessage } from '../delivery/messages.js'
import { listAsked } from '../delivery/readds.js'
import { acknowledgeWelcome } from '../delivery/welcomes.js'
import type { TokenBuckets } from '../rate-limits.js'
import { kindOf } from '../server-log.js'
import type { Services } from '../services.js'
import { verifyEd25519 } from '../signatures.js'
import type { Hub } from './hub.js'
import { Outlet } from './outlet.js'
import { Session } from './session.js'

type Frame<Type extends ClientFrameType> = Extract<ClientFrame, { type: Type }>

/** How long a channel may take. */
export interface ChannelTimes {
  /** Until it is authenticated. */
  readonly authenticationMs: number
  /** Between heartbeats; a socket that does not answer one until the next is cut. */
  readonly heartbeatMs: number
  /** A socket that takes nothing for so long, while more than a little waits for it, is cut. */
  readonly stalledMs: number
}

/** What a channel needs beside its socket. */
export interface ChannelContext {
  readonly services: Services
  readonly hub: Hub
  readonly sendBuckets: TokenBuckets
  readonly frameBuckets: TokenBuckets
  /** Counts for its frames until it is known whose they are. */
  readonly address: string
  /** Origins the client may have signed. */
  readonly origins: readonly string[]
  readonly times: ChannelTimes
  /** Called once the device has proved who it is. */
  readonly onAuthenticated: () => void
}

const NONCE_BYTES = 40
/** Requests of one channel that wait for the disk; beyond, the socket is not read. */
const MAX_PENDING = 256

/** Serves one socket until it closes. */
export class Channel {
  readonly outlet: Outlet
  readonly #socket: WebSocket
  readonly #context: ChannelContext
  readonly #nonce: Uint8Array
  readonly #timer: NodeJS.Timeout
  #state: 'challenged' | 'authenticating' | 'ready' | 'resumed' = 'challenged'
  #session: Session | undefined
  #pending = 0

  constructor(socket: WebSocket, context: ChannelContext) {
    this.#socket = socket
    this.#context = context
    this.#nonce = context.services.random(NONCE_BYTES)
    this.outlet = new Outlet(socket, {
      onDrained: () => { this.#session?.wake() }, stalledMs: context.times.stalledMs,
      onClosing: (code) => { context.services.telemetry.count('famichat_channels_closed_total', { code }) },
    })
    this.#timer = setTimeout(() => { this.outlet.close('protocol.channel.timed_out') }, context.times.authenticationMs)
    socket.on('message', (data, isBinary) => { this.#receive(data, isBinary) })
    socket.on('ping', () => { this.#countFrame() })
    socket.on('close', () => { this.#ended() })
    this.outlet.send({ type: ServerFrameType.challenge, nonce: this.#nonce, serverTimeMs: context.services.clock.nowMs() })
  }

  /** True once the device has proved who it is. */
  get isAuthenticated(): boolean {
    return this.#session !== undefined
  }

  #ended(): void {
    clearTimeout(this.#timer)
    if (this.#session !== undefined) this.#context.hub.remove(this.#session)
  }

  /** False for one too many: who sends as fast as it can is not answered, but closed (S28). */
  #countFrame(): boolean {
    const { frameBuckets, address } = this.#context
    const isTaken = frameBuckets.take(this.#session?.device.deviceId ?? address)
    if (!isTaken) this.outlet.close('protocol.rate.limited')
    return isTaken
  }

  #receive(data: WebSocket.RawData, isBinary: boolean): void {
    if (this.outlet.isClosed || !this.#countFrame()) return
    try {
      if (!isBinary || !Buffer.isBuffer(data)) throw new ProtocolError('protocol.frame.malformed')
      this.#handle(decodeClientFrame(data))
    } catch (error) {
      this.#closeFor(error)
    }
  }

  #handle(frame: ClientFrame): void {
    if (frame.type === ClientFrameType.authenticate) {
      this.#run(this.#authenticate(frame))
      return
    }
    const session = this.#session
    if (session === undefined) throw new ProtocolError('protocol.frame.unexpected')
    const { services } = this.#context
    switch (frame.type) {
      case ClientFrameType.resume:
        this.#run(this.#resume(session, frame))
        return
      case ClientFrameType.send:
        this.#run(this.#send(session, frame))
        return
      case ClientFrameType.acknowledge:
        // out of scope is like never joined: nothing happens
        if (session.mayRead(frame.conversationId)) this.#run(acknowledge(services, session.device, frame))
        return
      case ClientFrameType.acknowledgeWelcome:
        this.#run(acknowledgeWelcome(services, session.device, frame.welcomeId))
        return
      case ClientFrameType.ping:
        this.outlet.send({ type: ServerFrameType.pong, requestId: frame.requestId, serverTimeMs: services.clock.nowMs() })
        return
      default:
        assertNever(frame, 'client frame')
    }
  }

  /** The session is made inside the write queue: a revocation comes either before, and refuses, or after, and closes. */
  async #authenticate({ token, timeMs, signature }: Frame<typeof ClientFrameType.authenticate>): Promise<void> {
    if (this.#state !== 'challenged') throw new ProtocolError('protocol.frame.unexpected')
    this.#state = 'authenticating'
    const { services, hub, origins } = this.#context
    const nowMs = services.clock.nowMs()
    const ready = await services.database.write.write(async (store, afterCommit) => {
      const device = await authenticateToken(store, token, nowMs)
      const { deviceId } = device
      const isProved = Math.abs(nowMs - timeMs) <= LIFETIMES.clockSkewMs && origins.some((origin) =>
        verifyEd25519(device.signatureKey, channelChallengeTbs({ origin, nonce: this.#nonce, deviceId, timeMs }), signature))
      if (!isProved) throw new ProtocolError('protocol.auth.refused')
      if (hub.count(deviceId) >= LIMITS.channelsPerDevice) throw new ProtocolError('protocol.channel.too_many')
      const keyPackages = await countKeyPackages(store, deviceId, nowMs)
      afterCommit(() => {
        if (this.outlet.isClosed) return
        this.#session = new Session(services, device, this.outlet)
        hub.add(this.#session)
        this.#context.onAuthenticated()
      })
      return { accountId: device.accountId, deviceId, keyPackages }
    })
    clearTimeout(this.#timer)
    this.#state = 'ready'
    this.outlet.send({ type: ServerFrameType.ready, ...ready, serverTimeMs: nowMs })
  }

  /** Positions are read inside the write queue: what is appended later is offered, what was earlier is read. */
  async #resume(session: Session, { cursors }: Frame<typeof ClientFrameType.resume>): Promise<void> {
    if (this.#state !== 'ready') throw new ProtocolError('protocol.frame.unexpected')
    this.#state = 'resumed'
    const { services, hub } = this.#context
    const after = new Map<ConversationId, number>(cursors.map(({ conversationId, afterSeq }) => [conversationId, afterSeq]))
    await services.database.write.write(async (store, afterCommit) => {
      const subscriptions = await readSubscriptions(store, session.device.deviceId)
      afterCommit(() => {
        for (const conversationId of session.start(subscriptions, after)) hub.follow(session, conversationId)
      })
    })
    // read only now: who asks from here on is told of as it happens
    for (const conversationId of await listAsked(services.database.read, session.device.deviceId)) {
      if (session.mayRead(conversationId)) this.outlet.send({ type: ServerFrameType.readdRequested, conversationId })
    }
  }

  async #send(session: Session, frame: Frame<typeof ClientFrameType.send>): Promise<void> {
    const { requestId } = frame
    const { telemetry } = this.#context.services
    const started = performance.now()
    const tell = (outcome: string): void => {
      const seconds = (performance.now() - started) / 1000
      telemetry.count('famichat_messages_total', { outcome })
      telemetry.observe('famichat_message_accept_seconds', seconds)
      telemetry.span('message.accept', seconds, { outcome, bytes: frame.message.length, device: session.device.deviceId })
    }
    try {
      if (!isInScope(session.device.scope, frame.conversationId, 'write')) throw new ProtocolError('protocol.access.refused')
      if (!this.#context.sendBuckets.take(session.device.deviceId)) throw new ProtocolError('protocol.rate.limited')
      const { seq, createdAtMs } = await acceptMessage(this.#context.services, session.device, frame)
      tell('accepted')
      this.outlet.send({ type: ServerFrameType.accepted, requestId, seq, createdAtMs })
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      tell(error.code)
      this.outlet.send({ type: ServerFrameType.refused, requestId, code: error.code, winner: epochWinnerOf(error) })
    }
  }

  /** Counts what waits for the disk; the socket is not read while too much does. */
  #run(work: Promise<void>): void {
    this.#pending++
    if (this.#pending >= MAX_PENDING) this.#socket.pause()
    work.catch((error: unknown) => { this.#closeFor(error) }).finally(() => {
      this.#pending--
      if (this.#pending < MAX_PENDING / 2 && this.#socket.isPaused) this.#socket.resume()
    })
  }

  #closeFor(error: unknown): void {
    if (error instanceof ProtocolError) {
      this.outlet.close(error.code)
      return
    }
    this.#context.services.log.error('channel.failed', { kind: kindOf(error) })
    this.outlet.close('protocol.server.failed')
  }
}
