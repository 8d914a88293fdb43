/**
 * Accepts channels: checks address, path and origin before the upgrade, keeps dead sockets out by heartbeat.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { CHANNEL_PATH, LIMITS, PROTOCOL_ERRORS, type ProtocolErrorCode } from '@famichat/protocol'
import { type WebSocket, WebSocketServer } from 'ws'
import { isOurPage } from '../origins.js'
import { TokenBuckets } from '../rate-limits.js'
import type { Services } from '../services.js'
import { type ConnectionCaps, Counts } from '../connection-caps.js'
import { Channel, type ChannelTimes } from './channel.js'
import type { Hub } from './hub.js'

/** How long somebody who is turned away is told to wait, at most; at random, so that not all come back at once. */
const RETRY_AFTER_SECONDS = 8

/** Accepts and keeps channels. */
export class ChannelServer {
  readonly #services: Services
  readonly #hub: Hub
  readonly #times: ChannelTimes
  readonly #addressBuckets: TokenBuckets
  readonly #sendBuckets: TokenBuckets
  readonly #frameBuckets: TokenBuckets
  readonly #channels = new Map<WebSocket, { channel: Channel; isAlive: boolean }>()
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // a frame a little too large still gets its coded error; a larger one is cut while it is being read
    maxPayload: LIMITS.frameBytes + 1024,
  })
  readonly #caps: ConnectionCaps
  /** Connected and not yet authenticated, by address. */
  readonly #strangers = new Counts()
  readonly #heartbeat: NodeJS.Timeout
  #isClosing = false

  constructor(services: Services, hub: Hub, { times, caps }: { readonly times: ChannelTimes; readonly caps: ConnectionCaps }) {
    this.#caps = caps
    this.#services = services
    this.#hub = hub
    this.#times = times
    this.#addressBuckets = new TokenBuckets(services.clock, services.rateLimits.address)
    this.#sendBuckets = new TokenBuckets(services.clock, services.rateLimits.send)
    this.#frameBuckets = new TokenBuckets(services.clock, services.rateLimits.frame)
    this.#heartbeat = setInterval(() => { this.#beat() }, times.heartbeatMs).unref()
  }

  /** Takes over the server's upgrade requests. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => { socket.destroy() })
      const refusal = this.#refusalOf(request)
      if (refusal === undefined) this.#webSockets.handleUpgrade(request, socket, head, (accepted) => { this.accept(accepted, request) })
      else this.#refuse(socket, refusal)
    })
  }

  /** Tells every channel that the server stops, and closes it. */
  close(): void {
    this.#isClosing = true
    clearInterval(this.#heartbeat)
    for (const { channel } of this.#channels.values()) channel.outlet.close('protocol.server.unavailable')
  }

  #refusalOf(request: IncomingMessage): ProtocolErrorCode | undefined {
    if (this.#isClosing) return 'protocol.server.unavailable'
    if (request.url !== CHANNEL_PATH) return 'protocol.route.unknown'
    if (!isOurPage(request, this.#services.originsFor(request.headers.host))) return 'protocol.access.refused'
    const address = this.#services.addresses.of(request)
    if (!this.#addressBuckets.take(address)) return 'protocol.rate.limited'
    const isFull = this.#strangers.total >= this.#caps.strangers || this.#strangers.of(address) >= this.#caps.strangersPerAddress
    return isFull ? 'protocol.server.unavailable' : undefined
  }

  #refuse(socket: Duplex, code: ProtocolErrorCode): void {
    const { status } = PROTOCOL_ERRORS[code]
    const seconds = this.#retryAfterOf(code)
    const retryAfter = seconds === undefined ? '' : `Retry-After: ${seconds}\r\n`
    this.#services.telemetry.count('famichat_channels_refused_total', { code })
    socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\n${retryAfter}Content-Length: 0\r\n\r\n`)
  }

  /** Seconds, drawn anew for each: who comes back at the same time is turned away again. */
  #retryAfterOf(refusal: ProtocolErrorCode): number | undefined {
    if (refusal !== 'protocol.server.unavailable' && refusal !== 'protocol.rate.limited') return undefined
    return 1 + (this.#services.random(1)[0] ?? 0) % RETRY_AFTER_SECONDS
  }

  #tellCounts(): void {
    this.#services.telemetry.observe('famichat_channels', this.#channels.size)
    this.#services.telemetry.observe('famichat_channel_strangers', this.#strangers.total)
  }

  /** Serves a socket that was let in. */
  accept(socket: WebSocket, request: IncomingMessage): void {
    socket.on('error', (error) => {
      const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
      this.#services.log.warn('channel.socket_error', { kind: code })
    })
    const address = this.#services.addresses.of(request)
    let isStranger = true
    const known = (): void => {
      if (isStranger) this.#strangers.remove(address)
      isStranger = false
      this.#tellCounts()
    }
    this.#strangers.add(address)
    const channel = new Channel(socket, {
      services: this.#services, hub: this.#hub, sendBuckets: this.#sendBuckets, frameBuckets: this.#frameBuckets, address,
      origins: this.#services.originsFor(request.headers.host), times: this.#times, onAuthenticated: known,
    })
    const entry = { channel, isAlive: true }
    this.#channels.set(socket, entry)
    this.#tellCounts()
    socket.on('pong', () => { entry.isAlive = true })
    socket.on('close', () => {
      this.#channels.delete(socket)
      known()
      this.#tellCounts()
    })
  }

  #beat(): void {
    for (const [socket, entry] of this.#channels) {
      if (entry.isAlive) {
        entry.isAlive = false
        socket.ping()
      } else {
        socket.terminate()
      }
    }
  }
}
