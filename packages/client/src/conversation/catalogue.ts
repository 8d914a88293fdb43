/**
 * The list of conversations as people know them: by name, or by the other person of a direct one.
 */
import { EMPTY } from '@famichat/base'
import { type Group, ProposalType } from '@famichat/mls'
import { type AccountId, ConversationKind, type ConversationId, type DeviceId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { People } from '../identity/directory.js'
import { headCode } from '../identity/safety-number.js'
import { ArchivedRecord, type ConversationRecord, ConversationState, decodeRecord } from '../store/records.js'
import { hasAdmins } from './conversation-extension.js'
import { devicesByAccount } from './members.js'
import { deciding, type PolicyView, viewOf } from './policy.js'
import { rosterGap } from './roster.js'
import { readUndo } from './undo.js'
import type { Workspace } from './workspace.js'

/** A person in a conversation. */
export interface ConversationMember {
  readonly accountId: AccountId
  readonly name: string
  readonly deviceIds: readonly DeviceId[]
  /** Whether this person decides on members; of a direct conversation nobody does. */
  readonly isAdmin: boolean
  /** Of a guest: until when, in milliseconds since 1970. */
  readonly guestUntilMs?: number
}

/** A conversation as this device sees it. */
export interface ConversationInfo {
  readonly conversationId: ConversationId
  readonly kind: ConversationKind
  /** Its name; of a direct conversation the other person's. */
  readonly name: string
  /** `ended` when this device is not in it any more, `stuck` when it cannot follow, `archived` when it is known from an archive only. */
  readonly state: 'active' | 'leaving' | 'ended' | 'stuck' | 'archived'
  /** True when it ended because this device was away for long: it has asked to be let in again. */
  readonly isAway: boolean
  readonly members: readonly ConversationMember[]
  readonly epoch: bigint
  /** Equal on all devices that agree on everything; empty when ended. */
  readonly epochAuthenticator: Uint8Array
  /** 30 digits to read to each other in one room: the same on all devices that agree on everything; empty when ended. */
  readonly headCode: string
  /** The last log entry taken. */
  readonly seq: number
  /** Proposals that wait for somebody's commit. */
  readonly pendingRemovals: number
  /** Whether this account decides on members. */
  readonly isAdmin: boolean
  /** Devices of the people here that are not in yet, or not out yet: an admin's client sees to it when it is online. */
  readonly waitingDevices: number
  /** True while somebody's forbidden change has to be put right: until then nothing is sent. */
  readonly isDisturbed: boolean
}

const SHORTEST_ID = 6

/** Lists and finds conversations. */
export class Catalogue {
  readonly #workspace: Workspace
  readonly #people: People

  constructor(workspace: Workspace, people: People) {
    this.#workspace = workspace
    this.#people = people
  }

  async list(): Promise<readonly ConversationInfo[]> {
    const infos: ConversationInfo[] = []
    for (const { conversationId } of await this.#workspace.list()) infos.push(await this.info(conversationId))
    for (const { key } of await this.#workspace.context.store.list('archived', { prefix: '' })) infos.push(await this.#archived(key as ConversationId))
    return infos
  }

  /** @throws ClientError `client.conversation.unknown` */
  async info(conversationId: ConversationId): Promise<ConversationInfo> {
    if (await this.#workspace.isArchived(conversationId)) return this.#archived(conversationId)
    const { record, seen } = await this.#workspace.turn('read', conversationId, (turn) => {
      if (turn.record === undefined || turn.group === undefined) throw new ClientError('client.conversation.unknown')
      return Promise.resolve({ record: turn.record, seen: this.#lookAt(turn.record, turn.group) })
    })
    const roleOf = rolesOf(seen.view)
    const members = await Promise.all([...devicesByAccount(seen.members)].map(async ([accountId, deviceIds]): Promise<ConversationMember> => ({
      accountId, name: await this.#people.nameOf(accountId), deviceIds, ...roleOf(accountId),
    })))
    const { members: _, view: __, ...rest } = seen
    return { conversationId, kind: record.kind, name: await this.#nameOf(record, { members, view: seen.view }), state: stateOf(record), isAway: record.isAway && record.state === ConversationState.ended, seq: record.cursor, ...rest, members }
  }

  /**
   * Finds by name, id or the beginning of an id. A person's name finds their direct conversation, whatever groups are called.
   * @throws ClientError `client.conversation.unknown` | `client.conversation.ambiguous`
   */
  async find(nameOrId: string): Promise<ConversationInfo> {
    const all = await this.list()
    const byId = all.filter(({ conversationId }) => conversationId === nameOrId || (nameOrId.length >= SHORTEST_ID && conversationId.startsWith(nameOrId)))
    const name = fold(nameOrId)
    const byName = all.filter((info) => fold(info.name) === name)
    const found = byId.length > 0 ? byId : byName
    const running = found.filter(({ state }) => state !== 'ended' && state !== 'archived')
    const candidates = running.length > 0 ? running : found
    const [only, ...others] = candidates
    if (only === undefined) throw new ClientError('client.conversation.unknown')
    if (byId.length === 0) {
      // names of groups are anybody's choice: none takes what is meant for the person who is called so
      const [direct, ...further] = candidates.filter(({ kind }) => kind === ConversationKind.direct)
      if (direct !== undefined && further.length === 0) return direct
      if (direct === undefined && await this.#people.isSomebodyElse(nameOrId)) throw new ClientError('client.conversation.ambiguous', { conversations: found.length })
    }
    if (others.length > 0) throw new ClientError('client.conversation.ambiguous', { conversations: others.length + 1 })
    return only
  }

  /** The running direct conversation with a person, or the one that an archive knows of, if there is one. */
  async findDirect(accountId: AccountId): Promise<ConversationInfo | undefined> {
    return (await this.list()).find(({ kind, state, members }) =>
      kind === ConversationKind.direct && (state === 'active' || state === 'archived') && members.some((member) => member.accountId === accountId))
  }

  async #archived(conversationId: ConversationId): Promise<ConversationInfo> {
    const stored = await this.#workspace.context.store.get('archived', conversationId)
    if (stored === undefined) throw new ClientError('client.conversation.unknown')
    const { kind, name, members, seq } = decodeRecord(ArchivedRecord, stored)
    return {
      conversationId, kind, name, seq, state: 'archived', isAway: false, epoch: 0n, epochAuthenticator: EMPTY, headCode: '', pendingRemovals: 0, isAdmin: false, waitingDevices: 0, isDisturbed: false,
      members: await Promise.all(members.map(async (accountId) => ({ accountId, name: await this.#people.nameOf(accountId), deviceIds: [], isAdmin: false }))),
    }
  }

  #lookAt(record: ConversationRecord, group: Group) {
    const { suite, identity: { accountId } } = this.#workspace.context
    const isIn = group.status === 'active'
    const view = viewOf(group, readUndo(record))
    const { coming, going } = rosterGap({ people: this.#people, ownAccount: accountId, view })
    return {
      view,
      members: view.members,
      epoch: group.epoch,
      epochAuthenticator: isIn ? group.epochAuthenticator : EMPTY,
      headCode: isIn ? headCode(suite, group.groupId, group.epochAuthenticator) : '',
      pendingRemovals: group.pendingProposals.filter(({ proposal }) => proposal.proposalType === ProposalType.remove).length,
      isAdmin: isIn && rolesOf(view)(accountId).isAdmin,
      waitingDevices: isIn ? coming.length + going.length : 0,
      isDisturbed: isIn && view.undo !== undefined,
    }
  }

  /** A direct conversation bears the other person's name, also when their account was ended and they are not in it any more. */
  async #nameOf(record: ConversationRecord, { members, view }: { readonly members: readonly ConversationMember[]; readonly view: PolicyView }): Promise<string> {
    if (record.name !== '') return record.name
    const { accountId: own } = this.#workspace.context.identity
    const present = members.find(({ accountId }) => accountId !== own)
    if (present !== undefined) return present.name
    const gone = record.kind === ConversationKind.direct ? view.rules.admins.find((accountId) => accountId !== own) : undefined
    return gone === undefined ? members[0]?.name ?? '' : this.#people.nameOf(gone)
  }
}

const fold = (name: string): string => name.normalize('NFKC').trim().toLowerCase()

const stateOf = ({ state, isLeaving, stuckCode }: ConversationRecord): ConversationInfo['state'] => {
  if (state === ConversationState.ended) return 'ended'
  if (stuckCode !== '') return 'stuck'
  return isLeaving ? 'leaving' : 'active'
}

const rolesOf = (view: PolicyView): ((accountId: AccountId) => Pick<ConversationMember, 'isAdmin' | 'guestUntilMs'>) => {
  const { kind, guests } = view.rules
  const decides = deciding(view)
  return (accountId) => {
    const guest = guests.find((known) => known.accountId === accountId)
    return { isAdmin: hasAdmins(kind) && decides(accountId), ...(guest === undefined ? {} : { guestUntilMs: guest.untilMs }) }
  }
}
