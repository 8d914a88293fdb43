/**
 * ts-mls as a contender. Its state is a value: every operation gives the next one.
 */
import { present, systemClock, toHex, utf8 } from '@famichat/base'
import {
  type AuthorshipReport, type Contender, EVERYONE, type GhostReport, judge, type Packet, type Person, refusal, type VerifiedSignature, type World,
} from '@famichat/lab'
import {
  acceptAll, type AuthenticationService, type CiphersuiteImpl, type ClientState, createApplicationMessage, createCommit, createGroup, createGroupInfoWithExternalPubAndRatchetTree,
  decodeGroupState, decodeMlsMessage, encodeGroupState, encodeMlsMessage, emptyPskIndex, generateKeyPackage, getCiphersuiteFromName, getCiphersuiteImpl,
  joinGroup, joinGroupExternal, type KeyPackage, type MLSMessage, nobleCryptoProvider, type PrivateKeyPackage, processPrivateMessage, processPublicMessage, type Proposal,
} from 'ts-mls'
import { defaultClientConfig } from 'ts-mls/clientConfig.js'

const GROUP_ID = utf8('the lab')
const DAY_SECONDS = 86_400n

/** ts-mls with its faster provider. */
export const contender: Contender = {
  facts: {
    name: 'ts-mls', protocol: 'MLS (RFC 9420)', library: 'ts-mls', version: '1.6.4', licence: 'MIT', hasTree: true, largest: 1000,
    note: 'suite 1, noble hashes and WebCrypto curves; pads texts to 256 bytes',
  },
  open: async () => new TsMlsWorld(await getCiphersuiteImpl(getCiphersuiteFromName('MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519'), nobleCryptoProvider)),
}

type OwnKeyPackage = { readonly publicPackage: KeyPackage; readonly privatePackage: PrivateKeyPackage }

class TsMlsWorld implements World {
  readonly suite: CiphersuiteImpl
  readonly packages = new Map<string, OwnKeyPackage>()
  readonly #signatures: VerifiedSignature[] = []
  readonly #vouched = new Set<string>()

  constructor(suite: CiphersuiteImpl) {
    this.suite = {
      ...suite,
      signature: {
        ...suite.signature,
        verify: async (publicKey, message, signature) => {
          const isGood = await suite.signature.verify(publicKey, message, signature)
          if (isGood) this.#signatures.splice(0, this.#signatures.length, { publicKey, message, signature })
          return isGood
        },
      },
    }
  }

  get config(): ClientState['clientConfig'] {
    const authService: AuthenticationService = {
      validateCredential: (_credential, signaturePublicKey) => Promise.resolve(this.#vouched.has(toHex(signaturePublicKey))),
    }
    return { ...defaultClientConfig, authService }
  }

  async register(name: string): Promise<TsMlsPerson> {
    const keyPackage = await this.makeKeyPackage(name)
    this.#vouched.add(toHex(keyPackage.publicPackage.leafNode.signaturePublicKey))
    this.packages.set(name, keyPackage)
    return new TsMlsPerson(this, name)
  }

  makeKeyPackage(name: string): Promise<OwnKeyPackage> {
    const now = BigInt(Math.floor(systemClock.nowMs() / 1000))
    return generateKeyPackage(
      { credentialType: 'basic', identity: utf8(name) },
      { versions: ['mls10'], ciphersuites: [this.suite.name], extensions: [], proposals: [], credentials: ['basic'] },
      { notBefore: now - 3600n, notAfter: now + DAY_SECONDS }, [], this.suite,
    )
  }

  async ghost(): Promise<GhostReport> {
    const alice = await this.register('alice')
    const bob = await this.register('bob')
    const [welcome] = await alice.create(['bob'])
    await bob.receive(present(welcome, 'a Welcome'))
    const { publicPackage, privatePackage } = await this.makeKeyPackage('bob')
    // joins with a suite of its own, which asks nobody whether the members are genuine
    const { publicMessage } = await joinGroupExternal(await alice.groupInfo(), publicPackage, privatePackage, false, this.suite)
    const bytes = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', publicMessage })
    const reason = await refusal(() => alice.receive({ from: 'bob', to: EVERYONE, kind: 'control', bytes }))
    return {
      reads: reason === undefined,
      visible: true,
      how: reason === undefined
        ? 'an external commit of the ghost was taken, although the application does not vouch for its key'
        : `every newcomer needs a commit that all members check; with the group's public state the ghost can make an external commit, which is refused because the application does not vouch for its key (${reason})`,
    }
  }

  async authorship(packet: Packet, { receiver }: { readonly receiver: Person }): Promise<AuthorshipReport> {
    const text = present(await receiver.receive(packet), 'a text')
    return judge(present(this.#signatures.at(-1), 'a signature was checked'), text)
  }
}

class TsMlsPerson implements Person {
  readonly name: string
  readonly #world: TsMlsWorld
  #state: ClientState | undefined

  constructor(world: TsMlsWorld, name: string) {
    this.#world = world
    this.name = name
  }

  get #joined(): ClientState {
    return present(this.#state, `${this.name} is in the conversation`)
  }

  async create(others: readonly string[]): Promise<readonly Packet[]> {
    const { publicPackage, privatePackage } = this.#ownPackage()
    this.#state = await createGroup(GROUP_ID, publicPackage, privatePackage, [], this.#world.suite, this.#world.config)
    return (await this.#addAll(others)).filter(({ to }) => to !== EVERYONE)
  }

  add(name: string): Promise<readonly Packet[]> {
    return this.#addAll([name])
  }

  remove(name: string): Promise<readonly Packet[]> {
    const wanted = toHex(utf8(name))
    const node = this.#joined.ratchetTree.findIndex((each) =>
      each?.nodeType === 'leaf' && each.leaf.credential.credentialType === 'basic' && toHex(each.leaf.credential.identity) === wanted)
    return this.#commit([{ proposalType: 'remove', remove: { removed: node / 2 } }])
  }

  rotate(): Promise<readonly Packet[]> {
    return this.#commit([])
  }

  async send(text: Uint8Array): Promise<readonly Packet[]> {
    const { newState, privateMessage } = await createApplicationMessage(this.#joined, text, this.#world.suite)
    this.#state = newState
    return [this.#packet('text', { version: 'mls10', wireformat: 'mls_private_message', privateMessage })]
  }

  async receive({ bytes }: Packet): Promise<Uint8Array | undefined> {
    const { suite, config } = this.#world
    const message = decode(bytes)
    if (this.#state === undefined) {
      if (message.wireformat !== 'mls_welcome') throw new TypeError('a Welcome was expected')
      const { publicPackage, privatePackage } = this.#ownPackage()
      this.#state = await joinGroup(message.welcome, publicPackage, privatePackage, emptyPskIndex, suite, undefined, undefined, config)
      return undefined
    }
    if (message.wireformat === 'mls_public_message') {
      const { newState } = await processPublicMessage(this.#state, message.publicMessage, emptyPskIndex, suite, acceptAll)
      this.#state = newState
      return undefined
    }
    if (message.wireformat !== 'mls_private_message') throw new TypeError('a message was expected')
    const result = await processPrivateMessage(this.#state, message.privateMessage, emptyPskIndex, suite, acceptAll)
    this.#state = result.newState
    return result.kind === 'applicationMessage' ? result.message : undefined
  }

  async groupInfo(): Promise<Parameters<typeof joinGroupExternal>[0]> {
    return createGroupInfoWithExternalPubAndRatchetTree(this.#joined, [], this.#world.suite)
  }

  stateBytes(): Promise<number> {
    return Promise.resolve(encodeGroupState(this.#joined).length)
  }

  steal(): Promise<Person> {
    const thief = new TsMlsPerson(this.#world, this.name)
    const [copy] = present(decodeGroupState(encodeGroupState(this.#joined), 0), 'the state decodes')
    thief.#state = { ...copy, clientConfig: this.#world.config }
    return Promise.resolve(thief)
  }

  #ownPackage(): OwnKeyPackage {
    return present(this.#world.packages.get(this.name), `${this.name} is registered`)
  }

  #addAll(names: readonly string[]): Promise<readonly Packet[]> {
    const adds = names.map((name): Proposal =>
      ({ proposalType: 'add', add: { keyPackage: present(this.#world.packages.get(name), `${name} is registered`).publicPackage } }))
    return this.#commit(adds, names)
  }

  async #commit(extraProposals: Proposal[], newcomers: readonly string[] = []): Promise<readonly Packet[]> {
    const { newState, commit, welcome } = await createCommit(
      { state: this.#joined, cipherSuite: this.#world.suite, pskIndex: emptyPskIndex }, { extraProposals, ratchetTreeExtension: true })
    this.#state = newState
    const packet = this.#packet('control', commit)
    if (welcome === undefined) return [packet]
    const bytes = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome })
    return [packet, { from: this.name, to: newcomers, kind: 'control', bytes }]
  }

  #packet(kind: Packet['kind'], message: MLSMessage): Packet {
    return { from: this.name, to: EVERYONE, kind, bytes: encodeMlsMessage(message) }
  }
}

const decode = (bytes: Uint8Array): MLSMessage => present(decodeMlsMessage(bytes, 0), 'a message of MLS')[0]
