/**
 * Olm, each text encrypted to each member: the Double Ratchet as Matrix has it; matrix-sdk-crypto (vodozemac).
 */
import { fromUtf8, utf8 } from '@famichat/base'
import { type AuthorshipReport, type Contender, type GhostReport, type Impossible, type Packet, type Person, type Purpose, refusal, type World } from '@famichat/lab'
import { UserId } from '@matrix-org/matrix-sdk-crypto-wasm'
import { Homeserver, MatrixDevice, userIdOf } from './parts/matrix-device.js'
import { olmAuthorship } from './parts/olm-message.js'

const TEXT = 'lab.text'
const HELLO = 'lab.hello'

/** OlmMachine, device to device. */
export const contender: Contender = {
  facts: {
    name: 'Olm pairwise', protocol: 'Olm (3DH + Double Ratchet)', library: '@matrix-org/matrix-sdk-crypto-wasm', version: '18.9.0', licence: 'Apache-2.0',
    hasTree: false, largest: 1000,
    note: 'vodozemac in WebAssembly, with the JSON of Matrix around it; one message for each member; sessions are established, everybody having answered once',
  },
  open: (purpose) => Promise.resolve(new OlmWorld(purpose)),
}

class OlmWorld implements World {
  readonly homeserver = new Homeserver()
  readonly #purpose: Purpose

  constructor(purpose: Purpose) {
    this.#purpose = purpose
  }

  async register(name: string): Promise<OlmPerson> {
    return new OlmPerson(this.homeserver, name, await MatrixDevice.create(name, this.homeserver, { stored: this.#purpose === 'security' }))
  }

  async ghost(): Promise<GhostReport> {
    const alice = await this.register('alice')
    await this.register('bob')
    await alice.create(['bob'])
    // a further device of Bob's: whoever writes to all his devices writes to it, too
    const ghost = await MatrixDevice.create('bob', this.homeserver, { stored: false, deviceId: 'GHOST' })
    const read: unknown[] = []
    const reason = await refusal(async () => {
      for (const content of await alice.encryptToAllDevices('bob', 'are we alone?')) {
        await refusal(async () => { read.push(await ghost.receive('alice', content)) })
      }
    })
    const reads = read.length > 0
    return {
      reads,
      visible: true,
      how: reads
        ? 'the server lists one more device for Bob; a client that writes to all of Bob\'s devices, as Matrix clients do, writes to it as well. It shows as unverified'
        : `the server lists one more device for Bob; ${reason ?? 'it read nothing'}`,
    }
  }

  authorship({ bytes }: Packet): Promise<AuthorshipReport> {
    const content = JSON.parse(fromUtf8(bytes)) as { readonly ciphertext: Readonly<Record<string, { readonly body: string; readonly type: number }>> }
    const [message] = Object.values(content.ciphertext)
    if (message?.type !== 1) return Promise.reject(new TypeError('an established session was expected'))
    return Promise.resolve(olmAuthorship(message.body))
  }
}

class OlmPerson implements Person {
  readonly name: string
  readonly #homeserver: Homeserver
  readonly #device: MatrixDevice

  constructor(homeserver: Homeserver, name: string, device: MatrixDevice) {
    this.#homeserver = homeserver
    this.name = name
    this.#device = device
  }

  create(others: readonly string[]): Promise<readonly Packet[]> {
    this.#homeserver.include([this.name, ...others])
    return this.#toEach(others, HELLO, {})
  }

  add(name: string): Promise<readonly Packet[]> {
    this.#homeserver.include([name])
    return this.#toEach([name], HELLO, {})
  }

  remove(name: string): Promise<readonly Packet[]> {
    this.#homeserver.exclude(name)
    return Promise.resolve([])
  }

  rotate(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  send(text: Uint8Array): Promise<readonly Packet[]> {
    return this.#toEach(this.#homeserver.others(this.name), TEXT, { body: fromUtf8(text) })
  }

  answer(to: string): Promise<readonly Packet[]> {
    return this.#toEach([to], HELLO, {})
  }

  async receive({ from, bytes }: Packet): Promise<Uint8Array | undefined> {
    const event = await this.#device.receive(from, JSON.parse(fromUtf8(bytes)))
    return event.type === TEXT ? utf8((event.content as { readonly body: string }).body) : undefined
  }

  stateBytes(): Promise<Impossible> {
    return Promise.resolve({ impossible: 'OlmMachine gives neither its state nor its size' })
  }

  async steal(): Promise<Person | Impossible> {
    const copy = await this.#device.copy()
    return copy === undefined ? { impossible: 'its store in memory cannot be copied' } : new OlmPerson(this.#homeserver, this.name, copy)
  }

  /** A text for every device the server lists for somebody. */
  async encryptToAllDevices(name: string, body: string): Promise<readonly unknown[]> {
    await this.#device.connect([name], { again: true })
    const contents: unknown[] = []
    const devices = await this.#device.machine.getUserDevices(new UserId(userIdOf(name)))
    for (const device of devices.devices()) contents.push(JSON.parse(await device.encryptToDeviceEvent(TEXT, { body })))
    return contents
  }

  async #toEach(names: readonly string[], type: string, content: object): Promise<readonly Packet[]> {
    await this.#device.connect(names)
    const packets: Packet[] = []
    for (const name of names) {
      const encrypted = await (await this.#device.deviceOf(name)).encryptToDeviceEvent(type, content)
      packets.push({ from: this.name, to: [name], kind: type === TEXT ? 'text' : 'control', bytes: utf8(encrypted) })
    }
    return packets
  }
}
