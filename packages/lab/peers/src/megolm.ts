/**
 * Megolm: one ratchet per sender and room, whose key goes to every device over Olm; matrix-sdk-crypto (vodozemac).
 */
import { fromUtf8, present, utf8 } from '@famichat/base'
import {
  type AuthorshipReport, type Contender, EVERYONE, type GhostReport, type Impossible, type Packet, type Person, type Purpose, refusal, type World,
} from '@famichat/lab'
import { DecryptionSettings, EncryptionSettings, RequestType, RoomId, TrustRequirement, UserId } from '@matrix-org/matrix-sdk-crypto-wasm'
import { Homeserver, MatrixDevice, userIdOf } from './parts/matrix-device.js'
import { megolmAuthorship } from './parts/olm-message.js'

const ROOM = '!lab:lab.example'
/** Messages after which OlmMachine wants a new key; it panics when it is not asked for one (shareRoomKey). */
const MESSAGES_PER_KEY = 100

/** OlmMachine in a room. */
export const contender: Contender = {
  facts: {
    name: 'Megolm', protocol: 'Megolm over Olm', library: '@matrix-org/matrix-sdk-crypto-wasm', version: '18.9.0', licence: 'Apache-2.0', hasTree: false, largest: 1000,
    note: 'vodozemac in WebAssembly, with the JSON of Matrix around it; default settings; add and remove are what the acting member pays: every other sender hands out a key again at its next message',
  },
  open: (purpose) => Promise.resolve(new MegolmWorld(purpose)),
}

class MegolmWorld implements World {
  readonly homeserver = new Homeserver()
  readonly #purpose: Purpose

  constructor(purpose: Purpose) {
    this.#purpose = purpose
  }

  async register(name: string): Promise<MegolmPerson> {
    return this.personOf(name)
  }

  async personOf(name: string, deviceId?: string): Promise<MegolmPerson> {
    const stored = this.#purpose === 'security'
    return new MegolmPerson(this.homeserver, name, await MatrixDevice.create(name, this.homeserver, deviceId === undefined ? { stored } : { stored, deviceId }))
  }

  async ghost(): Promise<GhostReport> {
    const alice = await this.register('alice')
    await this.register('bob')
    await alice.create(['bob'])
    await alice.send(utf8('hello'))
    const ghost = await this.personOf('bob', 'GHOST')
    await alice.learnDevices(['bob'])
    const texts: Uint8Array[] = []
    for (const packet of await alice.send(utf8('are we alone?'))) {
      const mine = ghost.partOf(packet)
      if (mine === undefined) continue
      await refusal(async () => { texts.push(...[await ghost.receive(mine)].flatMap((text) => text ?? [])) })
    }
    const reads = texts.length > 0
    return {
      reads,
      visible: true,
      how: reads
        ? 'the server lists one more device for Bob; with the default settings Alice\'s next message hands it the room key, and it reads. Clients show the device as unverified; excluding unsigned devices is a setting. Who is in the room is decided by servers too'
        : 'the server lists one more device for Bob; it was not given the room key',
    }
  }

  authorship({ bytes }: Packet): Promise<AuthorshipReport> {
    const content = JSON.parse(fromUtf8(bytes)) as { readonly ciphertext: string; readonly session_id: string }
    return Promise.resolve(megolmAuthorship(content.ciphertext, content.session_id))
  }
}

let events = 0

class MegolmPerson implements Person {
  readonly name: string
  readonly #homeserver: Homeserver
  readonly #device: MatrixDevice
  #sharedVersion = -1
  #messages = 0

  constructor(homeserver: Homeserver, name: string, device: MatrixDevice) {
    this.#homeserver = homeserver
    this.name = name
    this.#device = device
  }

  create(others: readonly string[]): Promise<readonly Packet[]> {
    this.#homeserver.include([this.name, ...others])
    return this.#shareKey()
  }

  add(name: string): Promise<readonly Packet[]> {
    this.#homeserver.include([name])
    return this.#shareKey()
  }

  remove(name: string): Promise<readonly Packet[]> {
    this.#homeserver.exclude(name)
    return this.#shareKey()
  }

  async rotate(): Promise<readonly Packet[]> {
    await this.#device.machine.invalidateGroupSession(new RoomId(ROOM))
    this.#sharedVersion = -1
    this.#messages = 0
    return this.#shareKey()
  }

  async send(text: Uint8Array): Promise<readonly Packet[]> {
    const keys = this.#messages++ === MESSAGES_PER_KEY ? await this.rotate() : await this.#shareKey()
    const content = await this.#device.machine.encryptRoomEvent(new RoomId(ROOM), 'm.room.message', JSON.stringify({ msgtype: 'm.text', body: fromUtf8(text) }))
    return [...keys, { from: this.name, to: EVERYONE, kind: 'text', bytes: utf8(content) }]
  }

  async answer(to: string): Promise<readonly Packet[]> {
    await this.#device.connect([to])
    const content = await (await this.#device.deviceOf(to)).encryptToDeviceEvent('lab.hello', {})
    return [{ from: this.name, to: [to], kind: 'control', bytes: utf8(content) }]
  }

  async receive({ from, to, bytes }: Packet): Promise<Uint8Array | undefined> {
    const content: unknown = JSON.parse(fromUtf8(bytes))
    if (to !== EVERYONE) {
      await this.#device.receive(from, content)
      return undefined
    }
    // whatever the server sends is a new event to its receiver: it makes up the id
    const event = { type: 'm.room.encrypted', sender: userIdOf(from), room_id: ROOM, event_id: `$${(++events).toString()}`, origin_server_ts: events, content }
    const decrypted = await this.#device.machine.decryptRoomEvent(JSON.stringify(event), new RoomId(ROOM), new DecryptionSettings(TrustRequirement.Untrusted))
    const { content: { body } } = JSON.parse(decrypted.event) as { readonly content: { readonly body: string } }
    return utf8(body)
  }

  stateBytes(): Promise<Impossible> {
    return Promise.resolve({ impossible: 'OlmMachine gives neither its state nor its size' })
  }

  async steal(): Promise<Person | Impossible> {
    const copy = await this.#device.copy()
    if (copy === undefined) return { impossible: 'its store in memory cannot be copied' }
    const thief = new MegolmPerson(this.#homeserver, this.name, copy)
    thief.#sharedVersion = this.#sharedVersion
    thief.#messages = this.#messages
    return thief
  }

  /** Hears of a changed list of devices, as by a sync. */
  async learnDevices(names: readonly string[]): Promise<void> {
    await this.#device.connect(names, { again: true })
    this.#sharedVersion = -1
  }

  /** The part of a packet that is for this very device. */
  partOf(packet: Packet): Packet | undefined {
    if (packet.to === EVERYONE) return packet
    return packet.to.includes(`${this.name}/${this.#device.deviceId}`) ? packet : undefined
  }

  /** Hands the room key to whoever lacks it; OlmMachine makes a new one where somebody has left. */
  async #shareKey(): Promise<readonly Packet[]> {
    const { roomVersion } = this.#homeserver
    if (roomVersion === this.#sharedVersion) return []
    this.#sharedVersion = roomVersion
    const names = this.#homeserver.others(this.name)
    await this.#device.connect(names)
    const byUser = new Map(names.map((name) => [userIdOf(name), name]))
    const packets: Packet[] = []
    for (const request of await this.#device.machine.shareRoomKey(new RoomId(ROOM), names.map((name) => new UserId(userIdOf(name))), new EncryptionSettings())) {
      const { messages } = JSON.parse(request.body) as { readonly messages: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
      for (const [user, devices] of Object.entries(messages)) {
        const name = present(byUser.get(user), 'the key goes to members')
        for (const [device, content] of Object.entries(devices)) {
          packets.push({ from: this.name, to: [device === 'PHONE' ? name : `${name}/${device}`], kind: 'control', bytes: utf8(JSON.stringify(content)) })
        }
      }
      await this.#device.machine.markRequestAsSent(request.id, RequestType.ToDevice, '{}')
    }
    return packets
  }
}
