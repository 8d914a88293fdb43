/**
 * OpenMLS as Wire ships it, @wireapp/core-crypto in WebAssembly. Every operation is a transaction of its database.
 * For the demonstrations the database is a browser's, kept in memory, so that it can be copied.
 */
import { present, systemClock, systemRandom, utf8 } from '@famichat/base'
import {
  type AuthorshipReport, type Contender, EVERYONE, type GhostReport, type Impossible, judge, type Packet, type Person, type Purpose, recordingBackend,
  refusal, type VerifiedSignature, type World,
} from '@famichat/lab'
import { generateSignatureKey, Group, makeBasicCredential, makeCapabilities, makeCipherSuite, makeKeyPackage, makeLifetime } from '@famichat/mls'
import type { ClientId, CommitBundle, ConversationId, CoreCrypto, CoreCryptoContext, CredentialRef, KeyPackage } from '@wireapp/core-crypto/browser'
import { type CoreCryptoLibrary, loadCoreCrypto, withCopiedDatabase } from './parts/core-crypto.js'

const SUITE_ID = 1
const CONVERSATION = utf8('the lab')
/** version and wire_format in front of an MLSMessage (RFC 9420 §6). */
const MESSAGE_HEADER_BYTES = 4
const DAY_SECONDS = 86_400n

/** core-crypto. */
export const contender: Contender = {
  facts: {
    name: 'OpenMLS (core-crypto)', protocol: 'MLS (RFC 9420)', library: '@wireapp/core-crypto', version: '10.3.0', licence: 'GPL-3.0', hasTree: true, largest: 1000,
    note: 'suite 1, Rust in WebAssembly; times include its database, in memory, to which it writes the whole group each time',
  },
  open: async (purpose) => new OpenMlsWorld(await loadCoreCrypto(), purpose),
}

class OpenMlsWorld implements World {
  readonly library: CoreCryptoLibrary
  readonly #purpose: Purpose
  readonly packages = new Map<string, KeyPackage>()
  readonly ids = new Map<string, ClientId>()
  #count = 0

  constructor(library: CoreCryptoLibrary, purpose: Purpose) {
    this.library = library
    this.#purpose = purpose
  }

  nextNumber(): number {
    return ++this.#count
  }

  async register(name: string): Promise<OpenMlsPerson> {
    const number = this.nextNumber()
    const clientId = clientIdOf(this.library, number)
    const database = this.#purpose === 'timing' ? undefined : { name: nextDatabase(), key: systemRandom(32) }
    const device = await Device.open(this.library, number, database)
    const { CipherSuite, Credential } = this.library
    const suite = CipherSuite.Mls128Dhkemx25519Aes128gcmSha256Ed25519
    const credential = await device.run((context) => context.addCredential(Credential.basic(suite, clientId)))
    this.packages.set(name, await device.run((context) => context.generateKeyPackage(credential)))
    this.ids.set(name, clientId)
    return new OpenMlsPerson(this, { name, device, credential, isMember: false })
  }

  async ghost(): Promise<GhostReport> {
    const alice = await this.register('alice')
    const bob = await this.register('bob')
    const [welcome] = await alice.create(['bob'])
    await bob.receive(present(welcome, 'a Welcome'))
    const ghost = await this.register('ghost')
    const commit = await ghost.joinExternally(present(alice.groupInfo, 'the group was published'))
    const reason = await refusal(() => bob.receive(commit))
    if (reason !== undefined) return { reads: false, visible: true, how: `the ghost's external commit is refused (${reason})` }
    const [packet] = await bob.send(utf8('are we alone?'))
    const reads = await refusal(() => ghost.receive(present(packet, 'a message'))) === undefined
    return {
      reads,
      visible: true,
      how: 'core-crypto publishes the group\'s public state with every commit, and members take the external commit of a client they never heard of: with basic credentials nobody is asked about its key. Every member sees the new client in the group. Wire puts X.509 credentials against this, which were not tried',
    }
  }

  async authorship(): Promise<AuthorshipReport> {
    // core-crypto shows no signature, but any member of the group can read with another implementation: ours
    const seen: VerifiedSignature[] = []
    const backend = recordingBackend(seen)
    const suite = makeCipherSuite(SUITE_ID, backend, systemRandom)
    const { signer } = await generateSignatureKey(suite)
    const identity = clientIdOf(this.library, this.nextNumber()).copyBytes()
    const now = BigInt(Math.floor(systemClock.nowMs() / 1000))
    const bundle = await makeKeyPackage(suite, signer, {
      credential: makeBasicCredential(identity), capabilities: makeCapabilities(systemRandom), lifetime: makeLifetime(now, DAY_SECONDS),
    })
    this.packages.set('reader', new this.library.KeyPackage(bundle.message.subarray(MESSAGE_HEADER_BYTES)))
    const writer = await this.register('writer')
    const [welcome] = await writer.create(['reader'])
    const config = { backend, policy: { acceptPublicHandshakes: true }, authentication: { isValid: () => true, isSuccessor: () => true } }
    const { group } = await Group.join({ config, signer, welcome: present(welcome, 'a Welcome').bytes, keyPackages: [bundle] })
    const [packet] = await writer.send(utf8('I wrote this'))
    const processed = await group.process(present(packet, 'a message').bytes)
    if (processed.kind !== 'application') throw new TypeError('a text was expected')
    const report = judge(present(seen.at(-1), 'a signature was checked'), processed.applicationData)
    return { ...report, how: `read by our engine as a member of its group: ${report.how}` }
  }
}

interface StoredAt {
  readonly name: string
  readonly key: Uint8Array
}

/** An identity as core-crypto wants all members to have. */
const clientIdOf = ({ ClientId, DeviceId, Uuid }: CoreCryptoLibrary, number: number): ClientId =>
  new ClientId(new Uuid(`00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`), new DeviceId(1n), 'lab.example')

/** An instance of core-crypto with its database. */
class Device {
  readonly library: CoreCryptoLibrary
  readonly number: number
  readonly stored: StoredAt | undefined
  readonly sent: CommitBundle[] = []
  readonly #core: CoreCrypto

  private constructor(library: CoreCryptoLibrary, core: CoreCrypto, { number, stored }: Pick<Device, 'number' | 'stored'>) {
    this.library = library
    this.#core = core
    this.number = number
    this.stored = stored
  }

  get conversation(): ConversationId {
    return new this.library.ConversationId(CONVERSATION)
  }

  static async open(library: CoreCryptoLibrary, number: number, stored: StoredAt | undefined): Promise<Device> {
    const { CoreCrypto, Database, DatabaseKey } = library
    const database = stored === undefined ? await Database.inMemory() : await Database.open(stored.name, new DatabaseKey(stored.key))
    const device = new Device(library, CoreCrypto.new(database), { number, stored })
    await device.run((context) => context.mlsInit(clientIdOf(library, number), {
      sendCommitBundle: (bundle) => { device.sent.push(bundle); return Promise.resolve() },
      prepareForTransport: () => Promise.resolve(new Uint8Array(0)),
    }))
    return device
  }

  run<T>(work: (context: CoreCryptoContext) => Promise<T>): Promise<T> {
    return this.#core.transaction(work)
  }
}

interface Parts {
  readonly name: string
  readonly device: Device
  readonly credential: CredentialRef
  readonly isMember: boolean
}

let databases = 0
const nextDatabase = (): string => `lab ${(++databases).toString()}`

class OpenMlsPerson implements Person {
  readonly name: string
  readonly #world: OpenMlsWorld
  readonly #device: Device
  readonly #credential: CredentialRef
  #isMember: boolean
  groupInfo: Uint8Array | undefined

  constructor(world: OpenMlsWorld, { name, device, credential, isMember }: Parts) {
    this.#world = world
    this.name = name
    this.#device = device
    this.#credential = credential
    this.#isMember = isMember
  }

  async create(others: readonly string[]): Promise<readonly Packet[]> {
    await this.#device.run((context) => context.createConversation(this.#device.conversation, this.#credential))
    this.#isMember = true
    return (await this.#addAll(others)).filter(({ to }) => to !== EVERYONE)
  }

  add(name: string): Promise<readonly Packet[]> {
    return this.#addAll([name])
  }

  remove(name: string): Promise<readonly Packet[]> {
    const clientId = present(this.#world.ids.get(name), `${name} is registered`)
    return this.#commit((context) => context.removeClientsFromConversation(this.#device.conversation, [clientId]))
  }

  rotate(): Promise<readonly Packet[]> {
    return this.#commit((context) => context.updateKeyingMaterial(this.#device.conversation))
  }

  async send(text: Uint8Array): Promise<readonly Packet[]> {
    const bytes = await this.#device.run((context) => context.encryptMessage(this.#device.conversation, text))
    return [{ from: this.name, to: EVERYONE, kind: 'text', bytes }]
  }

  async receive({ bytes }: Packet): Promise<Uint8Array | undefined> {
    if (!this.#isMember) {
      await this.#device.run((context) => context.processWelcomeMessage(new this.#device.library.Welcome(bytes)))
      this.#isMember = true
      return undefined
    }
    const decrypted = await this.#device.run((context) => context.decryptMessage(this.#device.conversation, bytes))
    return this.#device.library.DecryptedMessage.Text.instanceOf(decrypted) ? decrypted.inner.plaintext : undefined
  }

  async joinExternally(groupInfo: Uint8Array): Promise<Packet> {
    const [packet] = await this.#commit((context) => context.joinByExternalCommit(new this.#device.library.GroupInfo(groupInfo), this.#credential))
    this.#isMember = true
    return present(packet, 'a commit')
  }

  stateBytes(): Promise<Impossible> {
    return Promise.resolve({ impossible: 'core-crypto gives neither its state nor its size' })
  }

  async steal(): Promise<Person | Impossible> {
    const { stored, number } = this.#device
    if (stored === undefined) return { impossible: 'its database in memory cannot be copied' }
    const device = await withCopiedDatabase((library) => Device.open(library, number, stored))
    return new OpenMlsPerson(this.#world, { name: this.name, device, credential: this.#credential, isMember: this.#isMember })
  }

  #addAll(names: readonly string[]): Promise<readonly Packet[]> {
    const packages = names.map((name) => present(this.#world.packages.get(name), `${name} is registered`))
    return this.#commit((context) => context.addClientsToConversation(this.#device.conversation, packages), names)
  }

  async #commit(work: (context: CoreCryptoContext) => Promise<unknown>, newcomers: readonly string[] = []): Promise<readonly Packet[]> {
    const { sent } = this.#device
    sent.length = 0
    await this.#device.run(work)
    const { commit, welcome, groupInfo } = present(sent.pop(), 'core-crypto sent a commit')
    this.groupInfo = groupInfo.payload.subarray(MESSAGE_HEADER_BYTES)
    const packet: Packet = { from: this.name, to: EVERYONE, kind: 'control', bytes: commit }
    return welcome === undefined ? [packet] : [packet, { from: this.name, to: newcomers, kind: 'control', bytes: welcome.serialize() }]
  }
}

