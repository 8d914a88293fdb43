/**
 * Our engine as one of the implementations.
 */
import { EMPTY, present, Secret, systemClock, utf8 } from '@famichat/base'
import {
  decodeKeyPackage, generateSignatureKey, Group, type GroupConfig, type KeyPackageBundle, type LeafIndex, type LeafParameters, makeAdd,
  makeBasicCredential, makeCapabilities, makeCipherSuite, makeExternalPsk, makeGroupContextExtensions, makeKeyPackage, makeLifetime,
  makeRemove, makeResumptionPsk, type Member as GroupMember, type Proposal, type Signer,
} from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import type { Change, Client, Committed, CommitPlan, ExternalJoin, Facts, Founding, Member, Surroundings } from './member.js'

const LIFETIME_SECONDS = 28n * 24n * 3600n

/** A client of our engine. */
export class FamichatClient implements Client {
  readonly kind = 'famichat'
  readonly identity: string
  readonly signatureKey: Uint8Array
  readonly #surroundings: Surroundings
  readonly #signer: Signer
  readonly #config: GroupConfig
  readonly #leaf: LeafParameters
  #bundle: KeyPackageBundle | undefined

  private constructor(identity: string, surroundings: Surroundings, signer: Signer) {
    this.identity = identity
    this.#surroundings = surroundings
    this.signatureKey = signer.publicKey
    this.#signer = signer
    this.#leaf = {
      credential: makeBasicCredential(utf8(identity)),
      capabilities: makeCapabilities(surroundings.random, { extensions: surroundings.extensionTypes }),
    }
    this.#config = {
      backend: nodeBackend,
      random: surroundings.random,
      clock: systemClock,
      authentication: { isValid: () => true, isSuccessor: () => true },
      psks: { external: (pskId) => new Secret(surroundings.psk(pskId)) },
      policy: {
        handshakes: surroundings.publicHandshakes ? 'public' : 'private',
        acceptPublicHandshakes: true,
        acceptExternalCommits: true,
      },
    }
  }

  static async create(identity: string, surroundings: Surroundings): Promise<FamichatClient> {
    const { signer } = await generateSignatureKey(makeCipherSuite(surroundings.suiteId, nodeBackend, surroundings.random))
    return new FamichatClient(identity, surroundings, signer)
  }

  async keyPackage(): Promise<Uint8Array> {
    const { suiteId, random } = this.#surroundings
    const now = BigInt(Math.floor(systemClock.nowMs() / 1000))
    const suite = makeCipherSuite(suiteId, nodeBackend, random)
    this.#bundle = await makeKeyPackage(suite, this.#signer, { ...this.#leaf, lifetime: makeLifetime(now, LIFETIME_SECONDS) })
    return this.#bundle.message
  }

  async found({ groupId, extensions }: Founding): Promise<Member> {
    const { suiteId: cipherSuite } = this.#surroundings
    return new FamichatMember(this, await Group.create({
      config: this.#config, signer: this.#signer, groupId, cipherSuite, leaf: this.#leaf, extensions,
    }))
  }

  async join(welcome: Uint8Array): Promise<Member> {
    const keyPackages = [present(this.#bundle, 'a KeyPackage was published')]
    const { group } = await Group.join({ config: this.#config, signer: this.#signer, welcome, keyPackages })
    return new FamichatMember(this, group)
  }

  async joinExternally({ groupInfo, removes, pskIds }: ExternalJoin): Promise<{ readonly member: FamichatMember; readonly commit: Uint8Array }> {
    const { suiteId, random } = this.#surroundings
    const suite = makeCipherSuite(suiteId, nodeBackend, random)
    const { group, commit } = await Group.joinExternal({
      config: this.#config,
      signer: this.#signer,
      groupInfo,
      leaf: this.#leaf,
      ...(removes === undefined ? {} : { removes: toLeafIndex(removes) }),
      psks: pskIds.map((pskId) => makeExternalPsk(suite, pskId)).flatMap((proposal) => ('psk' in proposal ? [proposal.psk] : [])),
    })
    return { member: new FamichatMember(this, group), commit }
  }

  release(): void {
    this.#bundle = undefined
  }
}

const toLeafIndex = (leaf: number): LeafIndex => leaf as LeafIndex

/** A member that runs our engine. */
export class FamichatMember implements Member {
  readonly client: FamichatClient
  readonly #group: Group

  constructor(client: FamichatClient, group: Group) {
    this.client = client
    this.#group = group
  }

  /** The members as this one sees them. */
  get members(): readonly GroupMember[] {
    return this.#group.members
  }

  async facts(): Promise<Facts> {
    const { epoch, epochAuthenticator, context: { treeHash } } = this.#group
    return { epoch, epochAuthenticator, treeHash, exported: await this.exportSecret('exporter', EMPTY, 32) }
  }

  exportSecret(label: string, context: Uint8Array, length: number): Promise<Uint8Array> {
    const secret = this.#group.exportSecret(label, context, length)
    const exported = secret.expose().slice()
    secret.wipe()
    return Promise.resolve(exported)
  }

  propose(change: Change): Promise<Uint8Array> {
    return change.kind === 'update' ? this.#group.proposeUpdate() : this.#group.propose(this.#proposal(change))
  }

  async commit({ changes, withPath }: CommitPlan): Promise<Committed> {
    const { commit, welcome } = await this.#group.commit({
      proposals: changes.flatMap((change) => (change.kind === 'update' ? [] : [this.#proposal(change)])), withPath,
    })
    return { commit, welcome }
  }

  merge(): Promise<void> {
    this.#group.merge(present(this.#group.pendingCommit, 'a commit is pending'))
    return Promise.resolve()
  }

  discard(): void {
    this.#group.discard(present(this.#group.pendingCommit, 'a commit is pending'))
  }

  async receive(handshake: Uint8Array): Promise<boolean> {
    const processed = await this.#group.process(handshake)
    if (processed.kind === 'commit') this.#group.merge(processed.staged)
    else if (processed.kind !== 'proposal') throw new TypeError(`a handshake was expected, not ${processed.kind}`)
    return this.#group.status !== 'removed'
  }

  protect(applicationData: Uint8Array): Promise<Uint8Array> {
    return this.#group.protect(applicationData)
  }

  async open(message: Uint8Array): Promise<Uint8Array> {
    const processed = await this.#group.process(message)
    if (processed.kind !== 'application') throw new TypeError(`application data was expected, not ${processed.kind}`)
    return processed.applicationData
  }

  groupInfo(): Promise<Uint8Array> {
    return this.#group.groupInfo({ withTree: true, withExternalPub: true })
  }

  leave(): Promise<void> {
    this.#group.close()
    return Promise.resolve()
  }

  #proposal(change: Exclude<Change, { readonly kind: 'update' }>): Proposal {
    const { cipherSuite, groupId } = this.#group
    switch (change.kind) {
      case 'add': return makeAdd(decodeKeyPackage(change.keyPackage))
      case 'remove': return makeRemove(toLeafIndex(change.leaf))
      case 'externalPsk': return makeExternalPsk(cipherSuite, change.pskId)
      case 'resumptionPsk': return makeResumptionPsk(cipherSuite, groupId, change.epoch)
      case 'extensions': return makeGroupContextExtensions(change.extensions)
    }
  }
}
