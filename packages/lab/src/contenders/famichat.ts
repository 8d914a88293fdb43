/**
 * Our own engine as a contender. The world plays the application: it vouches for the keys of registered people only.
 */
import { equal, present, systemClock, systemRandom, toHex, utf8 } from '@famichat/base'
import {
  type CryptoBackend, decodeKeyPackage, generateSignatureKey, Group, type GroupConfig, type GroupPolicy, type KeyPackageBundle, type LeafParameters,
  makeAdd, makeBasicCredential, makeCapabilities, makeCipherSuite, makeKeyPackage, makeLifetime, makeRemove, type Signer,
} from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { refusal } from '../refusal.js'
import { type AuthorshipReport, type Contender, EVERYONE, type GhostReport, type Packet, type Person, type Purpose, type World } from '../contender.js'
import { recordingBackend } from '../recording-backend.js'
import { judge, type VerifiedSignature } from '../signature-judge.js'

const SUITE = 1
const GROUP_ID = utf8('the lab')
const DAY_SECONDS = 86_400n

/** @famichat/mls. */
export const contender: Contender = {
  facts: {
    name: 'Famichat', protocol: 'MLS (RFC 9420)', library: '@famichat/mls', version: 'this tree', licence: 'Apache-2.0', hasTree: true, largest: 10_000,
    note: 'suite 1; state is handed over as rows, of which a message changes one',
  },
  open: (purpose) => Promise.resolve(new FamichatWorld(purpose)),
}

class FamichatWorld implements World {
  readonly suite
  readonly packages = new Map<string, KeyPackageBundle>()
  readonly #signatures: VerifiedSignature[] = []
  readonly #backend: CryptoBackend
  readonly #vouched = new Set<string>()

  constructor(purpose: Purpose) {
    this.#backend = purpose === 'timing' ? nodeBackend : recordingBackend(this.#signatures)
    this.suite = makeCipherSuite(SUITE, this.#backend, systemRandom)
  }

  config(policy: Partial<GroupPolicy> = {}): GroupConfig {
    return {
      backend: this.#backend,
      policy,
      authentication: {
        isValid: ({ signatureKey }) => this.#vouched.has(toHex(signatureKey)),
        isSuccessor: (previous, next) => equal(previous.signatureKey, next.signatureKey),
      },
    }
  }

  register(name: string): Promise<Person> {
    return this.registerWith(name, {})
  }

  async registerWith(name: string, policy: Partial<GroupPolicy>): Promise<FamichatPerson> {
    const { signer } = await generateSignatureKey(this.suite)
    this.#vouched.add(toHex(signer.publicKey))
    const leaf = leafOf(name)
    const now = BigInt(Math.floor(systemClock.nowMs() / 1000))
    this.packages.set(name, await makeKeyPackage(this.suite, signer, { ...leaf, lifetime: makeLifetime(now, DAY_SECONDS) }))
    return new FamichatPerson(this, name, { signer, leaf, config: this.config(policy) })
  }

  async ghost(): Promise<GhostReport> {
    const refusals: string[] = []
    for (const acceptExternalCommits of [false, true]) {
      const [alice, bob] = await Promise.all(['alice', 'bob'].map((name) => this.registerWith(name, { acceptExternalCommits, acceptPublicHandshakes: true })))
      const [welcome] = await present(alice, 'alice').create(['bob'])
      await present(bob, 'bob').receive(present(welcome, 'a Welcome'))
      // the server even has the group's public state, and calls its ghost by a member's name
      const groupInfo = await present(alice, 'alice').groupInfo()
      const { signer } = await generateSignatureKey(this.suite)
      const accepting = { ...this.config(), authentication: { isValid: () => true, isSuccessor: () => true } }
      const { group, commit } = await Group.joinExternal({ config: accepting, signer, groupInfo, leaf: leafOf('bob') })
      const code = await refusal(() => present(alice, 'alice').receive({ from: 'bob', to: EVERYONE, kind: 'control', bytes: commit }))
      if (code === undefined) return { reads: true, visible: true, how: `a member let the ghost in, which is now at leaf ${group.ownLeaf}` }
      refusals.push(code)
    }
    return {
      reads: false,
      visible: true,
      how: `every newcomer needs a commit that all members check. External commits are refused as policy (${refusals[0] ?? ''}); where they are allowed, the ghost's key is refused because the application does not vouch for it (${refusals[1] ?? ''})`,
    }
  }

  async authorship(packet: Packet, { receiver }: { readonly receiver: Person }): Promise<AuthorshipReport> {
    const text = present(await receiver.receive(packet), 'a text')
    return judge(present(this.#signatures.at(-1), 'a signature was checked'), text)
  }
}

const leafOf = (name: string): LeafParameters => ({ credential: makeBasicCredential(utf8(name)), capabilities: makeCapabilities(systemRandom) })

type Identity = { readonly signer: Signer; readonly leaf: LeafParameters; readonly config: GroupConfig }

class FamichatPerson implements Person {
  readonly name: string
  readonly #world: FamichatWorld
  readonly #identity: Identity
  readonly #rows = new Map<string, Uint8Array>()
  #group: Group | undefined

  constructor(world: FamichatWorld, name: string, identity: Identity) {
    this.#world = world
    this.name = name
    this.#identity = identity
  }

  get #joined(): Group {
    return present(this.#group, `${this.name} is in the conversation`)
  }

  async create(others: readonly string[]): Promise<readonly Packet[]> {
    this.#group = await Group.create({ ...this.#identity, groupId: GROUP_ID, cipherSuite: SUITE })
    return (await this.#addAll(others)).filter(({ to }) => to !== EVERYONE)
  }

  add(name: string): Promise<readonly Packet[]> {
    return this.#addAll([name])
  }

  async remove(name: string): Promise<readonly Packet[]> {
    const identity = utf8(name)
    const member = this.#joined.members.find(({ leafNode: { credential } }) => 'identity' in credential && equal(credential.identity, identity))
    return this.#commit([makeRemove(present(member, `${name} is a member`).leafIndex)])
  }

  rotate(): Promise<readonly Packet[]> {
    return this.#commit([])
  }

  async send(text: Uint8Array): Promise<readonly Packet[]> {
    return [{ from: this.name, to: EVERYONE, kind: 'text', bytes: await this.#joined.protect(text) }]
  }

  async receive({ bytes }: Packet): Promise<Uint8Array | undefined> {
    if (this.#group === undefined) {
      const { config, signer } = this.#identity
      const { group } = await Group.join({ config, signer, welcome: bytes, keyPackages: [present(this.#world.packages.get(this.name), 'published')] })
      this.#group = group
      return undefined
    }
    const processed = await this.#group.process(bytes)
    if (processed.kind === 'commit') this.#group.merge(processed.staged)
    return processed.kind === 'application' ? processed.applicationData : undefined
  }

  groupInfo(): Promise<Uint8Array> {
    return this.#joined.groupInfo({ withTree: true, withExternalPub: true })
  }

  stateBytes(): Promise<number> {
    return Promise.resolve(this.#stored().reduce((sum, [key, value]) => sum + key.length + value.length, 0))
  }

  steal(): Promise<Person> {
    const { config, signer } = this.#identity
    const thief = new FamichatPerson(this.#world, this.name, this.#identity)
    for (const [key, value] of this.#stored()) thief.#rows.set(key, value.slice())
    thief.#group = Group.restore({ config, signer, rows: [...thief.#rows].map(([key, value]) => ({ key, value: value.slice() })) })
    return Promise.resolve(thief)
  }

  #stored(): readonly (readonly [string, Uint8Array])[] {
    for (const { key, value } of this.#joined.takeChanges()) {
      if (value === undefined) this.#rows.delete(key)
      else this.#rows.set(key, value)
    }
    return [...this.#rows]
  }

  #addAll(names: readonly string[]): Promise<readonly Packet[]> {
    const adds = names.map((name) => makeAdd(decodeKeyPackage(present(this.#world.packages.get(name), `${name} is registered`).message)))
    return this.#commit(adds, names)
  }

  async #commit(proposals: readonly ReturnType<typeof makeAdd>[], newcomers: readonly string[] = []): Promise<readonly Packet[]> {
    const { commit, welcome, staged } = await this.#joined.commit({ proposals })
    this.#joined.merge(staged)
    const packet: Packet = { from: this.name, to: EVERYONE, kind: 'control', bytes: commit }
    return welcome === undefined ? [packet] : [packet, { from: this.name, to: newcomers, kind: 'control', bytes: welcome }]
  }
}
