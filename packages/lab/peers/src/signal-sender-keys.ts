/**
 * Signal's groups: each sender has a key chain of its own, handed to every member over the pairwise sessions.
 */
import { present, systemRandom } from '@famichat/base'
import { type AuthorshipReport, type Contender, EVERYONE, type Packet, type Person, type World } from '@famichat/lab'
import {
  groupDecrypt, groupEncrypt, processSenderKeyDistributionMessage, PublicKey, SenderKeyDistributionMessage, SenderKeyMessage,
} from '@signalapp/libsignal-client'
import { addressOf, type SignalDevice } from './parts/signal-device.js'
import { impersonate, SignalDirectory } from './parts/signal-world.js'
import { field, fieldsOf } from './parts/tlv.js'

const HELLO = 0
const KEY = 1
const SIGNING_KEY_FIELD = 5

/** libsignal, sender keys. */
export const contender: Contender = {
  facts: {
    name: 'Signal sender keys', protocol: 'Sender Keys over Double Ratchet', library: '@signalapp/libsignal-client', version: '0.103.0', licence: 'AGPL-3.0-only',
    hasTree: false, largest: 1000,
    note: 'Rust in a native addon; add and remove are what the acting member pays: every other sender hands out a key again at its next message',
  },
  open: () => Promise.resolve(new SenderKeyWorld()),
}

class SenderKeyWorld implements World {
  readonly directory = new SignalDirectory()
  /** Each sender's signing key, as members learn it. */
  readonly signingKeys = new Map<string, Uint8Array>()

  register(name: string): Promise<Person> {
    return Promise.resolve(new SenderKeyPerson(this, this.directory.register(name)))
  }

  ghost = impersonate

  authorship({ from, bytes }: Packet): Promise<AuthorshipReport> {
    const key = PublicKey.deserialize(Uint8Array.from(present(this.signingKeys.get(from), 'the key was handed out')))
    const isSigned = SenderKeyMessage.deserialize(Uint8Array.from(bytes)).verifySignature(key)
    return Promise.resolve({
      signedBy: isSigned ? 'session key' : 'nobody',
      how: isSigned
        ? "each message has an XEdDSA signature that verifies under the sender's key of this chain; that the key is the sender's was said over a pairwise session only, which proves it to its receiver and to nobody else"
        : 'the signature does not verify',
    })
  }
}

class SenderKeyPerson implements Person {
  readonly name: string
  readonly #world: SenderKeyWorld
  readonly #device: SignalDevice
  #distributionId = newDistributionId()
  /** Who has the current key, and for which version of the list. */
  #holders = new Set<string>()
  #version = -1

  constructor(world: SenderKeyWorld, device: SignalDevice) {
    this.#world = world
    this.#device = device
    this.name = device.name
  }

  create(others: readonly string[]): Promise<readonly Packet[]> {
    this.#world.directory.include([this.name, ...others])
    return this.#shareKey()
  }

  add(name: string): Promise<readonly Packet[]> {
    this.#world.directory.include([name])
    return this.#shareKey()
  }

  remove(name: string): Promise<readonly Packet[]> {
    this.#world.directory.exclude(name)
    return this.#shareKey()
  }

  rotate(): Promise<readonly Packet[]> {
    this.#renew()
    return this.#shareKey()
  }

  async send(text: Uint8Array): Promise<readonly Packet[]> {
    const keys = await this.#shareKey()
    const message = await groupEncrypt(this.#device.address, this.#distributionId, this.#device.senderKeys, Uint8Array.from(text))
    return [...keys, { from: this.name, to: EVERYONE, kind: 'text', bytes: message.serialize() }]
  }

  async answer(to: string): Promise<readonly Packet[]> {
    return [{ from: this.name, to: [to], kind: 'control', bytes: await this.#device.encrypt(to, Uint8Array.of(HELLO)) }]
  }

  async receive({ from, to, bytes }: Packet): Promise<Uint8Array | undefined> {
    if (to === EVERYONE) return groupDecrypt(addressOf(from), this.#device.senderKeys, Uint8Array.from(bytes))
    const body = await this.#device.decrypt(from, bytes)
    if (body[0] !== KEY) return undefined
    const message = SenderKeyDistributionMessage.deserialize(Uint8Array.from(body.subarray(1)))
    await processSenderKeyDistributionMessage(addressOf(from), message, this.#device.senderKeys)
    return undefined
  }

  stateBytes(): Promise<number> {
    return Promise.resolve(this.#device.stateBytes())
  }

  steal(): Promise<Person> {
    const thief = new SenderKeyPerson(this.#world, this.#device.copy())
    thief.#distributionId = this.#distributionId
    thief.#holders = new Set(this.#holders)
    thief.#version = this.#version
    return Promise.resolve(thief)
  }

  #renew(): void {
    this.#distributionId = newDistributionId()
    this.#holders = new Set()
    this.#version = -1
  }

  /** Hands the key to whoever lacks it; a new key first, where somebody who has it has left. */
  async #shareKey(): Promise<readonly Packet[]> {
    const { directory, signingKeys } = this.#world
    const { names, version } = directory.roster
    if (version === this.#version) return []
    if ([...this.#holders].some((name) => !names.has(name))) this.#renew()
    this.#version = version
    const message = await SenderKeyDistributionMessage.create(this.#device.address, this.#distributionId, this.#device.senderKeys)
    const serialized = message.serialize()
    signingKeys.set(this.name, field(fieldsOf(serialized.subarray(1)), SIGNING_KEY_FIELD))
    const packets: Packet[] = []
    for (const name of directory.others(this.name)) {
      if (this.#holders.has(name)) continue
      this.#holders.add(name)
      await directory.connect(this.#device, name)
      packets.push({ from: this.name, to: [name], kind: 'control', bytes: await this.#device.encrypt(name, Uint8Array.of(KEY, ...serialized)) })
    }
    return packets
  }
}

const newDistributionId = (): string => {
  const bytes = systemRandom(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  return Buffer.from(bytes).toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}
