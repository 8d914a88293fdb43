/**
 * Commits: what is wanted and what is proposed becomes one commit on the epoch that is now. A lost race discards it,
 * takes the winner, and makes it anew, with back-off and an end (E1, E2).
 */
import { PARAMETERS } from '../parameters.js'
import { isCodedError } from '@famichat/base'
import { decodeKeyPackage, type Group, ProposalType, type StagedCommit } from '@famichat/mls'
import { type AccountId, type ConversationId, type DeviceId, makeId, type MessageId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { unlistedDevices } from '../identity/stray-devices.js'
import { bindFirst } from '../identity/invite-secrets.js'
import { certificateOf } from '../identity/trust.js'
import type { Connection } from '../net/connection.js'
import { CommitRecord, ConversationState, decodeRecord, encodeRecord, IntentKind } from '../store/records.js'
import { type Claims, type CommitPlan, planCommit } from './commit-plan.js'
import { readConversationExtension, rulesBeside } from './conversation-extension.js'
import type { Delivery } from './delivery.js'
import { devicesOf, readIntents } from './intents.js'
import { deviceOfLeaf, membersOf } from './members.js'
import { makeHead, markForked } from './outbox.js'
import { noteAt } from './taking.js'
import { mayCommitProposals, removedByProposals } from './pending-proposals.js'
import { readUndo } from './undo.js'
import { backOffMs, retryLimited, type Sleep } from './retry.js'
import type { Turn, Workspace } from './workspace.js'

/** What committing works with. */
export interface CommitsContext {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly delivery: Delivery
  readonly sleep: Sleep
}

/** What became of the wanted changes. */
export interface Settled {
  /** Devices that have no KeyPackages left, so that nobody can add them. */
  readonly unreachable: readonly DeviceId[]
}

/** A race lost more often than this is shown (E3). */
const MAX_ATTEMPTS = PARAMETERS.commitAttempts

/** Makes a conversation what it is wanted to be. */
export class Commits {
  readonly #context: CommitsContext

  constructor(context: CommitsContext) {
    this.#context = context
  }

  /**
   * Commits what is wanted or proposed, until nothing is.
   * @throws ClientError `client.conversation.busy` | `client.member.changed` | `client.server.unreachable` | ProtocolError
   */
  async settle(conversationId: ConversationId): Promise<Settled> {
    const { workspace: { context: { random, onPoint } }, connection, delivery, sleep } = this.#context
    const claims: Claims = new Map()
    let lost = 0
    for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      await delivery.catchUp(conversationId)
      await this.#claimMissing(conversationId, claims)
      const staged = await this.#stage(conversationId, claims)
      if (staged === undefined) return { unreachable: [...claims].filter(([, claim]) => claim === 'none').map(([deviceId]) => deviceId) }
      try {
        await retryLimited(sleep, () => connection.calls.call('conversationCommit', { conversationId, groupInfo: undefined, ...staged }))
        onPoint('commit.accepted')
      } catch (error) {
        if (!(await this.#mendRefusal(conversationId, error))) throw error
        if (isCodedError(error, 'protocol.epoch.conflict') && ++lost === PARAMETERS.commitWarnAttempts) await this.#noteOutrun(conversationId)
        await sleep(backOffMs(random, attempt))
      }
    }
    throw new ClientError('client.conversation.busy')
  }

  /** Others were faster again and again: by chance, or because the server wants it so, and a member whose keys are old must know (RFC 9420 §16.9). */
  #noteOutrun(conversationId: ConversationId): Promise<void> {
    const { workspace } = this.#context
    const { identity: { accountId, deviceId }, clock } = workspace.context
    return workspace.turn('outrun', conversationId, (turn) => {
      noteAt({ turn, conversationId }, {
        seq: turn.record?.cursor ?? 0, code: 'client.change.outrun', accountId, deviceId, atMs: clock.nowMs(), epoch: turn.group?.epoch ?? 0n, count: 1,
      })
      return Promise.resolve()
    })
  }

  /** Claims KeyPackages for devices that are wanted and not there. */
  async #claimMissing(conversationId: ConversationId, claims: Claims): Promise<void> {
    const { workspace } = this.#context
    const intents = await readIntents(workspace.context.store, conversationId)
    const again = devicesOf(intents, IntentKind.readd)
    const owed = readUndo(await workspace.read(conversationId))?.removed ?? []
    const wanted = [...devicesOf(intents, IntentKind.add), ...devicesOf(intents, IntentKind.guest), ...owed, ...again]
    if (wanted.length === 0) return
    const isAgain = new Set(again.map(({ deviceId }) => deviceId))
    const present = await workspace.turn('read', conversationId, ({ group }) =>
      Promise.resolve(new Set(group === undefined ? [] : membersOf(group).map(({ deviceId }) => deviceId))))
    const missing = wanted.filter(({ deviceId }) => present.has(deviceId) === isAgain.has(deviceId) && !claims.has(deviceId))
    for (const accountId of new Set(missing.map((device) => device.accountId))) {
      const deviceIds = missing.filter((device) => device.accountId === accountId).map(({ deviceId }) => deviceId)
      try {
        await this.#claim(accountId, [...new Set(deviceIds)], claims)
      } catch (error) {
        if (isCodedError(error, 'client.member.changed')) await this.#giveUpAdding(conversationId, accountId)
        throw error
      }
    }
  }

  /** Nobody is added under an identity that is in doubt, now or later, unless it is asked for again. */
  #giveUpAdding(conversationId: ConversationId, accountId: AccountId): Promise<void> {
    const { workspace } = this.#context
    return workspace.turn('intent', conversationId, async (turn) => {
      for (const { key, record } of await readIntents(workspace.context.store, conversationId)) {
        const isAdding = record.kind === IntentKind.add || record.kind === IntentKind.guest
        if (isAdding && record.devices.some((device) => device.accountId === accountId)) turn.put('intents', key, undefined)
      }
    })
  }

  async #claim(accountId: AccountId, deviceIds: readonly DeviceId[], claims: Claims): Promise<void> {
    const { connection, sleep } = this.#context
    for (const deviceId of deviceIds) claims.set(deviceId, 'none')
    let answer
    try {
      answer = await retryLimited(sleep, () => connection.calls.call('keyPackageClaim', { accountId, deviceIds }))
    } catch (error) {
      // a device that was revoked meanwhile: nobody can add it
      if (isCodedError(error, 'protocol.access.refused')) return
      throw error
    }
    for (const { deviceId, keyPackage: message } of answer.claimed) {
      const keyPackage = decodeKeyPackage(message)
      const certificate = certificateOf(keyPackage.leafNode.credential)
      // the server gave the KeyPackage of somebody else (E14)
      const { context: { store, trust } } = this.#context.workspace
      const isItsOwn = certificate.accountId === accountId && certificate.deviceId === deviceId && deviceIds.includes(deviceId) && await trust.vouches(certificate)
      if (!isItsOwn) throw new ClientError('client.member.changed')
      // its account has revoked it since it was wanted
      if ((await unlistedDevices(store, [{ accountId, deviceId }])).has(deviceId)) continue
      claims.set(deviceId, keyPackage)
    }
  }

  /** Stages a commit and writes it, or finds the one that waits; undefined when nothing is left to do. */
  #stage(conversationId: ConversationId, claims: Claims): Promise<CommitRecord | undefined> {
    const { workspace } = this.#context
    return workspace.turn('commit', conversationId, async (turn) => {
      const { group, record } = turn
      if (group === undefined || record?.state !== ConversationState.active || !record.isRegistered) return undefined
      if (record.isRolledBack) throw new ClientError('client.profile.rolled_back')
      if (record.stuckCode !== '') throw new ClientError('client.conversation.stuck', { reason: record.stuckCode })
      const { store, random } = workspace.context
      if (group.pendingCommit !== undefined) {
        const stored = await store.get('commits', conversationId)
        if (stored !== undefined) return decodeRecord(CommitRecord, stored)
        group.discard(group.pendingCommit)
      }
      const intents = await readIntents(store, conversationId)
      const undo = readUndo(record)
      if (removedByProposals(group, undo).has(group.ownLeaf)) return undefined
      const planned = planCommit({ group, undo, intents, claims, nowMs: workspace.context.clock.nowMs() })
      const plan = { ...planned, proposals: await bindFirst(store, group, planned.proposals) }
      const isRefreshDue = intents.some((intent) => intent.record.kind === IntentKind.refresh && intent.record.epoch === group.epoch)
      if (plan.proposals.length === 0 && !isRefreshDue && !mayCommitProposals(group, undo)) {
        for (const { key } of intents) turn.put('intents', key, undefined)
        return undefined
      }
      const { epoch } = group
      const authenticatedData = await makeHead(workspace, group, { conversationId, number: 0, lastSeq: record.cursor })
      const { commit, welcome, staged } = await commitWithPending(group, plan, authenticatedData)
      const leaves = new Map(group.members.map(({ leafIndex, leafNode }) => [leafIndex, leafNode]))
      const made: CommitRecord = {
        messageId: makeId<MessageId>(random),
        epoch,
        commit,
        welcome,
        added: staged.added.map(({ keyPackage }) => deviceOfLeaf(keyPackage.leafNode).deviceId),
        guests: guestsAfter(group, staged),
        removed: staged.removed.flatMap((leafIndex) => leaves.get(leafIndex) ?? []).map((leafNode) => deviceOfLeaf(leafNode).deviceId),
      }
      for (const { table, key, value } of workspace.context.psks.takeSpent()) turn.put(table, key, value)
      turn.put('commits', conversationId, encodeRecord(CommitRecord, made))
      return made
    })
  }

  /** @returns false when trying again would not help */
  async #mendRefusal(conversationId: ConversationId, error: unknown): Promise<boolean> {
    if (isCodedError(error, 'protocol.epoch.conflict')) return true
    if (isCodedError(error, 'protocol.epoch.unknown')) await markForked(this.#context.workspace, conversationId)
    const isMade = isCodedError(error, 'protocol.roster.refused') || isCodedError(error, 'protocol.message.malformed')
    if (!isMade && !isCodedError(error, 'protocol.access.refused')) return false
    await this.#context.workspace.turn('discard', conversationId, (turn) => {
      discardPending(turn, conversationId)
      return Promise.resolve()
    })
    // not in it any more: the log says so at the next turn
    return isMade
  }
}

const discardPending = (turn: Turn, conversationId: ConversationId): void => {
  if (turn.group?.pendingCommit !== undefined) turn.group.discard(turn.group.pendingCommit)
  turn.put('commits', conversationId, undefined)
}

/** Devices of guests after a commit, and until when: the server delivers nothing to them from then on. */
const guestsAfter = (group: Group, { proposals, added, removed }: StagedCommit): CommitRecord['guests'] => {
  const { extensions } = group.context
  const rules = proposals.flatMap(({ proposal }) => (proposal.proposalType === ProposalType.groupContextExtensions ? rulesBeside(proposal.extensions, extensions) ?? [] : []))
  const { guests } = rules[0] ?? readConversationExtension(extensions)
  if (guests.length === 0) return []
  const staying = membersOf(group).filter(({ leafIndex }) => !removed.includes(leafIndex))
  const devices = [...staying, ...added.map(({ keyPackage }) => deviceOfLeaf(keyPackage.leafNode))]
  return devices.flatMap(({ accountId, deviceId }) => guests.filter((guest) => guest.accountId === accountId).map(({ untilMs }) => ({ deviceId, untilMs })))
}

/**
 * Takes what is proposed along, as far as the policy allows. When that cannot be committed, it is left out: no member keeps the
 * others from going on, and who still wants to leave says so again.
 */
const commitWithPending = async (group: Group, { proposals, isTaken }: CommitPlan, authenticatedData: Uint8Array): ReturnType<Group['commit']> => {
  try {
    return await group.commit({ proposals, withPending: isTaken, authenticatedData })
  } catch (error) {
    if (!isCodedError(error) || group.pendingProposals.length === 0) throw error
  }
  return group.commit({ proposals, withPending: false, authenticatedData })
}
