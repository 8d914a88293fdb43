/**
 * One run's world: the virtual network, clock and disks, the server, the devices, and who watches them.
 */
import { isCodedError } from '@famichat/base'
import { Client } from '@famichat/client'
import type { EnvelopeHeader } from '@famichat/protocol'
import { Crashes } from './crashes.js'
import { Device, type Session } from './device.js'
import type { DiskDefect } from './disk.js'
import { drive, foundingOf } from './founding.js'
import { Screen } from './oracles.js'
import { Dice, Scheduler, seededBytes } from './scheduler.js'
import { ServerHost } from './server-host.js'
import { Trace } from './trace.js'
import { Truth } from './truth.js'
import { type Middleman, VirtualNetwork, type Weather } from './virtual-network.js'
import { WireWatch } from './wire-watch.js'

/** How a world is made. */
export interface WorldOptions {
  readonly seed: number
  readonly devices: number
  readonly middleman: Middleman
  readonly weather: Omit<Weather, 'offline' | 'cutOff'>
  readonly defect?: ((device: string) => DiskDefect | undefined) | undefined
  readonly print?: ((line: string) => void) | undefined
}

/** Errors that only a bug of ours makes. */
const NEVER = [
  'client.store.malformed', 'client.store.stale', 'client.profile.busy', 'protocol.server.failed', 'protocol.message.id_reused', 'mls.snapshot.malformed', 'mls.snapshot.stale',
  'mls.group.closed', 'base.secret.wiped',
]

/** Everything of one run. */
export class World {
  readonly seed: number
  readonly trace: Trace
  readonly truth = new Truth()
  readonly violations: string[] = []
  /** What errors people met, by code. */
  readonly met = new Map<string, number>()
  readonly scheduler: Scheduler
  readonly weather: Weather
  readonly crashes: Crashes
  readonly wire: WireWatch
  readonly screens = new Map<Device, Screen>()
  /** Devices to which something was done that they may have to speak of. */
  readonly hurt = new Set<string>()
  /** Conversations that only the server made up. */
  readonly invented = new Set<string>()
  /** What was said of something wrong, by device: codes. */
  readonly said = new Map<string, Set<string>>()
  /** Moves that did something. */
  readonly moves = new Map<string, number>()
  /** Devices that are shut out, as far as that is known. */
  readonly outcasts = new Set<Device>()
  /** Hear of everything that the honest server takes. */
  readonly watchers: ((header: EnvelopeHeader) => void)[] = []
  /** What is done when faults have stopped, before anything is judged. */
  readonly unfinished: (() => Promise<void>)[] = []
  devices: readonly Device[] = []
  /** Faults have stopped. */
  isOver = false
  /** How wrong the server's clock is. */
  serverSkewMs = 0
  #host: ServerHost | undefined
  #restarting = 0

  private constructor({ seed, weather, print }: WorldOptions, atMs: number) {
    this.seed = seed
    this.trace = new Trace(print)
    this.scheduler = new Scheduler(atMs)
    this.weather = { ...weather, offline: new Set(), cutOff: new Set() }
    this.crashes = new Crashes((device, process, point) => {
      this.log(`${process.name} is killed at ${point}`)
      process.kill()
      if (device.session === undefined) this.#returnLater(device)
    })
    this.wire = new WireWatch((what) => { this.violation(what) })
    this.#dice = new Dice(seed, 'world')
  }

  readonly #dice: Dice

  /** The world as it was founded. */
  static async begin(options: WorldOptions): Promise<World> {
    const founding = await foundingOf(options.devices)
    const world = new World(options, founding.atMs)
    const { scheduler, seed } = { scheduler: world.scheduler, seed: options.seed }
    world.#host = await ServerHost.start({
      clock: { nowMs: () => scheduler.nowMs() + world.serverSkewMs }, random: seededBytes(seed, 'server'), database: founding.database,
      events: {
        appended: (header) => {
          world.truth.appended(header)
          for (const watch of world.watchers) watch(header)
        },
        conversationCreated: (...created) => { world.truth.created(...created) },
        rosterChanged: (change) => { world.truth.rosterChanged(change) },
      },
    })
    scheduler.watch(() => world.host.isBusy || world.#restarting > 0)
    const byName = new Map<string, Device>()
    const network = new VirtualNetwork({
      scheduler, host: world.host, dice: new Dice(seed, 'network'), middleman: options.middleman, weather: world.weather,
      tap: (process, sent) => {
        const name = process.name.split('#')[0] ?? ''
        const device = byName.get(name)
        if (device !== undefined) world.wire.look(name, device.disk, sent)
      },
      onExchange: (what) => { world.log(what) },
    })
    const context = {
      seed, scheduler, network, defect: options.defect,
      onPoint: (device: Device, process: Parameters<Crashes['visit']>[1], point: string) => { world.crashes.visit(device, process, point) },
    }
    world.devices = founding.devices.map((image) => new Device(context, image))
    for (const device of world.devices) {
      byName.set(device.name, device)
      world.screens.set(device, new Screen(device, world.truth, {
        violation: (what) => { world.violation(what) }, onWords: (code) => { world.heard(device, code) },
      }))
    }
    return world
  }

  get host(): ServerHost {
    if (this.#host === undefined) throw new Error('no server yet')
    return this.#host
  }

  get people(): readonly string[] {
    return [...new Set(this.devices.map(({ person }) => person))]
  }

  log(what: string): void {
    this.trace.add(this.scheduler.nowMs(), what)
  }

  violation(what: string): void {
    if (!this.violations.includes(what)) this.violations.push(what)
    this.log(`VIOLATION ${what}`)
  }

  /** A move did something. */
  acted(id: string): void {
    this.moves.set(id, (this.moves.get(id) ?? 0) + 1)
  }

  /** A device says that something is wrong. */
  heard(device: Device, code: string): void {
    const codes = this.said.get(device.name) ?? new Set()
    codes.add(code)
    this.said.set(device.name, codes)
  }

  /** A device's storage is gone: it must say so. */
  lost(device: Device): void {
    device.isLost = true
    void device.start().then(
      () => { this.violation(`${device.name} has lost everything, and opens`) },
      (error: unknown) => {
        if (isCodedError(error, 'client.profile.missing')) this.log(`${device.name} has lost everything, and says so`)
        else this.violation(`${device.name} has lost everything, and says ${String(error)}`)
      },
    )
  }

  /** A second process on a device. */
  async attemptBeside(device: Device, work: (session: Session) => Promise<void>): Promise<void> {
    const process = device.newProcess()
    try {
      const client = await Promise.race([Client.open(process.options), process.died])
      if (client !== 'died') await Promise.race([work({ process, client }), process.died])
    } catch (error) {
      this.#note(device, 'second process', error)
    }
  }

  /** Waits for work; what goes wrong in a known way is counted. */
  async tryIt(device: Device, name: string, work: Promise<unknown>): Promise<void> {
    try {
      this.log(`${device.name} ${name}`)
      await work
    } catch (error) {
      this.#note(device, name, error)
    }
  }

  /** Does something on a device; what goes wrong in a known way is counted. @returns undefined when it failed or the process was killed */
  async attempt<T>(device: Device, name: string, work: (session: Session) => Promise<T>): Promise<T | undefined> {
    const { session } = device
    if (session === undefined) return undefined
    this.log(`${device.name} ${name}`)
    try {
      const result = await Promise.race([work(session).then((value) => ({ value })), session.process.died])
      return result === 'died' ? undefined : result.value
    } catch (error) {
      this.#note(device, name, error)
      return undefined
    }
  }

  #note(device: Device, name: string, error: unknown): void {
    if (!isCodedError(error)) {
      this.violation(`${device.name} ${name}: ${error instanceof Error ? `${error.name} ${error.message} ${error.stack ?? ''}` : String(error)}`)
      return
    }
    this.log(`${device.name} ${name}: ${error.code}`)
    this.heard(device, error.code)
    this.met.set(error.code, (this.met.get(error.code) ?? 0) + 1)
    if (NEVER.includes(error.code)) this.violation(`${device.name} ${name}: ${error.code}`)
  }

  /** Starts the program on a device; only once. */
  async start(device: Device): Promise<void> {
    if (device.session !== undefined || device.isLost) return
    try {
      await device.start()
      this.log(`${device.name} is on`)
    } catch (error) {
      this.#note(device, 'start', error)
    }
  }

  /** Brings the server back. */
  async restartServer(): Promise<void> {
    this.#restarting++
    try {
      await this.host.gone()
      if (!this.host.isUp) await this.host.restart()
      this.log('the server is up')
    } finally {
      this.#restarting--
    }
  }

  /** Stops the server, puts its database back if there is an earlier one, and starts it again. @returns its database as it was */
  async backUpServer(earlier?: Uint8Array): Promise<Uint8Array> {
    this.#restarting++
    try {
      return await this.host.exchangeDatabase(earlier)
    } finally {
      this.#restarting--
      this.log(earlier === undefined ? 'the server is backed up' : 'the server is put back')
    }
  }

  /** Runs virtual time until the work is done; work that never ends is a violation. */
  async drive(what: string, work: Promise<unknown>, withinMs: number): Promise<boolean> {
    try {
      await drive(this.scheduler, work, withinMs)
      return true
    } catch (error) {
      this.violation(`${what}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`)
      return false
    }
  }

  #returnLater(device: Device): void {
    this.scheduler.after(this.#dice.between(50, 20_000), () => { void this.start(device) })
  }
}
