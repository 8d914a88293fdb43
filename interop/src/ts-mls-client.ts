/**
 * ts-mls as one of the implementations. Its state is a value: every operation gives the next one.
 */
import { EMPTY, present, systemClock, utf8 } from '@famichat/base'
import {
  acceptAll, type CiphersuiteImpl, type ClientState, createApplicationMessage, createCommit, createGroup, createProposal, decodeMlsMessage,
  encodeMlsMessage, type Extension, generateKeyPackageWithKey, joinGroup, joinGroupExternal, type KeyPackage, mlsExporter, type MLSMessage,
  type PrivateKeyPackage, processPrivateMessage, processPublicMessage, type Proposal, type PskIndex,
} from 'ts-mls'
import { defaultExtensionTypes } from 'ts-mls/defaultExtensionType.js'
import type { Change, Client, Committed, CommitPlan, ExternalJoin, Facts, Founding, Member, Surroundings, WireExtension } from './member.js'
import { acceptingPrefixedKeys, makeSignatureKeys, type SignatureKeys, tsMlsSuite } from './ts-mls-suite.js'
import { signUpdate } from './ts-mls-update.js'

const LIFETIME_SECONDS = 28n * 24n * 3600n

type OwnKeyPackage = { readonly publicPackage: KeyPackage; readonly privatePackage: PrivateKeyPackage }

/** A client of ts-mls. */
export class TsMlsClient implements Client {
  readonly kind = 'ts-mls'
  readonly identity: string
  readonly surroundings: Surroundings
  readonly suite: CiphersuiteImpl
  readonly #keys: SignatureKeys
  #keyPackage: OwnKeyPackage | undefined

  private constructor(identity: string, surroundings: Surroundings, { suite, keys }: { readonly suite: CiphersuiteImpl; readonly keys: SignatureKeys }) {
    this.identity = identity
    this.surroundings = surroundings
    this.suite = suite
    this.#keys = keys
  }

  static async create(identity: string, surroundings: Surroundings): Promise<TsMlsClient> {
    const suite = await tsMlsSuite(surroundings.suiteId)
    return new TsMlsClient(identity, surroundings, { suite, keys: await makeSignatureKeys(suite) })
  }

  get signatureKey(): Uint8Array {
    return this.#keys.publicKey
  }

  async keyPackage(): Promise<Uint8Array> {
    this.#keyPackage = await this.#makeKeyPackage()
    return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_key_package', keyPackage: this.#keyPackage.publicPackage })
  }

  async found({ groupId, extensions }: Founding): Promise<Member> {
    const { publicPackage, privatePackage } = await this.#makeKeyPackage()
    return new TsMlsMember(this, await createGroup(groupId, publicPackage, privatePackage, extensions.map(fromWire), this.suite))
  }

  async join(welcome: Uint8Array): Promise<Member> {
    const message = decodeMessage(welcome)
    if (message.wireformat !== 'mls_welcome') throw new TypeError(`a Welcome was expected, not ${message.wireformat}`)
    const { publicPackage, privatePackage } = present(this.#keyPackage, 'a KeyPackage was published')
    return new TsMlsMember(this, await joinGroup(message.welcome, publicPackage, privatePackage, pskIndex(this.surroundings), this.suite))
  }

  async joinExternally({ groupInfo, removes }: ExternalJoin): Promise<{ readonly member: Member; readonly commit: Uint8Array }> {
    const message = decodeMessage(groupInfo)
    if (message.wireformat !== 'mls_group_info') throw new TypeError(`a GroupInfo was expected, not ${message.wireformat}`)
    const { publicPackage, privatePackage } = await this.#makeKeyPackage()
    const { publicMessage, newState } = await joinGroupExternal(
      message.groupInfo, publicPackage, privatePackage, removes !== undefined, acceptingPrefixedKeys(this.suite),
    )
    const commit = encodeMlsMessage({ version: 'mls10', wireformat: 'mls_public_message', publicMessage })
    return { member: new TsMlsMember(this, newState), commit }
  }

  release(): void {
    this.#keyPackage = undefined
  }

  #makeKeyPackage(): Promise<OwnKeyPackage> {
    const now = BigInt(Math.floor(systemClock.nowMs() / 1000))
    return generateKeyPackageWithKey(
      { credentialType: 'basic', identity: utf8(this.identity) },
      {
        versions: ['mls10'],
        ciphersuites: [this.suite.name],
        extensions: [...this.surroundings.extensionTypes],
        proposals: [],
        credentials: ['basic', 'x509'],
      },
      { notBefore: now - 3600n, notAfter: now + LIFETIME_SECONDS }, [], this.#keys, this.suite,
    )
  }
}

/** A member that runs ts-mls. */
class TsMlsMember implements Member {
  readonly client: TsMlsClient
  #state: ClientState
  #next: ClientState | undefined
  /** The key of an Update this member proposed: ts-mls has no place for it. */
  #updateKey: Uint8Array | undefined

  constructor(client: TsMlsClient, state: ClientState) {
    this.client = client
    this.#state = state
  }

  async facts(): Promise<Facts> {
    const { groupContext: { epoch, treeHash }, keySchedule: { epochAuthenticator } } = this.#state
    return { epoch, epochAuthenticator, treeHash, exported: await this.exportSecret('exporter', EMPTY, 32) }
  }

  exportSecret(label: string, context: Uint8Array, length: number): Promise<Uint8Array> {
    return mlsExporter(this.#state.keySchedule.exporterSecret, label, context, length, this.client.suite)
  }

  async propose(change: Change): Promise<Uint8Array> {
    const { suite, surroundings } = this.client
    const update = change.kind === 'update' ? await signUpdate(this.#state, suite) : undefined
    const proposal = update?.proposal ?? this.#proposal(change)
    const { newState, message } = await createProposal(this.#state, surroundings.publicHandshakes, proposal, suite)
    this.#updateKey = update?.privateKey ?? this.#updateKey
    this.#state = newState
    return encodeMlsMessage(message)
  }

  async commit({ changes }: CommitPlan): Promise<Committed> {
    const { suite, surroundings } = this.client
    const { newState, commit, welcome } = await createCommit({ state: this.#state, cipherSuite: suite, pskIndex: this.#psks() }, {
      extraProposals: changes.map((change) => this.#proposal(change)),
      wireAsPublicMessage: surroundings.publicHandshakes,
      ratchetTreeExtension: true,
    })
    this.#next = newState
    return {
      commit: encodeMlsMessage(commit),
      welcome: welcome && encodeMlsMessage({ version: 'mls10', wireformat: 'mls_welcome', welcome }),
    }
  }

  merge(): Promise<void> {
    this.#enter(present(this.#next, 'a commit is pending'))
    return Promise.resolve()
  }

  discard(): void {
    this.#next = undefined
  }

  async receive(handshake: Uint8Array): Promise<boolean> {
    const { newState, kind } = await this.#process(handshake)
    if (kind !== 'newState') throw new TypeError('a handshake was expected, not application data')
    if (newState.groupContext.epoch === this.#state.groupContext.epoch && newState.groupActiveState.kind === 'active') this.#state = newState
    else this.#enter(newState)
    return this.#state.groupActiveState.kind !== 'removedFromGroup'
  }

  async protect(applicationData: Uint8Array): Promise<Uint8Array> {
    const { newState, privateMessage } = await createApplicationMessage(this.#state, applicationData, this.client.suite)
    this.#state = newState
    return encodeMlsMessage({ version: 'mls10', wireformat: 'mls_private_message', privateMessage })
  }

  async open(message: Uint8Array): Promise<Uint8Array> {
    const result = await this.#process(message)
    if (result.kind !== 'applicationMessage') throw new TypeError('application data was expected, not a handshake')
    this.#state = result.newState
    return result.message
  }

  leave(): Promise<void> {
    return Promise.resolve()
  }

  #enter(next: ClientState): void {
    this.#state = next
    this.#next = undefined
    this.#updateKey = undefined
  }

  async #process(bytes: Uint8Array): ReturnType<typeof processPrivateMessage> {
    const message = decodeMessage(bytes)
    const { suite } = this.client
    if (message.wireformat === 'mls_private_message') {
      return processPrivateMessage(this.#stateFor('commit'), message.privateMessage, this.#psks(), suite, acceptAll)
    }
    if (message.wireformat !== 'mls_public_message') throw new TypeError(`a message was expected, not ${message.wireformat}`)
    const { contentType, sender } = message.publicMessage.content
    const isMembersCommit = contentType === 'commit' && sender.senderType === 'member'
    const state = this.#stateFor(isMembersCommit ? 'commit' : 'other')
    return { ...await processPublicMessage(state, message.publicMessage, this.#psks(), suite, acceptAll), kind: 'newState' }
  }

  /** A member's commit includes this member's Update: its path is encrypted to the new leaf key. */
  #stateFor(content: 'commit' | 'other'): ClientState {
    if (content === 'other' || this.#updateKey === undefined) return this.#state
    const { privatePath } = this.#state
    const privateKeys = { ...privatePath.privateKeys, [privatePath.leafIndex * 2]: this.#updateKey }
    return { ...this.#state, privatePath: { ...privatePath, privateKeys } }
  }

  #psks(): PskIndex {
    return pskIndex(this.client.surroundings, this.#state)
  }

  #proposal(change: Change): Proposal {
    switch (change.kind) {
      case 'add': {
        const message = decodeMessage(change.keyPackage)
        if (message.wireformat !== 'mls_key_package') throw new TypeError(`a KeyPackage was expected, not ${message.wireformat}`)
        return { proposalType: 'add', add: { keyPackage: message.keyPackage } }
      }
      case 'remove': return { proposalType: 'remove', remove: { removed: change.leaf } }
      case 'externalPsk': return this.#pskProposal({ psktype: 'external', pskId: change.pskId })
      case 'resumptionPsk': {
        const { groupId } = this.#state.groupContext
        return this.#pskProposal({ psktype: 'resumption', usage: 'application', pskGroupId: groupId, pskEpoch: change.epoch })
      }
      case 'extensions':
        return { proposalType: 'group_context_extensions', groupContextExtensions: { extensions: change.extensions.map(fromWire) } }
      case 'update': throw new TypeError('an Update is proposed, never committed by value')
    }
  }

  #pskProposal(id: PskInfo): Proposal {
    const { kdf, rng } = this.client.suite
    return { proposalType: 'psk', psk: { preSharedKeyId: { ...id, pskNonce: rng.randomBytes(kdf.size) } } }
  }
}

type PskInfo =
  | { readonly psktype: 'external'; readonly pskId: Uint8Array }
  | { readonly psktype: 'resumption'; readonly usage: 'application'; readonly pskGroupId: Uint8Array; readonly pskEpoch: bigint }

const decodeMessage = (bytes: Uint8Array): MLSMessage => {
  const decoded = decodeMlsMessage(bytes, 0)
  if (decoded === undefined) throw new TypeError('ts-mls cannot decode the message')
  return decoded[0]
}

const DEFAULT_EXTENSIONS: ReadonlyMap<number, keyof typeof defaultExtensionTypes> = new Map([
  [1, 'application_id'], [2, 'ratchet_tree'], [3, 'required_capabilities'], [4, 'external_pub'], [5, 'external_senders'],
])

const fromWire = ({ extensionType, extensionData }: WireExtension): Extension =>
  ({ extensionType: DEFAULT_EXTENSIONS.get(extensionType) ?? extensionType, extensionData })

/** The schedule's PSKs, and the group's own of epochs that ts-mls keeps. */
const pskIndex = ({ psk }: Surroundings, state?: ClientState): PskIndex => ({
  findPsk: (id) => {
    if (id.psktype === 'external') return psk(id.pskId)
    if (state === undefined) return undefined
    if (id.pskEpoch === state.groupContext.epoch) return state.keySchedule.resumptionPsk
    return state.historicalReceiverData.get(id.pskEpoch)?.resumptionPsk
  },
})
