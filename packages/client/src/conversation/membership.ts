/**
 * Membership as a person asks for it: who is in a conversation, who decides, who stays for a while. What the policy does not
 * allow is refused here, before anything is written.
 */
import { type AccountId, ConversationKind, type ConversationId, FamilyRole } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { DirectoryAccount, People } from '../identity/directory.js'
import type { Connection } from '../net/connection.js'
import { IntentKind } from '../store/records.js'
import type { Catalogue, ConversationInfo } from './catalogue.js'
import type { Commits } from './commits.js'
import { hasAdmins, makeRules } from './conversation-extension.js'
import { createConversation } from './creating.js'
import type { Delivery } from './delivery.js'
import type { Healing } from './healing.js'
import { type Intent, putIntent } from './intents.js'
import type { Leaving } from './leaving.js'
import type { MemberDevice } from './members.js'
import { requireActive } from './outbox.js'
import type { Upkeep } from './upkeep.js'
import type { Workspace } from './workspace.js'

/** What membership works with. */
export interface MembershipContext {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly delivery: Delivery
  readonly leaving: Leaving
  readonly commits: Commits
  readonly upkeep: Upkeep
  readonly healing: Healing
  readonly people: People
  readonly catalogue: Catalogue
}

/** For how long somebody is added. */
export interface AddOptions {
  /** A guest: until then, in milliseconds since 1970. */
  readonly untilMs?: number
}

/** Makes conversations, and changes who is in them. */
export class Membership {
  readonly #context: MembershipContext

  constructor(context: MembershipContext) {
    this.#context = context
  }

  /** The direct conversation with a person; it is made if there is none. @throws ClientError `client.member.*` */
  async createDirect(name: string): Promise<ConversationInfo> {
    const account = await this.#findOther(name)
    const existing = await this.#context.catalogue.findDirect(account.accountId)
    return existing ?? this.#create({ kind: ConversationKind.direct, name: '', admins: [this.#own, account.accountId] }, [account])
  }

  /** The conversation of this account's own devices; it is made if there is none. */
  async createSelf(): Promise<ConversationInfo> {
    const existing = (await this.#context.catalogue.list()).find(({ kind, state }) => kind === ConversationKind.self && state === 'active')
    return existing ?? this.#create({ kind: ConversationKind.self, name: '', admins: [this.#own] }, [])
  }

  /** Makes a group; its maker is its admin. @throws ClientError `client.member.*` */
  async createGroup(name: string, members: readonly string[]): Promise<ConversationInfo> {
    const accounts = await this.#context.people.findAll(members)
    for (const account of accounts) this.#requireOther(account)
    return this.#create({ kind: ConversationKind.group, name, admins: [this.#own] }, accounts)
  }

  /** The conversation of this account's family; it is made if there is none, and follows the household. @throws ClientError `client.family.not_adult` */
  async createFamily(): Promise<ConversationInfo> {
    const { catalogue, people } = this.#context
    const existing = (await catalogue.list()).find(({ kind, state }) => kind === ConversationKind.family && state === 'active')
    if (existing !== undefined) return existing
    const own = people.accounts.find(({ accountId }) => accountId === this.#own)
    if (own === undefined || own.familyRole === FamilyRole.child) throw new ClientError('client.family.not_adult')
    const { familyId } = own
    const name = people.families.find((family) => family.familyId === familyId)?.familyName ?? ''
    const household = people.accounts.filter((account) => account.familyId === familyId && account.accountId !== this.#own && !account.isEnded)
    const reachable: DirectoryAccount[] = []
    await people.follow(household)
    for (const account of household) if ((await people.activeDevices(account)).length > 0) reachable.push(account)
    const adults = household.filter(({ familyRole }) => familyRole !== FamilyRole.child).map(({ accountId }) => accountId)
    return this.#create({ kind: ConversationKind.family, name, familyId, admins: [this.#own, ...adults] }, reachable)
  }

  /** Adds a person with all devices, for good or for a while. @throws ClientError `client.member.*` | `client.conversation.*` | `client.guest.past` */
  async add(conversationId: ConversationId, name: string, { untilMs }: AddOptions = {}): Promise<ConversationInfo> {
    const { workspace, people, delivery, catalogue } = this.#context
    const account = await people.find(name)
    if (untilMs !== undefined && untilMs <= workspace.context.clock.nowMs()) throw new ClientError('client.guest.past')
    await delivery.catchUp(conversationId)
    const { kind, members, isAdmin } = await catalogue.info(conversationId)
    if (kind === ConversationKind.direct) throw new ClientError('client.conversation.direct')
    const member = members.find(({ accountId }) => accountId === account.accountId)
    if (!isAdmin && (member === undefined || untilMs !== undefined)) throw new ClientError('client.member.not_admin')
    const present = new Set(members.flatMap(({ deviceIds }) => deviceIds))
    const devices = await this.#devicesOf(account)
    const missing = devices.filter(({ deviceId }) => !present.has(deviceId))
    if (untilMs !== undefined) await this.#want(conversationId, { kind: IntentKind.guest, devices, atMs: untilMs })
    else if (missing.length === 0) throw new ClientError('client.member.already_in')
    else await this.#want(conversationId, { kind: IntentKind.add, devices: missing })
    const info = await catalogue.info(conversationId)
    if (!info.members.some(({ accountId }) => accountId === account.accountId)) throw new ClientError('client.member.unreachable')
    return info
  }

  /** Removes a person with all devices: what is sent from then on they cannot read. @throws ClientError `client.member.*` | `client.conversation.*` */
  async remove(conversationId: ConversationId, name: string): Promise<ConversationInfo> {
    const account = await this.#findOther(name)
    const { kind, isAdmin } = await this.#caughtUp(conversationId)
    if (kind === ConversationKind.direct) throw new ClientError('client.conversation.direct')
    const devices = await this.#membersDevices(conversationId, account.accountId)
    if (!isAdmin) throw new ClientError('client.member.not_admin')
    return this.#want(conversationId, { kind: IntentKind.remove, devices })
  }

  /** Lets a member decide on members too. @throws ClientError `client.member.*` | `client.conversation.*` */
  async appoint(conversationId: ConversationId, name: string): Promise<ConversationInfo> {
    const account = await this.#context.people.find(name)
    await this.#requireRuling(conversationId)
    return this.#want(conversationId, { kind: IntentKind.appoint, devices: await this.#membersDevices(conversationId, account.accountId) })
  }

  /** Takes that from an admin again; one stays. @throws ClientError `client.member.*` | `client.conversation.*` */
  async dismiss(conversationId: ConversationId, name: string): Promise<ConversationInfo> {
    const account = await this.#context.people.find(name)
    const { members } = await this.#requireRuling(conversationId)
    const others = members.filter(({ isAdmin, accountId }) => isAdmin && accountId !== account.accountId)
    if (others.length === 0) throw new ClientError('client.member.last_admin')
    return this.#want(conversationId, { kind: IntentKind.dismiss, devices: await this.#membersDevices(conversationId, account.accountId) })
  }

  /** Asks to be let go; it takes effect when another member is online, or at once where none is left who could be. The last admin makes another one first. */
  async leave(conversationId: ConversationId): Promise<void> {
    const { upkeep, people, leaving } = this.#context
    this.#requireWhole()
    await upkeep.register(conversationId)
    const { kind, members, isAdmin } = await this.#caughtUp(conversationId)
    const ended = new Set(people.accounts.filter(({ isEnded }) => isEnded).map(({ accountId }) => accountId))
    const others = members.filter(({ accountId, guestUntilMs }) => accountId !== this.#own && guestUntilMs === undefined && !ended.has(accountId))
    const isLast = isAdmin && hasAdmins(kind) && !others.some((member) => member.isAdmin)
    const [heir] = others
    if (isLast && heir !== undefined) await this.#want(conversationId, { kind: IntentKind.appoint, devices: await this.#membersDevices(conversationId, heir.accountId) })
    await leaving.begin(conversationId)
  }

  /** Asks to be let in again, where this device was let go for its silence or against the rules. @throws ClientError `client.member.not_away` */
  async comeBack(conversationId: ConversationId): Promise<ConversationInfo> {
    const { workspace, healing, catalogue } = this.#context
    if (!(await workspace.read(conversationId)).isAway) throw new ClientError('client.member.not_away')
    await healing.askIfBroken(conversationId)
    return catalogue.info(conversationId)
  }

  get #own(): AccountId {
    return this.#context.workspace.context.identity.accountId
  }

  /** Members are changed with whole tokens only: others' KeyPackages are out of every scope. @throws ClientError `client.scope.refused` */
  #requireWhole(): void {
    if (this.#context.connection.calls.isNarrowed) throw new ClientError('client.scope.refused')
  }

  async #requireRuling(conversationId: ConversationId): Promise<ConversationInfo> {
    const info = await this.#caughtUp(conversationId)
    if (!hasAdmins(info.kind)) throw new ClientError('client.conversation.direct')
    if (!info.isAdmin) throw new ClientError('client.member.not_admin')
    return info
  }

  async #caughtUp(conversationId: ConversationId): Promise<ConversationInfo> {
    await this.#context.delivery.catchUp(conversationId)
    return this.#context.catalogue.info(conversationId)
  }

  async #membersDevices(conversationId: ConversationId, accountId: AccountId): Promise<readonly MemberDevice[]> {
    const member = (await this.#context.catalogue.info(conversationId)).members.find((known) => known.accountId === accountId)
    if (member === undefined) throw new ClientError('client.member.not_in')
    return member.deviceIds.map((deviceId) => ({ accountId, deviceId }))
  }

  async #findOther(name: string): Promise<DirectoryAccount> {
    const account = await this.#context.people.find(name)
    this.#requireOther(account)
    return account
  }

  #requireOther({ accountId }: DirectoryAccount): void {
    if (accountId === this.#own) throw new ClientError('client.member.is_self')
  }

  async #devicesOf(account: DirectoryAccount): Promise<readonly MemberDevice[]> {
    const devices = await this.#context.people.activeDevices(account)
    if (devices.length === 0) throw new ClientError('client.member.unreachable')
    return devices.map((deviceId) => ({ accountId: account.accountId, deviceId }))
  }

  async #want(conversationId: ConversationId, intent: Intent): Promise<ConversationInfo> {
    const { workspace, commits, catalogue } = this.#context
    this.#requireWhole()
    await workspace.turn('intent', conversationId, (turn) => {
      requireActive(turn)
      putIntent(workspace, conversationId, turn, intent)
      return Promise.resolve()
    })
    await commits.settle(conversationId)
    return catalogue.info(conversationId)
  }

  async #create(rules: Parameters<typeof makeRules>[0], accounts: readonly DirectoryAccount[]): Promise<ConversationInfo> {
    const { workspace, upkeep, commits, people, catalogue } = this.#context
    this.#requireWhole()
    const { identity } = workspace.context
    const devices: MemberDevice[] = []
    await people.follow(accounts)
    for (const account of accounts) devices.push(...await this.#devicesOf(account))
    const own = people.accounts.find(({ accountId }) => accountId === identity.accountId)
    const siblings = own === undefined ? [] : await people.activeDevices(own)
    for (const deviceId of siblings) if (deviceId !== identity.deviceId) devices.push({ accountId: identity.accountId, deviceId })
    const conversationId = await createConversation(workspace, makeRules(rules), devices)
    await upkeep.register(conversationId)
    await commits.settle(conversationId)
    return catalogue.info(conversationId)
  }
}
