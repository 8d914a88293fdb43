/**
 * A community before anything is said in it: people, devices, a server. It is founded once in a process for each number of
 * devices, always the same way; each run begins with a copy.
 */
import { Client } from '@famichat/client'
import { Device, type DeviceContext, type DeviceImage } from './device.js'
import { Dice, Scheduler, seededBytes } from './scheduler.js'
import { ServerHost } from './server-host.js'
import { type Middleman, VirtualNetwork } from './virtual-network.js'

/** Where a run begins. */
export interface Founding {
  readonly atMs: number
  readonly database: Uint8Array
  readonly devices: readonly DeviceImage[]
}

const START_MS = 1_800_000_000_000
const HOUR_MS = 3600 * 1000
/** Whose device is which: two devices make two people. */
const OWNERS = ['Ada', 'Ben', 'Ada', 'Cleo', 'Ben', 'Dora', 'Cleo', 'Dora']

/** Lets everything pass. */
export const HONEST: Middleman = { call: (_call, honest) => honest(), down: (_device, frame) => [frame], up: (_device, frame) => [frame] }

const founded = new Map<number, Promise<Founding>>()

/** The community with so many devices, 2 to 8. */
export const foundingOf = (devices: number): Promise<Founding> => {
  const known = founded.get(devices)
  if (known !== undefined) return known
  const founding = found(devices)
  founded.set(devices, founding)
  return founding
}

/** Runs virtual time until the work is done. @throws what the work throws; Error when it never ends */
export const drive = async <T>(scheduler: Scheduler, work: Promise<T>, withinMs = HOUR_MS): Promise<T> => {
  let isDone = false
  const watched = work.finally(() => { isDone = true })
  watched.catch(() => undefined)
  const how = await scheduler.runUntil(() => isDone, { withinMs })
  if (how !== 'done') throw new Error(`it hangs (${how})`)
  return watched
}

const found = async (count: number): Promise<Founding> => {
  const scheduler = new Scheduler(START_MS)
  const host = await ServerHost.start({ clock: scheduler, random: seededBytes(count, 'founding server'), events: {} })
  scheduler.watch(() => host.isBusy)
  const network = new VirtualNetwork({
    scheduler, host, dice: new Dice(count, 'founding network'), middleman: HONEST, tap: () => undefined, onExchange: () => undefined,
    weather: { latencyMs: [1, 5], loss: 0, breaks: 0, offline: new Set(), cutOff: new Set() },
  })
  const context: DeviceContext = { seed: count, scheduler, network, onPoint: () => undefined }
  const devices: Device[] = []
  for (const person of OWNERS.slice(0, count)) {
    const own = devices.filter((device) => device.person === person)
    const device = new Device(context, { name: `${person}-${(own.length + 1).toString()}`, person })
    await drive(scheduler, own[0] === undefined ? join(device, devices[0], await host.setupLink()) : link(device, own[0]))
    devices.push(device)
  }
  for (const device of devices) await drive(scheduler, close(device))
  return { atMs: scheduler.nowMs(), devices: devices.map((device) => device.image()), database: await host.end() }
}

const join = async (device: Device, inviter: Device | undefined, setupLink: string): Promise<void> => {
  const invite = inviter?.session === undefined ? setupLink : (await inviter.session.client.invite()).link
  const process = device.newProcess()
  device.session = { process, client: await Client.join(process.options, invite, device.person) }
  await device.session.client.sync()
}

const link = async (device: Device, first: Device): Promise<void> => {
  const offering = await first.session?.client.offerLink()
  if (offering === undefined) throw new Error('nobody to link to')
  const process = device.newProcess()
  const [client] = await Promise.all([Client.join(process.options, offering.link), offering.complete()])
  device.session = { process, client }
  await client.sync()
}

const close = async (device: Device): Promise<void> => {
  await device.session?.client.sync()
  await device.session?.client.close()
  device.kill()
}
