/**
 * OpenMLS, through core-crypto, as one of the implementations. Every operation is a transaction; a commit leaves through
 * the transport and is entered at once, so a commit that core-crypto makes always wins.
 */
import { present } from '@famichat/base'
import {
  CipherSuite, ClientId, type CommitBundle, ConversationId, CoreCrypto, type CoreCryptoContext, Credential, type CredentialRef, Database,
  DecryptedMessage, DeviceId, GroupInfo, KeyPackage, Uuid, Welcome,
} from '@wireapp/core-crypto/browser'
import type { Change, Client, Committed, CommitPlan, ExternalJoin, Facts, Founding, Member } from './member.js'
import { loadOpenMls } from './openmls-runtime.js'

const SUITES: ReadonlyMap<number, CipherSuite> = new Map([
  [1, CipherSuite.Mls128Dhkemx25519Aes128gcmSha256Ed25519],
  [2, CipherSuite.Mls128Dhkemp256Aes128gcmSha256P256],
  [3, CipherSuite.Mls128Dhkemx25519Chacha20poly1305Sha256Ed25519],
])
/** version and wire_format in front of an MLSMessage (§6). */
const MESSAGE_HEADER_BYTES = 4
const KEY_PACKAGE_HEADER = [0, 1, 0, 5]
const DOMAIN = 'interop.example'

/** A client of core-crypto. Setting one up takes a database, so schedules lend them to each other. */
export class OpenMlsClient implements Client {
  readonly kind = 'openmls'
  readonly identity: string
  readonly signatureKey: Uint8Array
  readonly #core: CoreCrypto
  readonly #credential: CredentialRef
  readonly #sent: CommitBundle[]
  readonly #giveBack: (client: OpenMlsClient) => void

  private constructor(parts: {
    readonly identity: string
    readonly signatureKey: Uint8Array
    readonly core: CoreCrypto
    readonly credential: CredentialRef
    readonly sent: CommitBundle[]
    readonly giveBack: (client: OpenMlsClient) => void
  }) {
    this.identity = parts.identity
    this.signatureKey = parts.signatureKey
    this.#core = parts.core
    this.#credential = parts.credential
    this.#sent = parts.sent
    this.#giveBack = parts.giveBack
  }

  static async create(suiteId: number, number: number, giveBack: (client: OpenMlsClient) => void): Promise<OpenMlsClient> {
    await loadOpenMls()
    const suite = SUITES.get(suiteId)
    if (suite === undefined) throw new RangeError(`suite ${suiteId} is not set up for OpenMLS`)
    const { user, device } = nameOf(number)
    const clientId = new ClientId(new Uuid(user), new DeviceId(BigInt(device)), DOMAIN)
    const sent: CommitBundle[] = []
    const core = CoreCrypto.new(await Database.inMemory())
    const credential = await core.transaction(async (context) => {
      await context.mlsInit(clientId, {
        sendCommitBundle: (bundle) => { sent.push(bundle); return Promise.resolve() },
        prepareForTransport: () => Promise.resolve(new Uint8Array(0)),
      })
      return context.addCredential(Credential.basic(suite, clientId))
    })
    const identity = new TextDecoder().decode(clientId.copyBytes())
    const signatureKey = await core.publicKey(credential)
    return new OpenMlsClient({ identity, signatureKey, core, credential, sent, giveBack })
  }

  async keyPackage(): Promise<Uint8Array> {
    const keyPackage = await this.run((context) => context.generateKeyPackage(this.#credential))
    return Uint8Array.from([...KEY_PACKAGE_HEADER, ...keyPackage.serialize()])
  }

  async found({ groupId }: Founding): Promise<Member> {
    const conversation = new ConversationId(groupId)
    await this.run((context) => context.createConversation(conversation, this.#credential))
    return new OpenMlsMember(this, conversation)
  }

  async join(welcome: Uint8Array): Promise<Member> {
    return new OpenMlsMember(this, await this.run((context) => context.processWelcomeMessage(new Welcome(welcome))))
  }

  async joinExternally({ groupInfo, groupId }: ExternalJoin): Promise<{ readonly member: Member; readonly commit: Uint8Array }> {
    const conversation = new ConversationId(groupId)
    // a client that lost its state: core-crypto refuses to join a group it still knows
    if (await this.#core.conversationExists(conversation)) await this.run((context) => context.wipeConversation(conversation))
    const bundle = await this.sending((context) =>
      context.joinByExternalCommit(new GroupInfo(groupInfo.subarray(MESSAGE_HEADER_BYTES)), this.#credential))
    return { member: new OpenMlsMember(this, conversation), commit: bundle.commit }
  }

  release(): void {
    this.#giveBack(this)
  }

  /** Frees the database. */
  destroy(): void {
    this.#core.uniffiDestroy()
  }

  get core(): CoreCrypto {
    return this.#core
  }

  run<T>(work: (context: CoreCryptoContext) => Promise<T>): Promise<T> {
    return this.#core.transaction(work)
  }

  /** Runs an operation that sends a commit, and catches what it sends. */
  async sending(work: (context: CoreCryptoContext) => Promise<unknown>): Promise<CommitBundle> {
    this.#sent.length = 0
    await this.run(work)
    return present(this.#sent.pop(), 'core-crypto sent a commit')
  }
}

/** An identity as core-crypto wants all members to have: `<uuid>:<device>@<domain>`. */
export const identityOf = (number: number): string => {
  const { user, device } = nameOf(number)
  return `${user}:${device.toString(16)}@${DOMAIN}`
}

/** The ClientId of an identity made by {@link identityOf}. */
const clientIdOf = (identity: string): ClientId => {
  const [, user = '', device = ''] = /^([^:]*):([^@]*)@/.exec(identity) ?? []
  return new ClientId(new Uuid(user), new DeviceId(BigInt(`0x${device}`)), DOMAIN)
}

const nameOf = (number: number): { readonly user: string; readonly device: number } =>
  ({ user: `00000000-0000-4000-8000-${number.toString(16).padStart(12, '0')}`, device: 1 })

/** A member that runs OpenMLS. */
class OpenMlsMember implements Member {
  readonly client: OpenMlsClient
  readonly #conversation: ConversationId
  /** Proposals received in this epoch. */
  #proposals = 0

  constructor(client: OpenMlsClient, conversation: ConversationId) {
    this.client = client
    this.#conversation = conversation
  }

  async facts(): Promise<Facts> {
    const epoch = await this.client.core.conversationEpoch(this.#conversation)
    const exported = (await this.client.core.exportSecretKey(this.#conversation, 32)).copyBytes()
    return { epoch, exported, epochAuthenticator: undefined, treeHash: undefined }
  }

  async commit({ changes }: CommitPlan): Promise<Committed> {
    const bundle = await this.client.sending((context) => this.#commit(context, changes))
    const { commit, welcome, groupInfo } = bundle
    this.#proposals = 0
    return { commit, welcome: welcome?.serialize(), groupInfo: groupInfo.payload }
  }

  merge(): Promise<void> {
    return Promise.resolve()
  }

  async receive(handshake: Uint8Array): Promise<boolean> {
    const decrypted = await this.client.run((context) => context.decryptMessage(this.#conversation, handshake))
    if (DecryptedMessage.Commit.instanceOf(decrypted)) {
      this.#proposals = 0
      return decrypted.inner.isActive
    }
    if (DecryptedMessage.Proposal.instanceOf(decrypted)) {
      this.#proposals++
      return true
    }
    throw new TypeError('a handshake was expected, not application data')
  }

  protect(applicationData: Uint8Array): Promise<Uint8Array> {
    return this.client.run((context) => context.encryptMessage(this.#conversation, applicationData))
  }

  async open(message: Uint8Array): Promise<Uint8Array> {
    const decrypted = await this.client.run((context) => context.decryptMessage(this.#conversation, message))
    if (!DecryptedMessage.Text.instanceOf(decrypted)) throw new TypeError('application data was expected, not a handshake')
    return decrypted.inner.plaintext
  }

  async leave(): Promise<void> {
    if (!await this.client.core.conversationExists(this.#conversation)) return
    await this.client.run((context) => context.wipeConversation(this.#conversation))
  }

  /** One operation of core-crypto: it commits adds, or removes, or fresh keys, each with what was proposed. */
  async #commit(context: CoreCryptoContext, changes: readonly Change[]): Promise<void> {
    const conversation = this.#conversation
    const adds = changes.flatMap((change) => (change.kind === 'add' ? [new KeyPackage(change.keyPackage.subarray(MESSAGE_HEADER_BYTES))] : []))
    const removes = changes.flatMap((change) => (change.kind === 'remove' ? [clientIdOf(change.identity)] : []))
    if (changes.length > Math.max(adds.length, removes.length)) throw new TypeError('core-crypto commits adds or removes by value, nothing else')
    if (adds.length > 0) return context.addClientsToConversation(conversation, adds)
    if (removes.length > 0) return context.removeClientsFromConversation(conversation, removes)
    return this.#proposals > 0 ? context.commitPendingProposals(conversation) : context.updateKeyingMaterial(conversation)
  }
}
