/**
 * Signal, each text encrypted to each member: PQXDH and the Double Ratchet of libsignal.
 */
import { type AuthorshipReport, type Contender, type Packet, type Person, type World } from '@famichat/lab'
import { CiphertextMessageType } from '@signalapp/libsignal-client'
import type { SignalDevice } from './parts/signal-device.js'
import { impersonate, SignalDirectory } from './parts/signal-world.js'
import { fieldsOf } from './parts/tlv.js'

/** In front of each message of an established session. */
const ESTABLISHED: number = CiphertextMessageType.Whisper
const TEXT = 1
const HELLO = 0
const MAC_BYTES = 8

/** libsignal, pairwise. */
export const contender: Contender = {
  facts: {
    name: 'Signal pairwise', protocol: 'PQXDH + Double Ratchet', library: '@signalapp/libsignal-client', version: '0.103.0', licence: 'AGPL-3.0-only',
    hasTree: false, largest: 1000,
    note: 'Rust in a native addon; one message for each member; adding and removing is a change of the list alone; sessions are established, everybody having answered once',
  },
  open: () => Promise.resolve(new PairwiseWorld()),
}

class PairwiseWorld implements World {
  readonly directory = new SignalDirectory()

  register(name: string): Promise<Person> {
    return Promise.resolve(new PairwisePerson(this.directory, this.directory.register(name)))
  }

  ghost = impersonate

  async authorship({ bytes }: Packet): Promise<AuthorshipReport> {
    if (bytes[0] !== ESTABLISHED) return Promise.reject(new TypeError('an established session was expected'))
    // version, then ratchet key, counters, ciphertext and the post-quantum ratchet's part, then a MAC
    const fields = fieldsOf(bytes.subarray(2, -MAC_BYTES))
    const sizes = fields.map(({ number, value }) => `field ${number.toString()}: ${value.length.toString()}`).join(', ')
    return Promise.resolve({
      signedBy: 'nobody',
      how: `every byte is accounted for: version 1, ${sizes}, MAC ${MAC_BYTES.toString()}. No signature is among them; the MAC's key is known to both sides, so the receiver could have made the message himself`,
    })
  }
}

class PairwisePerson implements Person {
  readonly name: string
  readonly #directory: SignalDirectory
  readonly #device: SignalDevice

  constructor(directory: SignalDirectory, device: SignalDevice) {
    this.#directory = directory
    this.#device = device
    this.name = device.name
  }

  create(others: readonly string[]): Promise<readonly Packet[]> {
    this.#directory.include([this.name, ...others])
    return this.#toEach(others, Uint8Array.of(HELLO), 'control')
  }

  add(name: string): Promise<readonly Packet[]> {
    this.#directory.include([name])
    return this.#toEach([name], Uint8Array.of(HELLO), 'control')
  }

  remove(name: string): Promise<readonly Packet[]> {
    this.#directory.exclude(name)
    return Promise.resolve([])
  }

  rotate(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  send(text: Uint8Array): Promise<readonly Packet[]> {
    return this.#toEach(this.#directory.others(this.name), Uint8Array.of(TEXT, ...text), 'text')
  }

  answer(to: string): Promise<readonly Packet[]> {
    return this.#toEach([to], Uint8Array.of(HELLO), 'control')
  }

  async receive({ from, bytes }: Packet): Promise<Uint8Array | undefined> {
    const body = await this.#device.decrypt(from, bytes)
    return body[0] === TEXT ? body.subarray(1) : undefined
  }

  stateBytes(): Promise<number> {
    return Promise.resolve(this.#device.stateBytes())
  }

  steal(): Promise<Person> {
    return Promise.resolve(new PairwisePerson(this.#directory, this.#device.copy()))
  }

  async #toEach(names: readonly string[], body: Uint8Array, kind: Packet['kind']): Promise<readonly Packet[]> {
    const packets: Packet[] = []
    for (const name of names) {
      await this.#directory.connect(this.#device, name)
      packets.push({ from: this.name, to: [name], kind, bytes: await this.#device.encrypt(name, body) })
    }
    return packets
  }
}

