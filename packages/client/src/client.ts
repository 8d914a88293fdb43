/**
 * Client: a person's device in a community. Everything here speaks of people, conversations and messages; keys, epochs
 * and commits stay below.
 */
import {
  type AccountId, type ConversationId, type DeviceId, parseInviteLink,
} from '@famichat/protocol'
import { Archive } from './archive/archive.js'
import type { ArchiveOpener } from './archive/archive-locks.js'
import type { ArchiveSource } from './archive/archive-stream.js'
import { Recovery } from './archive/recovery.js'
import type { Transfers } from './archive/transfers.js'
import { ClientError } from './client-error.js'
import type { ConversationInfo } from './conversation/catalogue.js'
import { type ConversationEvent, readHistory } from './conversation/history.js'
import { type IncomingMessage, readIncoming } from './conversation/incoming.js'
import { type AddOptions, Membership } from './conversation/membership.js'
import { readWaiting, type WaitingMessage } from './conversation/waiting.js'
import { PARAMETERS } from './parameters.js'
import { Push } from './push.js'
import { Passkeys } from './passkeys/passkeys.js'
import type { SignInRequest } from './passkeys/sign-in.js'
import { paddingFor } from './conversation/message-document.js'
import type { FileSource, TransferOptions } from './conversation/files.js'
import type { Sayable, Sent } from './conversation/messaging.js'
import { tokenScope } from './conversation/scope.js'
import type { MessageReference } from './content/content.js'
import { foldMessages, type Message } from './content/fold.js'
import { Community, type InvitedAs, oneOf } from './identity/community.js'
import { Contacts } from './identity/contacts.js'
import { isDeviceLink, parseDeviceLink } from './identity/device-link.js'
import { openIdentity } from './identity/identity.js'
import { joinWithInvite, joinWithLink, readIdentity } from './identity/joining.js'
import type { LinkOffering } from './identity/link-host.js'
import { InvitePsks } from './identity/invite-secrets.js'
import { makeInvite } from './identity/inviting.js'
import { type DeviceInfo, listOwnDevices, nameOwnDevice, revokeOwnDevice } from './identity/own-devices.js'
import { Trust } from './identity/trust.js'
import { type Engine, makeEngine, type Problem } from './engine.js'
import type { ClientOptions, Surroundings } from './platform.js'
import { surroundingsOf } from './platform.js'

/** Who this client is. */
export interface ClientIdentity {
  readonly accountId: AccountId
  readonly accountName: string
  readonly deviceId: DeviceId
  readonly origin: string
}

const GROUP_POLICY = {
  paddingFor,
  // the log may be read long after it was written: a commit that was valid then is valid now (RFC 9420 §7.3)
  checkLifetimes: false,
  maxPastEpochs: PARAMETERS.pastEpochs,
  maxPastEpochAgeMs: PARAMETERS.pastEpochMs,
} as const

/** An open client. Close it: it holds secrets and a connection. */
export class Client {
  /** Whose device this is, and of which community. */
  readonly identity: ClientIdentity
  /** The households, and the devices of children that wait. */
  readonly community: Community
  /** Who is in which conversation, who decides there, who stays for a while. */
  readonly membership: Membership
  /** Whether people are who they seem to be: safety numbers, verification, changed keys. */
  readonly contacts: Contacts
  /** Being rung when something waits and this device is not connected. */
  readonly push: Push
  /** Everything of this device in a file that only its owner opens. */
  readonly archive: Archive
  /** The words that open the archives when everything else is lost. */
  readonly recovery: Recovery
  /** What was said before this device was linked, and what goes to devices that this one links. */
  readonly transfers: Pick<Transfers, 'isAwaited' | 'receive'>
  /** What signs a new device in: a face, a finger, a key. */
  readonly passkeys: Passkeys
  readonly #engine: Engine
  readonly #surroundings: Surroundings

  private constructor(engine: Engine, surroundings: Surroundings) {
    this.#engine = engine
    this.#surroundings = surroundings
    const { accountId, accountName, deviceId, origin } = engine.workspace.context.identity
    this.identity = { accountId, accountName, deviceId, origin }
    this.community = new Community(engine)
    this.membership = new Membership(engine)
    this.contacts = new Contacts(engine)
    this.push = new Push(engine)
    this.archive = new Archive(engine, surroundings)
    this.recovery = new Recovery(surroundings)
    this.transfers = engine.transfers
    this.passkeys = new Passkeys(engine, surroundings)
  }

  /**
   * Gives a profile its account: by an invite link, or by a device link of another device.
   * @param name of a new account; a linked device has its account's
   * @param familyName where the invite makes a family; else it is called like the account
   */
  static async join(options: ClientOptions, link: string, name?: string, familyName?: string): Promise<Client> {
    const surroundings = surroundingsOf(options)
    if (isDeviceLink(link)) await joinWithLink(surroundings, parseDeviceLink(link))
    else await joinWithInvite(surroundings, { link: parseInviteLink(link), accountName: name ?? '', familyName })
    return Client.open(options)
  }

  /**
   * Gives a profile its account as a new device, from an archive: history, people and verifications come along, conversations
   * go on once another member is online.
   * @param origin of the server, if it has moved since
   * @throws ClientError `client.archive.*` | `client.recovery.malformed` | `client.profile.taken`; then nothing was taken
   */
  static async restore(options: ClientOptions, archive: { readonly source: ArchiveSource; readonly opener: ArchiveOpener; readonly origin?: string }): Promise<Client> {
    const { restoreArchive } = await import('./archive/archive-acts.js')
    await restoreArchive(surroundingsOf(options), { origin: undefined, ...archive })
    return Client.open(options)
  }

  /**
   * Gives a profile its account as a new device, by a passkey: conversations go on once another member is online.
   * @throws ClientError `client.passkey.*` | `client.profile.taken` | ProtocolError `protocol.passkey.refused`; then nothing was taken
   */
  static async signIn(options: ClientOptions, request: SignInRequest): Promise<Client> {
    const { signInWithPasskey } = await import('./passkeys/sign-in.js')
    await signInWithPasskey(surroundingsOf(options), request)
    return Client.open(options)
  }

  /** Opens a profile that has an account. @throws ClientError `client.profile.missing` | `client.store.*`; `client.conversation.*` for a scope's names */
  static async open(options: ClientOptions): Promise<Client> {
    const surroundings = surroundingsOf(options)
    const { store, suite, backend, clock, random } = surroundings
    const record = await readIdentity(store)
    if (record === undefined || record.admission !== undefined) throw new ClientError('client.profile.missing')
    const trust = new Trust({ store, suite, nowMs: () => clock.nowMs() })
    const identity = await openIdentity(suite, record)
    const psks = new InvitePsks(store, suite)
    const groupConfig = { backend, authentication: trust, psks, clock, random, policy: GROUP_POLICY }
    const engine = makeEngine(surroundings, { groupConfig, identity, trust, psks })
    if (options.scope !== undefined) engine.connection.calls.narrow(await tokenScope(engine.catalogue, options.scope))
    return new Client(engine, surroundings)
  }

  /** Opens a profile, or gives it an account by an invite link if it has none: a program that starts again stays who it is. */
  static async openOrJoin(options: ClientOptions, link: string, name: string): Promise<Client> {
    const record = await readIdentity(options.store)
    return record === undefined || record.admission !== undefined ? Client.join(options, link, name) : Client.open(options)
  }

  /** Brings everything up to date once: people, new conversations, messages, what waits to be sent. */
  sync(): Promise<readonly Problem[]> {
    return this.#engine.sync()
  }

  /** Stays connected until `signal` ends it; events come as they happen. */
  live(signal: AbortSignal): Promise<void> {
    return this.#engine.live.run(signal)
  }

  /** All conversations that this device knows, those that have ended too. */
  conversations(): Promise<readonly ConversationInfo[]> {
    return this.#engine.catalogue.list()
  }

  /** Finds a conversation by name, by the other person's name, or by id. @throws ClientError `client.conversation.*` */
  conversation(nameOrId: string): Promise<ConversationInfo> {
    return this.#engine.catalogue.find(nameOrId)
  }

  /** A conversation by its whole id. @throws ClientError `client.conversation.unknown` */
  info(conversationId: ConversationId): Promise<ConversationInfo> {
    return this.#engine.catalogue.info(conversationId)
  }

  /** A person's name, as this device saw it first. */
  nameOf(accountId: AccountId): Promise<string> {
    return this.#engine.people.nameOf(accountId)
  }

  /** The names of everybody in the community whose account was not ended, as the server told last. */
  get people(): readonly { readonly accountId: AccountId; readonly name: string }[] {
    return this.#engine.people.accounts.filter(({ isEnded }) => !isEnded).map(({ accountId, accountName }) => ({ accountId, name: accountName }))
  }

  /** What happened in a conversation so far, oldest first; a part of it for a position and a limit. */
  async history(conversationId: ConversationId, afterSeq = 0, limit?: number): Promise<readonly ConversationEvent[]> {
    const stored = await readHistory(this.#surroundings.store, conversationId, { afterSeq, ...(limit === undefined ? {} : { limit }) })
    return stored.map(({ event }) => event)
  }

  /** The messages of a conversation as people see them: with edits, reactions and receipts folded in. */
  async messages(conversationId: ConversationId): Promise<readonly Message[]> {
    return foldMessages(await this.history(conversationId))
  }

  /** What was written here and waits to be sent, oldest first. */
  waiting(conversationId: ConversationId): Promise<readonly WaitingMessage[]> {
    return readWaiting(this.#surroundings.store, conversationId)
  }

  /** What happened after a position, and what happens from now on, each once and in order. Run `live` beside it. */
  async *events(conversationId: ConversationId, { afterSeq = 0, signal }: { afterSeq?: number; signal?: AbortSignal } = {}): AsyncGenerator<ConversationEvent> {
    let afterKey: string | undefined
    while (signal?.aborted !== true) {
      const mark = this.#engine.changes.mark(conversationId)
      for (const { key, event } of await readHistory(this.#surroundings.store, conversationId, afterKey === undefined ? { afterSeq } : { afterKey })) {
        yield event
        afterKey = key
      }
      await this.#engine.changes.after(conversationId, mark, signal)
    }
  }

  /**
   * Stays connected and yields what others say, in any conversation, until `signal`: each message once for each `reader`, also
   * what came while the program was away. One whose handling did not end is yielded again after a restart.
   * @param reader lower-case letters, digits and dashes. @throws ClientError `client.reader.malformed` | what {@link live} throws
   */
  incoming(reader: string, signal: AbortSignal): AsyncGenerator<IncomingMessage> {
    return readIncoming(this.#engine, reader, signal)
  }

  /** The direct conversation with a person; it is made if there is none. @throws ClientError `client.member.*` */
  createDirect(name: string): Promise<ConversationInfo> {
    return this.membership.createDirect(name)
  }

  /** The conversation of this account's own devices; it is made if there is none. */
  createSelf(): Promise<ConversationInfo> {
    return this.membership.createSelf()
  }

  /** Makes a group, of which this account is the admin. @throws ClientError `client.member.*` */
  createGroup(name: string, members: readonly string[]): Promise<ConversationInfo> {
    return this.membership.createGroup(name, members)
  }

  /** Adds a person with all devices, for good or as a guest. @throws ClientError `client.member.*` | `client.conversation.*` | `client.guest.past` */
  add(conversationId: ConversationId, name: string, options?: AddOptions): Promise<ConversationInfo> {
    return this.membership.add(conversationId, name, options)
  }

  /** Removes a person with all devices: what is sent from then on they cannot read. @throws ClientError `client.member.*` | `client.conversation.*` */
  remove(conversationId: ConversationId, name: string): Promise<ConversationInfo> {
    return this.membership.remove(conversationId, name)
  }

  /** Asks to be let go; it takes effect when another member is online, or at once where none is left who could be. */
  leave(conversationId: ConversationId): Promise<void> {
    return this.membership.leave(conversationId)
  }

  /**
   * Writes and sends: a text, or a reply, letter, reaction, edit or deletion. Once written it is sent, now or later, even
   * if this throws `client.server.unreachable`.
   * @throws ClientError `client.message.*` | `client.conversation.*` | `client.server.unreachable`
   */
  send(conversationId: ConversationId, content: string | Sayable): Promise<Sent> {
    return this.#engine.messaging.say(conversationId, typeof content === 'string' ? { type: 'text', body: content } : content)
  }

  /** Sends a file, sealed, piece by piece; the same file goes on where it stopped. @throws ClientError `client.file.*` | … */
  sendFile(conversationId: ConversationId, source: FileSource, options: TransferOptions & { readonly caption?: string } = {}): Promise<Sent> {
    return this.#engine.messaging.sendFile(conversationId, source, options)
  }

  /** The file of a message, piece by piece as it arrives, each checked. @throws ClientError `client.message.unknown` | `client.file.*` */
  readFile(
    conversationId: ConversationId, message: MessageReference, options: TransferOptions & { readonly fromPiece?: number } = {},
  ): AsyncGenerator<Uint8Array> {
    return this.#engine.messaging.readFile(conversationId, message, options)
  }

  /** Tells the others that everything up to a position was read; does nothing unless `setReceipts(true)` was said. */
  markRead(conversationId: ConversationId, upToSeq: number): Promise<void> {
    return this.#engine.messaging.markRead(conversationId, upToSeq)
  }

  /** Whether others are told what was read. */
  sendsReceipts(): Promise<boolean> {
    return this.#engine.messaging.sendsReceipts()
  }

  /** Chooses whether others are told what was read; at first they are not. */
  setReceipts(sendsReceipts: boolean): Promise<void> {
    return this.#engine.messaging.setReceipts(sendsReceipts)
  }

  /**
   * A link that lets one more person in, into this account's family or at the head of a new one.
   * @throws ProtocolError `protocol.access.refused` for a place this account may not give
   */
  invite(invitedAs: InvitedAs = 'adult'): Promise<{ readonly link: string; readonly expiresAtMs: number }> {
    return makeInvite(this.#engine, invitedAs)
  }

  /** Offers a link for a further device of this account. @throws ClientError `client.account.no_key` on a child's linked device */
  async offerLink(): Promise<LinkOffering> {
    const { LinkHost } = await import('./identity/link-host.js')
    return new LinkHost(this.#engine, this.#surroundings).offer()
  }

  /** The devices of this account. */
  devices(): Promise<readonly DeviceInfo[]> {
    return listOwnDevices(this.#engine)
  }

  /**
   * Calls a device of this account something else. Only its own devices hear of it, end-to-end encrypted.
   * @throws ClientError `client.device.unknown` | `client.server.unreachable` | ProtocolError `protocol.name.malformed`
   */
  async nameDevice(idOrPrefix: string, name: string): Promise<void> {
    const devices = (await this.devices()).filter(({ isRevoked }) => !isRevoked)
    const self = async (): Promise<ConversationId> => (await this.createSelf()).conversationId
    await nameOwnDevice(this.#engine, { deviceId: oneOf(devices, idOrPrefix).deviceId, name }, devices.length > 1 ? self : undefined)
  }

  /** Shuts a device of this account out: the account's list and the server at once, every conversation with the next commit. @throws ClientError `client.device.*` | `client.account.no_key` */
  async revokeDevice(idOrPrefix: string): Promise<DeviceId> {
    const device = oneOf(await this.devices(), idOrPrefix)
    if (device.isThisDevice) throw new ClientError('client.device.is_self')
    await revokeOwnDevice(this.#engine, device.deviceId)
    await this.sync()
    return device.deviceId
  }

  /** Ends the connection, wipes secrets, closes the store. */
  async close(): Promise<void> {
    this.#engine.connection.close()
    await this.#surroundings.store.exclusive(() => {
      this.#engine.workspace.close()
      return Promise.resolve()
    })
    await this.#surroundings.store.close()
  }
}
