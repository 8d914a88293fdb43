/**
 * The network between processes and the server: it takes time, loses packets, breaks connections, and whoever controls the
 * server may sit in the middle (the {@link Middleman}).
 */
import type { Network, Socket, SocketEvents } from '@famichat/client'
import {
  type ClientFrame, ClientFrameType, decodeClientFrame, decodeServerFrame, encodeClientFrame, encodeServerFrame, type RouteName, ROUTES,
  type ServerFrame, ServerFrameType,
} from '@famichat/protocol'
import type { Process } from './process.js'
import type { Dice, Scheduler } from './scheduler.js'
import type { Answered } from './exchange.js'
import { type ServerHost, ServerSocket } from './server-host.js'

/** A call as it passes. */
export interface PassingCall {
  readonly device: string
  readonly route: RouteName
  readonly body: Uint8Array
}

/** Between network and honest server. */
export interface Middleman {
  call(call: PassingCall, honest: (body?: Uint8Array) => Promise<Answered | undefined>): Promise<Answered | undefined>
  /** What of a frame to the device goes on, and as what. */
  down(device: string, frame: ServerFrame): readonly ServerFrame[]
  /** What of a frame from the device goes on; `answer` speaks in the server's name. */
  up(device: string, frame: ClientFrame, answer: (frame: ServerFrame) => void): readonly ClientFrame[]
}

/** How good the network is. */
export interface Weather {
  readonly latencyMs: readonly [number, number]
  /** Of each packet. */
  loss: number
  /** Of each frame or call: the connection breaks. */
  breaks: number
  /** Devices that have no network now. */
  readonly offline: Set<string>
  /** Devices that no packet comes from for as long as a move needs it. */
  readonly cutOff: Set<string>
}

/** Sees every byte that leaves a device. */
export type WireTap = (process: Process, sent: { readonly route: RouteName; readonly body: Uint8Array } | { readonly frame: ClientFrame }) => void

const RESEND_MS = 200
const TIMEOUT_MS = 30_000
const ROUTE_OF = new Map(Object.entries(ROUTES).map(([name, { path }]) => [path, name as RouteName]))
const UP_NAMES: Readonly<Record<ClientFrameType, string>> = { 1: 'authenticate', 2: 'resume', 3: 'send', 4: 'acknowledge', 5: 'acknowledgeWelcome', 6: 'ping' }
const DOWN_NAMES: Readonly<Record<ServerFrameType, string>> = {
  1: 'challenge', 2: 'ready', 3: 'accepted', 4: 'refused', 5: 'deliver', 6: 'announce', 7: 'welcome', 8: 'announceWelcome', 9: 'removed', 10: 'caughtUp',
  11: 'pong', 12: 'closing', 13: 'readdRequested',
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined)

/** Makes networks for processes. */
export class VirtualNetwork {
  readonly weather: Weather
  readonly #scheduler: Scheduler
  readonly #dice: Dice
  readonly #host: ServerHost
  readonly #middleman: Middleman
  readonly #tap: WireTap
  readonly #onExchange: (what: string) => void

  constructor({ scheduler, dice, host, middleman, tap, weather, onExchange }: {
    readonly scheduler: Scheduler; readonly dice: Dice; readonly host: ServerHost; readonly middleman: Middleman; readonly tap: WireTap
    readonly weather: Weather; readonly onExchange: (what: string) => void
  }) {
    this.#scheduler = scheduler
    this.#dice = dice
    this.#host = host
    this.#middleman = middleman
    this.#tap = tap
    this.weather = weather
    this.#onExchange = onExchange
  }

  of(process: Process, device: string): Network {
    return {
      fetch: (url, init) => this.#fetch(process, device, { url, init }),
      openSocket: (_url, events) => new Wire({ ...this.#parts, process, device, events }).socket,
    }
  }

  get #parts() {
    return {
      scheduler: this.#scheduler, host: this.#host, middleman: this.#middleman, tap: this.#tap, onExchange: this.#onExchange,
      isOffline: (device: string) => this.#isOffline(device), delayMs: () => this.#delayMs(), isBroken: () => this.#dice.chance(this.weather.breaks),
    }
  }

  #isOffline(device: string): boolean {
    return this.weather.offline.has(device) || this.weather.cutOff.has(device)
  }

  /** A packet that is lost is sent again, later and later. */
  #delayMs(): number {
    const [least, most] = this.weather.latencyMs
    let delayMs = this.#dice.between(least, most)
    for (let resends = 0; resends < 6 && this.#dice.chance(this.weather.loss); resends++) delayMs += RESEND_MS * 2 ** resends
    return delayMs
  }

  async #fetch(process: Process, device: string, { url, init }: { readonly url: string; readonly init: RequestInit }): Promise<Response> {
    if (process.isDead) return never()
    const { pathname: path } = new URL(url)
    const route = ROUTE_OF.get(path)
    if (route === undefined) throw new Error(`no route ${path}`)
    const body = init.body === undefined || init.body === null ? new Uint8Array(0) : (init.body as Uint8Array).slice()
    if (!process.visit(`call.${route}.asked`)) return never()
    this.#tap(process, { route, body })
    return process.alive(this.#exchange(process, device, { route, body, method: init.method ?? 'GET', path, headers: init.headers as Record<string, string> }))
  }

  async #exchange(process: Process, device: string, asked: { route: RouteName; body: Uint8Array; method: string; path: string; headers: Record<string, string> }): Promise<Response> {
    const { route } = asked
    await this.#travel(device)
    const honest = (body = asked.body): Promise<Answered | undefined> => this.#host.call({ ...asked, body })
    const answer = await this.#middleman.call({ device, route, body: asked.body }, honest)
    this.#onExchange(`${device} ${route} ${answer === undefined ? 'unanswered' : answer.status.toString()}`)
    if (answer === undefined) {
      await this.#scheduler.sleep(this.#host.isUp ? TIMEOUT_MS : this.#delayMs())
      throw new TypeError('fetch failed')
    }
    await this.#travel(device)
    if (!process.isDead) process.visit(`call.${route}.answered`)
    const { status } = answer
    const bytes = answer.body.slice()
    return { ok: status < 400, status, body: { getReader: () => readerOf(bytes) } } as unknown as Response
  }

  async #travel(device: string): Promise<void> {
    await this.#scheduler.sleep(this.#delayMs())
    if (this.#isOffline(device) || this.#dice.chance(this.weather.breaks)) throw new TypeError('fetch failed')
  }
}

interface WireOptions {
  readonly scheduler: Scheduler
  readonly host: ServerHost
  readonly middleman: Middleman
  readonly tap: WireTap
  readonly onExchange: (what: string) => void
  readonly isOffline: (device: string) => boolean
  readonly delayMs: () => number
  readonly isBroken: () => boolean
  readonly process: Process
  readonly device: string
  readonly events: SocketEvents
}

/** One connection; frames of one direction keep their order. */
class Wire {
  readonly socket: Socket
  readonly #options: WireOptions
  readonly #server: ServerSocket
  #isOpen = true
  #downFreeAtMs = 0
  #upFreeAtMs = 0

  constructor(options: WireOptions) {
    this.#options = options
    const { scheduler, process } = options
    this.#server = new ServerSocket((bytes) => { this.#fromServer(bytes) }, () => { this.#planDown(() => { this.#end() }) })
    this.socket = { send: (bytes) => { this.#fromClient(bytes.slice()) }, close: () => { this.#hangUp() } }
    process.onKill(() => { this.#hangUp() })
    scheduler.after(options.delayMs(), () => {
      if (!this.#isOpen) return
      if (options.isOffline(options.device) || options.isBroken() || !options.host.connect(this.#server)) this.#end()
    })
  }

  #fromServer(bytes: Uint8Array): void {
    const { middleman, device } = this.#options
    for (const frame of middleman.down(device, decodeServerFrame(bytes))) this.#deliver(frame)
  }

  #deliver(frame: ServerFrame): void {
    const { process, device, events, isBroken, isOffline, onExchange } = this.#options
    this.#planDown(() => {
      if (!this.#isOpen || process.isDead) return
      if (isBroken() || isOffline(device)) {
        this.#cut()
        return
      }
      onExchange(`${device} <- ${DOWN_NAMES[frame.type]}`)
      if (process.visit(`frame.${DOWN_NAMES[frame.type]}.came`)) events.onMessage(encodeServerFrame(frame))
    })
  }

  #fromClient(bytes: Uint8Array): void {
    const { process, device, middleman, tap, isBroken, isOffline } = this.#options
    if (!this.#isOpen || process.isDead) return
    const frame = decodeClientFrame(bytes)
    if (!process.visit(`frame.${UP_NAMES[frame.type]}.sent`)) return
    tap(process, { frame })
    this.#planUp(() => {
      if (!this.#isOpen) return
      if (isBroken() || isOffline(device)) {
        this.#cut()
        return
      }
      for (const passed of middleman.up(device, frame, (answer) => { this.#deliver(answer) })) this.#server.emit('message', Buffer.from(encodeClientFrame(passed)), true)
    })
  }

  /** The client closes: what it had sent still arrives. */
  #hangUp(): void {
    this.#planUp(() => { this.#server.terminate() })
    this.#end()
  }

  #cut(): void {
    this.#server.terminate()
    this.#end()
  }

  #end(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    if (!this.#options.process.isDead) this.#options.events.onClose()
  }

  #planDown(run: () => void): void {
    const { scheduler, delayMs } = this.#options
    this.#downFreeAtMs = Math.max(this.#downFreeAtMs, scheduler.nowMs() + delayMs())
    scheduler.after(this.#downFreeAtMs - scheduler.nowMs(), run)
  }

  #planUp(run: () => void): void {
    const { scheduler, delayMs } = this.#options
    this.#upFreeAtMs = Math.max(this.#upFreeAtMs, scheduler.nowMs() + delayMs())
    scheduler.after(this.#upFreeAtMs - scheduler.nowMs(), run)
  }
}

/** Gives all of it at once, then the end. */
const readerOf = (bytes: Uint8Array) => {
  let isRead = false
  return {
    read: () => {
      const value = isRead || bytes.length === 0 ? undefined : bytes
      isRead = true
      return Promise.resolve({ done: value === undefined, value })
    },
    cancel: () => Promise.resolve(),
  }
}
