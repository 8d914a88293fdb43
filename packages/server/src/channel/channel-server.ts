/**
 * Accepts channels: checks address, path and origin before the upgrade, keeps dead sockets out by heartbeat.
 */
import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { CHANNEL_PATH, LIMITS, PROTOCOL_ERRORS, type ProtocolErrorCode } from '@famichat/protocol'
import { type WebSocket, WebSocketServer } from 'ws'
import { TokenBuckets } from '../rate-limits.js'
import type { Services } from '../services.js'
import { Channel } from './channel.js'
import type { Hub } from './hub.js'

/** How long a channel may take. */
export interface ChannelTimes {
  /** Until it is authenticated. */
  readonly authenticationMs: number
  /** Between heartbeats; a socket that does not answer one until the next is cut. */
  readonly heartbeatMs: number
}

/** Channels that have connected and not yet authenticated, of all addresses. */
const MAX_STRANGERS = 1000

/** Accepts and keeps channels. */
export class ChannelServer {
  readonly #services: Services
  readonly #hub: Hub
  readonly #times: ChannelTimes
  readonly #addressBuckets: TokenBuckets
  readonly #sendBuckets: TokenBuckets
  readonly #channels = new Map<WebSocket, { channel: Channel; isAlive: boolean }>()
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    // a frame a little too large still gets its coded error; a larger one is cut while it is being read
    maxPayload: LIMITS.frameBytes + 1024,
  })
  readonly #heartbeat: NodeJS.Timeout
  #isClosing = false

  constructor(services: Services, hub: Hub, times: ChannelTimes) {
    this.#services = services
    this.#hub = hub
    this.#times = times
    this.#addressBuckets = new TokenBuckets(services.clock, services.rateLimits.address)
    this.#sendBuckets = new TokenBuckets(services.clock, services.rateLimits.send)
    this.#heartbeat = setInterval(() => { this.#beat() }, times.heartbeatMs).unref()
  }

  /** Takes over the server's upgrade requests. */
  attach(server: Server): void {
    server.on('upgrade', (request, socket, head) => {
      socket.on('error', () => { socket.destroy() })
      const refusal = this.#refusalOf(request)
      if (refusal === undefined) this.#webSockets.handleUpgrade(request, socket, head, (accepted) => { this.#accept(accepted, request) })
      else refuse(socket, refusal)
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
    const { origin, host } = request.headers
    // a browser says which page connects: only our own may
    if (origin !== undefined && !this.#services.originsFor(host).includes(origin)) return 'protocol.access.refused'
    if (!this.#addressBuckets.take(request.socket.remoteAddress ?? '')) return 'protocol.rate.limited'
    const strangers = [...this.#channels.values()].filter(({ channel }) => !channel.isAuthenticated).length
    return strangers >= MAX_STRANGERS ? 'protocol.server.unavailable' : undefined
  }

  #accept(socket: WebSocket, request: IncomingMessage): void {
    socket.on('error', (error) => {
      const code = 'code' in error && typeof error.code === 'string' ? error.code : error.name
      this.#services.log.warn('channel.socket_error', { kind: code })
    })
    const channel = new Channel(socket, {
      services: this.#services, hub: this.#hub, sendBuckets: this.#sendBuckets,
      origins: this.#services.originsFor(request.headers.host), authenticationMs: this.#times.authenticationMs,
    })
    const entry = { channel, isAlive: true }
    this.#channels.set(socket, entry)
    socket.on('pong', () => { entry.isAlive = true })
    socket.on('close', () => { this.#channels.delete(socket) })
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

const refuse = (socket: Duplex, code: ProtocolErrorCode): void => {
  const { status } = PROTOCOL_ERRORS[code]
  socket.end(`HTTP/1.1 ${status} Refused\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}
