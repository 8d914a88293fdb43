/**
 * A device: a disk that stays, a clock that may be wrong, and processes that come and go.
 */
import { Client, type ClientOptions, type DeviceId } from '@famichat/client'
import { Disk, type DiskDefect, type DiskImage } from './disk.js'
import { type CrashPoint, Process } from './process.js'
import { type Scheduler, seededBytes } from './scheduler.js'
import type { VirtualNetwork } from './virtual-network.js'

/** A device as it was founded. */
export interface DeviceImage {
  readonly name: string
  /** Its person's name. */
  readonly person: string
  readonly disk: DiskImage
}

/** What all devices of a run share. */
export interface DeviceContext {
  readonly seed: number
  readonly scheduler: Scheduler
  readonly network: VirtualNetwork
  readonly defect?: ((device: string) => DiskDefect | undefined) | undefined
  readonly onPoint: (device: Device, process: Process, point: CrashPoint) => void
}

/** A client that runs, in its process. */
export interface Session {
  readonly process: Process
  readonly client: Client
}

/** One device of a person. */
export class Device {
  readonly name: string
  readonly person: string
  readonly disk: Disk
  /** How far its clock has jumped ahead in all: keys of past epochs are kept by the clock. */
  jumpedMs = 0
  /** Its storage is gone, or it was revoked: it does not come back. */
  isLost = false
  /** Its program, while it runs. */
  session: Session | undefined
  /** Its id, once it was on. */
  deviceId: DeviceId | undefined
  /** What its program asks for less than all for, as long as it does. */
  scope: ClientOptions['scope']
  readonly #context: DeviceContext
  #skewMs = 0
  #lives = 0

  constructor(context: DeviceContext, { name, person, disk }: Pick<DeviceImage, 'name' | 'person'> & { readonly disk?: DiskImage }) {
    this.#context = context
    this.name = name
    this.person = person
    this.disk = new Disk(disk, context.defect?.(name))
  }

  /** How wrong its clock is. */
  get skewMs(): number {
    return this.#skewMs
  }

  set skewMs(skewMs: number) {
    this.jumpedMs += Math.max(0, skewMs - this.#skewMs)
    this.#skewMs = skewMs
  }

  /** A further process on this device. */
  newProcess(): Process {
    const { seed, scheduler, network, onPoint } = this.#context
    const life = (this.#lives++).toString()
    return new Process({
      name: `${this.name}#${life}`, scheduler, disk: this.disk,
      clock: { nowMs: () => scheduler.nowMs() + this.#skewMs },
      random: seededBytes(seed, `${this.name}#${life}`),
      networkOf: (process) => network.of(process, this.name),
      onPoint: (process, point) => { onPoint(this, process, point) },
    })
  }

  /** Starts the program. @returns undefined when it was killed meanwhile */
  async start(): Promise<Session | undefined> {
    const process = this.newProcess()
    const client = await Promise.race([Client.open(this.scope === undefined ? process.options : { ...process.options, scope: this.scope }), process.died])
    if (client === 'died') return undefined
    this.deviceId = client.identity.deviceId
    this.session = { process, client }
    process.onKill(() => { if (this.session?.process === process) this.session = undefined })
    return this.session
  }

  /** Ends the program without a word. */
  kill(): void {
    this.session?.process.kill()
    this.session = undefined
  }

  image(): DeviceImage {
    return { name: this.name, person: this.person, disk: this.disk.image() }
  }
}
