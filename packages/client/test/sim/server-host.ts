/**
 * The honest server, in this process: its own database, handlers, HTTP framework and channels; only the sockets are not
 * of the system. It can be killed in the middle of a write, and started again on what was durable.
 */
import { EventEmitter } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WebSocket } from 'ws'
import type { Clock, RandomBytes } from '@famichat/base'
import { ProtocolError } from '@famichat/protocol'
import { makeSetupLink } from '../../../server/dist/accounts/invites.js'
import { Hub } from '../../../server/dist/channel/hub.js'
import { type Assembly, assembleServer } from '../../../server/dist/assembly.js'
import { ClientAddresses } from '../../../server/dist/client-address.js'
import { DEFAULT_RATE_LIMITS, type RateLimits } from '../../../server/dist/rate-limits.js'
import { OperatorPages } from '../../../server/dist/http/operator-pages.js'
import { Health } from '../../../server/dist/telemetry/health.js'
import { Telemetry } from '../../../server/dist/telemetry/telemetry.js'
import { makeServerLog } from '../../../server/dist/server-log.js'
import type { DeliveryEvents, Services } from '../../../server/dist/services.js'
import { type Answered, type Asked, exchange } from './exchange.js'
import { type Database, openDatabase } from '../../../server/dist/storage/open-database.js'
import { type WriteJob, WriteQueue } from '../../../server/dist/storage/write-queue.js'

/** Where clients of a simulation think the server is. */
const ORIGIN = 'http://simulated.test:8420'
const KEYS = { databaseKeyHex: '5a'.repeat(32), fieldKeys: `v1 ${'a5'.repeat(32)}` }
const DATABASE_FILE = 'famichat.db'
const UNLIMITED = { burst: 1e9, perSecond: 1e9 }
const RATE_LIMITS = Object.fromEntries(Object.keys(DEFAULT_RATE_LIMITS).map((name) => [name, UNLIMITED])) as unknown as RateLimits
/** Never, in real time: virtual time decides. */
const NEVER_MS = 2 ** 31 - 1
const TIMES = { authenticationMs: NEVER_MS, heartbeatMs: NEVER_MS, stalledMs: NEVER_MS }
const CAPS = { total: 1e9, perAddress: 1e9, strangersPerAddress: 1e9, strangers: 1e9 }
/** How every socket came: from this machine. */
const REQUEST = { headers: { host: new URL(ORIGIN).host }, socket: { remoteAddress: '127.0.0.1' } } as unknown as IncomingMessage

/** What stands for a socket on the server's side. */
export class ServerSocket extends EventEmitter {
  readyState = 1
  readonly isPaused = false
  readonly #onFrame: (frame: Uint8Array) => void
  readonly #onEnd: () => void

  constructor(onFrame: (frame: Uint8Array) => void, onEnd: () => void) {
    super()
    this.#onFrame = onFrame
    this.#onEnd = onEnd
  }

  send(frame: Uint8Array, sent: () => void): void {
    if (this.readyState === 1) this.#onFrame(frame.slice())
    sent()
  }

  close(): void {
    this.terminate()
  }

  terminate(): void {
    if (this.readyState !== 1) return
    this.readyState = 3
    this.#onEnd()
    this.emit('close')
  }

  ping(): void {
    this.emit('pong')
  }

  pause(): void {
    // what arrives is small
  }

  resume(): void {
    // it never stopped
  }
}

/** Where the server is killed: with a change undone, or durable and not answered. */
export type KillMoment = 'transaction' | 'stored'

class Killed extends ProtocolError {
  constructor() {
    super('protocol.server.unavailable')
  }
}

/** The server's own queue, which can be killed at its next write. */
class WatchedQueue implements Pick<WriteQueue, 'write' | 'close'> {
  waiting = 0
  killAt: { readonly moment: KillMoment; readonly kill: () => void } | undefined
  readonly #queue: WriteQueue

  constructor(queue: WriteQueue) {
    this.#queue = queue
  }

  async write<T>(job: WriteJob<T>): Promise<T> {
    this.waiting++
    try {
      return await this.#queue.write(async (store, afterCommit) => {
        const { killAt } = this
        this.killAt = undefined
        if (killAt?.moment === 'stored') afterCommit(killAt.kill)
        const result = await job(store, afterCommit)
        if (killAt?.moment === 'transaction') {
          killAt.kill()
          throw new Killed()
        }
        return result
      })
    } finally {
      this.waiting--
    }
  }

  close(): Promise<void> {
    return this.#queue.close()
  }
}

interface Running extends Assembly {
  readonly services: Services
  readonly queue: WatchedQueue
}

/** What a server needs. */
export interface HostOptions {
  readonly clock: Clock
  readonly random: RandomBytes
  /** A database to start with. */
  readonly database?: Uint8Array | undefined
  /** Told of everything that became durable, killed or not. */
  readonly events: Partial<Pick<DeliveryEvents, 'appended' | 'conversationCreated' | 'rosterChanged'>>
}

/** Runs the server. */
export class ServerHost {
  readonly #options: HostOptions
  readonly #folder = mkdtempSync(join(memoryFolder(), 'famichat-sim-'))
  readonly #sockets = new Set<ServerSocket>()
  #running: Running | undefined
  #calls = 0
  #life = 0
  #closing: Promise<void> | undefined

  private constructor(options: HostOptions) {
    this.#options = options
    if (options.database !== undefined) writeFileSync(join(this.#folder, DATABASE_FILE), options.database)
  }

  static async start(options: HostOptions): Promise<ServerHost> {
    const host = new ServerHost(options)
    await host.restart()
    return host
  }

  get isUp(): boolean {
    return this.#running !== undefined
  }

  /** True while something is being computed or written. */
  get isBusy(): boolean {
    return this.#calls > 0 || this.#closing !== undefined || (this.#running?.queue.waiting ?? 0) > 0
  }

  /** Opens the database again, as a new process would. */
  async restart(): Promise<void> {
    const { clock, random } = this.#options
    const opened = await openDatabase({ dataDir: this.#folder, keys: KEYS, random })
    const queue = new WatchedQueue(opened.write)
    const database: Database = { ...opened, write: queue as unknown as WriteQueue }
    const told = this.#options.events
    const hub = new Hub()
    const events: DeliveryEvents = {
      signedOut: (deviceId) => { hub.signedOut(deviceId) },
      readdRequested: (...asked) => { hub.readdRequested(...asked) },
      conversationCreated: (...created) => {
        told.conversationCreated?.(...created)
        hub.conversationCreated(...created)
      },
      appended: (...appended) => {
        told.appended?.(...appended)
        hub.appended(...appended)
      },
      rosterChanged: (change) => {
        told.rosterChanged?.(change)
        hub.rosterChanged(change)
      },
    }
    const telemetry = new Telemetry({ clock, random })
    const pages = new OperatorPages({ telemetry, health: new Health(), token: undefined, isProxied: false })
    const services: Services = {
      database, clock, random, telemetry, events, log: makeServerLog({ write: () => undefined }, clock, 'events'), addresses: new ClientAddresses(), rateLimits: RATE_LIMITS,
      originsFor: () => [ORIGIN], relyingParty: () => undefined,
    }
    const assembly = assembleServer(services, hub, { times: TIMES, caps: CAPS, isBehindTls: false, pages, push: { publicKey: new Uint8Array(65), services: [] } })
    await assembly.app.ready()
    this.#running = { ...assembly, services, queue }
    this.#life++
  }

  /** The link for the first account. */
  async setupLink(): Promise<string> {
    const { services } = this.#present
    return await makeSetupLink(services, ORIGIN) ?? ''
  }

  /** The next write is the last thing this process does. */
  killAtNextWrite(moment: KillMoment, onKilled: () => void): void {
    const kill = (): void => {
      this.kill()
      onKilled()
    }
    this.#present.queue.killAt = { moment, kill }
  }

  /** It goes on after its next write. */
  spare(): void {
    if (this.#running !== undefined) this.#running.queue.killAt = undefined
  }

  /** All channels break, what is under way is never answered; `restart` brings it back. */
  kill(): void {
    if (this.#running === undefined) return
    this.#life++
    const { services: { database }, channels } = this.#running
    this.#running = undefined
    channels.close()
    for (const socket of [...this.#sockets]) socket.terminate()
    this.#closing = database.close().finally(() => { this.#closing = undefined })
  }

  /** Ends the process in good order and starts it again, on an earlier database if there is one. @returns the database as it was */
  async exchangeDatabase(earlier: Uint8Array | undefined): Promise<Uint8Array> {
    this.kill()
    await this.#closing
    const file = join(this.#folder, DATABASE_FILE)
    const database = new Uint8Array(readFileSync(file))
    if (earlier !== undefined) writeFileSync(file, earlier)
    await this.restart()
    return database
  }

  /** Waits until the killed process has let go of its files. */
  async gone(): Promise<void> {
    await this.#closing
  }

  /** Undefined when the server died before it answered. */
  async call(asked: Asked): Promise<Answered | undefined> {
    const life = this.#life
    if (this.#running === undefined) return undefined
    this.#calls++
    try {
      const { app } = this.#running
      const answer = await exchange((request, response) => { app.routing(request, response) }, asked)
      return life === this.#life ? answer : undefined
    } finally {
      this.#calls--
    }
  }

  /** A new channel. @returns what takes the client's frames, or undefined when nobody listens */
  connect(socket: ServerSocket): boolean {
    if (this.#running === undefined) return false
    this.#sockets.add(socket)
    socket.once('close', () => { this.#sockets.delete(socket) })
    this.#running.channels.accept(socket as unknown as WebSocket, REQUEST)
    return true
  }

  /** Stops in good order. @returns the database file */
  async end(): Promise<Uint8Array> {
    for (const socket of [...this.#sockets]) socket.terminate()
    await this.#running?.app.close()
    this.#running?.channels.close()
    await this.#running?.services.database.close()
    await this.#closing
    this.#running = undefined
    const database = readFileSync(join(this.#folder, DATABASE_FILE))
    rmSync(this.#folder, { recursive: true, force: true })
    return new Uint8Array(database)
  }

  get #present(): Running {
    if (this.#running === undefined) throw new Error('the server is down')
    return this.#running
  }
}

/** A folder whose files are in memory where there is one: real disks would only be slow. */
const memoryFolder = (): string => {
  try {
    const probe = mkdtempSync('/dev/shm/famichat-probe-')
    rmSync(probe, { recursive: true })
    return '/dev/shm'
  } catch {
    return tmpdir()
  }
}
