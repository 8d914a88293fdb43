/**
 * A crowd: hundreds of people with their devices in one conversation, on a network that loses packets. Everybody joins, people
 * talk, some are removed, and in the end all who are left must agree.
 */
import { setMaxListeners } from 'node:events'
import { toHex } from '@famichat/base'
import { Client, type ConversationId } from '@famichat/client'
import { Group } from '@famichat/mls'
import { decodeContent } from '../../dist/content/content.js'
import { decodeRecord, HistoryKind, HistoryRecord } from '../../dist/store/records.js'
import { Device, type DeviceContext } from './device.js'
import { type Process, verification } from './process.js'
import { drive, HONEST } from './founding.js'
import { Dice, Scheduler, seededBytes } from './scheduler.js'
import { ServerHost } from './server-host.js'
import { VirtualNetwork } from './virtual-network.js'

/** How large it is. */
export interface Crowd {
  readonly seed: number
  readonly people: number
  readonly devices: number
  readonly loss: number
  readonly removals: number
  readonly messages: number
}

/** What it took. CPU is this process's time, without the server's part and the network's. */
export interface CrowdFigures {
  readonly devicesInConversation: number
  readonly encryptP50Ms: number
  readonly encryptP95Ms: number
  /** From `send` to shown on another device, in virtual time. */
  readonly shownP50VirtualMs: number
  readonly shownP95VirtualMs: number
  /** To encrypt, and to take on the other side. */
  readonly endToEndP95CpuMs: number
  readonly commitTakenP95CpuMs: number
  readonly messagesShown: number
  readonly notShown: number
  readonly shownToRemoved: number
  readonly divergingAuthenticators: number
  readonly peakMemoryMiB: number
  readonly seconds: number
}

const HOUR_MS = 3600 * 1000
const AT_ONCE = 25

/** Plays it. */
export const playCrowd = async (crowd: Crowd, progress: (what: string) => (done: number, of: number) => void): Promise<CrowdFigures> => {
  const play = await Play.begin(crowd)
  await play.found(progress(`people with ${crowd.devices.toString()} devices`))
  await play.gather(progress('devices in the conversation'))
  await play.talk(progress('things said and done'))
  return play.end()
}

/** A sample of durations. */
class Sample {
  readonly #values: number[] = []

  add(value: number): void {
    this.#values.push(value)
  }

  get count(): number {
    return this.#values.length
  }

  at(share: number): number {
    const sorted = [...this.#values].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  }
}

interface Said {
  readonly by: Device
  readonly atMs: number
  encryptMs: number
  readonly shownOn: Set<Device>
  /** Removed before it was said. */
  readonly notFor: ReadonlySet<Device>
}

class Play {
  readonly #crowd: Crowd
  readonly #scheduler = new Scheduler(1_800_000_000_000)
  readonly #host: ServerHost
  readonly #context: DeviceContext
  readonly #dice: Dice
  readonly #devices: Device[] = []
  readonly #removed = new Set<Device>()
  readonly #said = new Map<string, Said>()
  readonly #encrypting = new Sample()
  readonly #shown = new Sample()
  readonly #endToEnd = new Sample()
  readonly #commits = new Sample()
  /** When what a device takes now came, by this machine's clock. */
  readonly #taking = new Map<Process, number>()
  readonly #beganMs = performance.now()
  #conversationId: ConversationId | undefined
  #shownToRemoved = 0
  #speaking = ''
  #peakMiB = 0

  private constructor(crowd: Crowd, host: ServerHost, scheduler: Scheduler) {
    this.#crowd = crowd
    this.#host = host
    this.#scheduler = scheduler
    scheduler.watch(() => host.isBusy)
    this.#dice = new Dice(crowd.seed, 'crowd')
    const network = new VirtualNetwork({
      scheduler, host, dice: new Dice(crowd.seed, 'crowd network'), middleman: HONEST, tap: () => undefined, onExchange: () => undefined,
      weather: { latencyMs: [5, 60], loss: crowd.loss, breaks: 0, offline: new Set(), cutOff: new Set() },
    })
    this.#context = { seed: crowd.seed, scheduler, network, onPoint: (_device, process, point) => { this.#at(process, point) } }
  }

  static async begin(crowd: Crowd): Promise<Play> {
    const scheduler = new Scheduler(1_800_000_000_000)
    return new Play(crowd, await ServerHost.start({ clock: scheduler, random: seededBytes(crowd.seed, 'crowd server'), events: {} }), scheduler)
  }

  /** Everybody gets an account and devices. */
  async found(progress: (done: number, of: number) => void): Promise<void> {
    const { people, devices } = this.#crowd
    const first = await this.#join(0, await this.#host.setupLink())
    await this.#drive(this.#link(first))
    for (let from = 1; from < people; from += AT_ONCE) {
      const numbers = Array.from({ length: Math.min(AT_ONCE, people - from) }, (_, at) => from + at)
      await this.#drive(Promise.all(numbers.map(async (number) => {
        const { link } = await clientOf(first).invite()
        const device = await this.#join(number, link)
        await this.#link(device)
      })))
      progress(from + numbers.length, people)
    }
    if (this.#devices.length !== people * devices) throw new Error('not everybody came')
  }

  /** One conversation of all of them. */
  async gather(progress: (done: number, of: number) => void): Promise<void> {
    const [first] = this.#devices
    if (first === undefined) return
    const names = this.#devices.map(({ person }) => person).filter((person) => person !== first.person)
    await this.#drive(clientOf(first).sync())
    const { conversationId } = await this.#drive(clientOf(first).createGroup('everybody', [...new Set(names)]))
    this.#conversationId = conversationId
    for (let from = 0; from < this.#devices.length; from += AT_ONCE) {
      await this.#drive(Promise.all(this.#devices.slice(from, from + AT_ONCE).map((device) => clientOf(device).sync())))
      progress(Math.min(from + AT_ONCE, this.#devices.length), this.#devices.length)
      this.#measure()
    }
  }

  /** People talk, and some are removed in between; everybody else is connected all the time. */
  async talk(progress: (done: number, of: number) => void): Promise<void> {
    const { messages, removals } = this.#crowd
    this.#timeEncryption()
    // what is timed is done by each device itself
    verification.isRepeated = true
    const stop = new AbortController()
    setMaxListeners(0, stop.signal)
    const lives: Promise<unknown>[] = []
    for (const device of this.#devices) lives.push(clientOf(device).live(stop.signal).catch((error: unknown) => { if (!this.#removed.has(device)) throw error }))
    await this.#pass(60_000)
    const steps = Math.max(messages, removals)
    for (let step = 0; step < steps; step++) {
      if (step < messages) await this.#drive(this.#say(step))
      if (step < removals) await this.#drive(this.#removeSomebody())
      await this.#pass(this.#dice.between(500, 3_000))
      progress(step + 1, steps)
      this.#measure()
    }
    await this.#pass(120_000)
    stop.abort()
    await this.#drive(Promise.all(lives))
    for (const device of this.#present()) await this.#drive(clientOf(device).sync())
  }

  async end(): Promise<CrowdFigures> {
    const views = new Set<string>()
    for (const device of this.#present()) {
      const info = await this.#drive(clientOf(device).info(this.#id))
      views.add(`${info.epoch.toString()} ${toHex(info.epochAuthenticator)} ${info.state}`)
    }
    let notShown = 0
    for (const { shownOn, notFor } of this.#said.values()) for (const device of this.#present()) if (!shownOn.has(device) && !notFor.has(device)) notShown++
    const devicesInConversation = this.#present().length
    for (const device of this.#devices) device.kill()
    await this.#host.end()
    return {
      devicesInConversation,
      encryptP50Ms: this.#encrypting.at(0.5), encryptP95Ms: this.#encrypting.at(0.95),
      shownP50VirtualMs: this.#shown.at(0.5), shownP95VirtualMs: this.#shown.at(0.95), endToEndP95CpuMs: this.#endToEnd.at(0.95),
      commitTakenP95CpuMs: this.#commits.at(0.95), messagesShown: this.#shown.count, notShown, shownToRemoved: this.#shownToRemoved,
      divergingAuthenticators: views.size - 1, peakMemoryMiB: Math.round(this.#peakMiB), seconds: (performance.now() - this.#beganMs) / 1000,
    }
  }

  async #join(number: number, link: string): Promise<Device> {
    const person = `Person ${number.toString()}`
    const device = this.#newDevice(`${person}-1`, person)
    const process = device.newProcess()
    const joining = Client.join(process.options, link, person)
    device.session = { process, client: number === 0 ? await this.#drive(joining) : await joining }
    return device
  }

  async #link(first: Device): Promise<void> {
    for (let at = 2; at <= this.#crowd.devices; at++) {
      const device = this.#newDevice(`${first.person}-${at.toString()}`, first.person)
      const offering = await clientOf(first).offerLink()
      const process = device.newProcess()
      const [client] = await Promise.all([Client.join(process.options, offering.link), offering.complete()])
      device.session = { process, client }
    }
  }

  #newDevice(name: string, person: string): Device {
    const device = new Device(this.#context, { name, person })
    device.disk.onChange = ({ table, value }) => { if (table === 'history' && value !== undefined) this.#stored(device, value) }
    this.#devices.push(device)
    return device
  }

  async #say(number: number): Promise<void> {
    const by = this.#dice.pick(this.#present())
    const text = `message ${number.toString()}`
    this.#said.set(text, { by, atMs: this.#scheduler.nowMs(), encryptMs: 0, shownOn: new Set(), notFor: new Set(this.#removed) })
    this.#speaking = text
    await clientOf(by).send(this.#id, text)
  }

  async #removeSomebody(): Promise<void> {
    const present = this.#present()
    const [first] = present
    const goner = this.#dice.pick(present.filter(({ person }) => person !== first?.person))
    if (first === undefined) return
    const { person } = goner
    await clientOf(first).remove(this.#id, person)
    for (const device of this.#devices) if (device.person === person) this.#removed.add(device)
  }

  #present(): readonly Device[] {
    return this.#devices.filter((device) => !this.#removed.has(device))
  }

  #at(process: Process, point: string): void {
    if (point === 'frame.deliver.came') this.#taking.set(process, performance.now())
  }

  /** How long the engine takes to encrypt and sign, with all it touches. */
  #timeEncryption(): void {
    const protect = Reflect.get(Group.prototype, 'protect')
    const add = (tookMs: number): void => {
      this.#encrypting.add(tookMs)
      const said = this.#said.get(this.#speaking)
      if (said !== undefined) said.encryptMs = tookMs
    }
    Group.prototype.protect = async function timed(...message) {
      const fromMs = performance.now()
      const result = await protect.apply(this, message)
      add(performance.now() - fromMs)
      return result
    }
  }

  #stored(device: Device, value: Uint8Array): void {
    const record = decodeRecord(HistoryRecord, value)
    const process = device.session?.process
    const cameMs = process === undefined ? undefined : this.#taking.get(process)
    const takenMs = cameMs === undefined ? undefined : performance.now() - cameMs
    if (process !== undefined) this.#taking.delete(process)
    if (record.kind === HistoryKind.membership && takenMs !== undefined) this.#commits.add(takenMs)
    if (record.kind !== HistoryKind.message) return
    const content = decodeContent(record.content)
    const said = content.type === 'text' ? this.#said.get(content.body) : undefined
    if (said === undefined) return
    said.shownOn.add(device)
    if (said.notFor.has(device)) this.#shownToRemoved++
    if (device === said.by) return
    this.#shown.add(this.#scheduler.nowMs() - said.atMs)
    if (takenMs !== undefined) this.#endToEnd.add(said.encryptMs + takenMs)
  }

  #measure(): void {
    this.#peakMiB = Math.max(this.#peakMiB, process.memoryUsage().rss / 1024 / 1024)
  }

  async #pass(milliseconds: number): Promise<void> {
    await this.#scheduler.runUntil(() => false, { withinMs: milliseconds })
  }

  #drive<T>(work: Promise<T>): Promise<T> {
    return drive(this.#scheduler, work, 10 * HOUR_MS)
  }

  get #id(): ConversationId {
    if (this.#conversationId === undefined) throw new Error('no conversation yet')
    return this.#conversationId
  }
}

const clientOf = ({ session, name }: Device): Client => {
  if (session === undefined) throw new Error(`${name} is off`)
  return session.client
}
