/**
 * A Matrix device (OlmMachine of matrix-sdk-crypto) and the homeserver it talks to, which is a map of keys here.
 * Requests and answers have the form of Matrix's client-server API, version 3.
 */
import { present } from '@famichat/base'
import {
  type Device, DeviceId, DeviceLists, initAsync, type KeysClaimRequest, OlmMachine, ProcessedToDeviceEventType, RequestType, UserId,
} from '@matrix-org/matrix-sdk-crypto-wasm'
import { copyDatabase } from './indexed-db-copy.js'

type Json = Readonly<Record<string, unknown>>

interface Published {
  readonly deviceKeys: Map<string, Json>
  /** One-time keys by device, each with its id. */
  readonly oneTimeKeys: Map<string, [string, unknown][]>
}

const DEVICE = 'PHONE'
const DATABASE = 'matrix-sdk-crypto'

/** What the server knows, and anything it likes to claim. */
export class Homeserver {
  readonly users = new Map<string, Published>()
  /** Names in the room. Matrix keeps these on its servers. */
  readonly room = new Set<string>()
  roomVersion = 0

  include(names: readonly string[]): void {
    for (const name of names) this.room.add(name)
    this.roomVersion++
  }

  exclude(name: string): void {
    this.room.delete(name)
    this.roomVersion++
  }

  others(self: string): readonly string[] {
    return [...this.room].filter((name) => name !== self)
  }

  upload(user: string, device: string, body: { readonly device_keys?: Json; readonly one_time_keys?: Json }): object {
    const known = this.users.get(user) ?? { deviceKeys: new Map<string, Json>(), oneTimeKeys: new Map<string, [string, unknown][]>() }
    this.users.set(user, known)
    if (body.device_keys !== undefined) known.deviceKeys.set(device, body.device_keys)
    const keys = [...(known.oneTimeKeys.get(device) ?? []), ...Object.entries(body.one_time_keys ?? {})]
    known.oneTimeKeys.set(device, keys)
    return { one_time_key_counts: { signed_curve25519: keys.length } }
  }

  query(users: readonly string[]): object {
    return {
      failures: {},
      device_keys: Object.fromEntries(users.map((user) => [user, Object.fromEntries(this.users.get(user)?.deviceKeys ?? [])])),
    }
  }

  claim(wanted: Readonly<Record<string, Readonly<Record<string, string>>>>): object {
    const taken = Object.entries(wanted).map(([user, devices]) => [user, Object.fromEntries(Object.keys(devices).map((device) => {
      const key = this.users.get(user)?.oneTimeKeys.get(device)?.shift()
      return [device, key === undefined ? {} : Object.fromEntries([key])]
    }))] as const)
    return { failures: {}, one_time_keys: Object.fromEntries(taken) }
  }
}

/** Matrix's id of a person. */
export const userIdOf = (name: string): string => `@${name.replaceAll(' ', '_')}:lab.example`

let stores = 0

export class MatrixDevice {
  readonly user: string
  readonly deviceId: string
  readonly machine: OlmMachine
  readonly #homeserver: Homeserver
  readonly #store: string | undefined
  readonly #tracked = new Set<string>()

  private constructor(parts: {
    readonly user: string; readonly deviceId: string; readonly machine: OlmMachine; readonly homeserver: Homeserver; readonly store: string | undefined
  }) {
    this.user = parts.user
    this.deviceId = parts.deviceId
    this.machine = parts.machine
    this.#homeserver = parts.homeserver
    this.#store = parts.store
  }

  /** A device with fresh keys, published; `stored` puts them where they can be copied. */
  static async create(name: string, homeserver: Homeserver, options: { readonly stored: boolean; readonly deviceId?: string }): Promise<MatrixDevice> {
    await initAsync()
    const user = userIdOf(name)
    const deviceId = options.deviceId ?? DEVICE
    const store = options.stored ? `lab ${(++stores).toString()}` : undefined
    const machine = await OlmMachine.initialize(new UserId(user), new DeviceId(deviceId), store)
    const device = new MatrixDevice({ user, deviceId, machine, homeserver, store })
    await device.sync()
    return device
  }

  /** A copy of the device's database, opened. */
  async copy(): Promise<MatrixDevice | undefined> {
    if (this.#store === undefined) return undefined
    const store = `lab ${(++stores).toString()}`
    await copyDatabase({ from: indexedDB, to: indexedDB, name: `${this.#store}::${DATABASE}`, newName: `${store}::${DATABASE}` })
    const machine = await OlmMachine.initialize(new UserId(this.user), new DeviceId(this.deviceId), store)
    const copy = new MatrixDevice({ user: this.user, deviceId: this.deviceId, machine, homeserver: this.#homeserver, store })
    for (const user of this.#tracked) copy.#tracked.add(user)
    return copy
  }

  /** Sends what the machine wants sent. */
  async sync(): Promise<void> {
    for (const request of await this.machine.outgoingRequests()) {
      const { id, type } = request
      if (id === undefined || !('body' in request)) continue
      const answer = this.#answer(type, JSON.parse(request.body) as Json)
      await this.machine.markRequestAsSent(id, type, JSON.stringify(answer))
    }
  }

  /** Makes sure there is an Olm session with every device of these people. */
  async connect(names: readonly string[], { again = false }: { readonly again?: boolean } = {}): Promise<void> {
    const fresh = names.map(userIdOf).filter((user) => again || !this.#tracked.has(user))
    if (fresh.length > 0) {
      for (const user of fresh) this.#tracked.add(user)
      await this.machine.updateTrackedUsers(fresh.map((user) => new UserId(user)))
      if (again) await this.machine.markAllTrackedUsersAsDirty()
      await this.sync()
    }
    const claim: KeysClaimRequest | null = await this.machine.getMissingSessions(names.map((name) => new UserId(userIdOf(name))))
    if (claim === null) return
    const { one_time_keys: wanted } = JSON.parse(claim.body) as { readonly one_time_keys: Readonly<Record<string, Readonly<Record<string, string>>>> }
    await this.machine.markRequestAsSent(claim.id, RequestType.KeysClaim, JSON.stringify(this.#homeserver.claim(wanted)))
  }

  async deviceOf(name: string): Promise<Device> {
    return present(await this.machine.getDevice(new UserId(userIdOf(name)), new DeviceId(DEVICE)), `the device of ${name} is known`)
  }

  /** Takes one encrypted event to this device. @returns it decrypted @throws Error where it does not decrypt */
  async receive(sender: string, content: unknown): Promise<Json> {
    const event = { type: 'm.room.encrypted', sender: userIdOf(sender), content }
    const [processed] = await this.machine.receiveSyncChangesMsc4186(JSON.stringify([event]), new DeviceLists(), new Map())
    if (processed?.type !== ProcessedToDeviceEventType.Decrypted) throw new Error('the event does not decrypt')
    return JSON.parse(processed.rawEvent) as Json
  }

  #answer(type: RequestType, body: Json): object {
    switch (type) {
      case RequestType.KeysUpload: return this.#homeserver.upload(this.user, this.deviceId, body)
      case RequestType.KeysQuery: return this.#homeserver.query(Object.keys(body.device_keys as Json))
      case RequestType.KeysClaim: return this.#homeserver.claim(body.one_time_keys as Readonly<Record<string, Readonly<Record<string, string>>>>)
      default: return {}
    }
  }
}
