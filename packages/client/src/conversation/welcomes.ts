/**
 * Welcomes: how this device comes into a conversation that others made. The private half of a KeyPackage is deleted in
 * the same transaction that stores the group, and kept when joining fails.
 */
import { bytesKey, equal, isCodedError } from '@famichat/base'
import { Group } from '@famichat/mls'
import { type ConversationId, idToBytes, type WelcomeHeader } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { DeviceLists } from '../identity/device-lists.js'
import { readKeyPackages } from '../identity/key-packages.js'
import type { Connection } from '../net/connection.js'
import { ArchivedRecord, type ConversationRecord, ConversationState, decodeRecord, HistoryKind, IntentKind } from '../store/records.js'
import { readConversationExtension } from './conversation-extension.js'
import { newRecord } from './creating.js'
import type { Delivery } from './delivery.js'
import { encodeHistory, keyBeside, UNKNOWN_ACCOUNT } from './history.js'
import { putIntent } from './intents.js'
import { accountsOf, type MemberDevice, membersOf } from './members.js'
import { sealWaitingAnew } from './outbox.js'
import { isConnectionLoss } from './retry.js'
import { isBroken } from './standing.js'
import { noteAt } from './taking.js'
import type { Turn, Workspace } from './workspace.js'

/** What joining works with. */
export interface WelcomesContext {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly delivery: Delivery
  readonly lists: DeviceLists
}

/** What became of the Welcomes that waited. */
export interface WelcomesTaken {
  readonly joined: readonly ConversationId[]
  /** True when the last-resort KeyPackage was used: it has to be replaced. */
  readonly isLastResortUsed: boolean
  /** Why Welcomes were not taken; their keys are kept, they are tried again. */
  readonly refusals: readonly string[]
}

/** Takes the Welcomes that wait for this device. @throws ProtocolError | ClientError `client.server.unreachable` */
export const takeWelcomes = async (context: WelcomesContext): Promise<WelcomesTaken> => {
  const { connection } = context
  const joined: ConversationId[] = []
  const refusals: string[] = []
  let isLastResortUsed = false
  const { welcomes } = await connection.calls.call('welcomeList', {})
  for (const { welcomeId, conversationId } of welcomes) {
    const { header, welcome } = await connection.calls.call('welcomeRead', { welcomeId })
    try {
      await leaveEarlierPeriod(context, conversationId)
      const taken = await takeJudged(context, header, welcome)
      if (taken === 'later') continue
      if (taken !== 'known') joined.push(conversationId)
      isLastResortUsed ||= taken === 'joinedByLastResort'
      const channel = await connection.channel()
      channel.acknowledgeWelcome(welcomeId)
    } catch (error) {
      if (isConnectionLoss(error) || !isCodedError(error)) throw error
      refusals.push(error.code)
      if (error.code === 'mls.welcome.not_for_me') (await connection.channel()).acknowledgeWelcome(welcomeId)
    }
  }
  return { joined, isLastResortUsed, refusals }
}

/** A device that is welcomed again was removed before: the end of that period comes first. */
const leaveEarlierPeriod = async ({ workspace, delivery }: WelcomesContext, conversationId: ConversationId): Promise<void> => {
  const known = (await workspace.list()).find((conversation) => conversation.conversationId === conversationId)
  if (known?.record.state === ConversationState.active) await delivery.catchUp(conversationId)
}

/** Accounts are met whose device lists are not here yet: they are asked for, once. */
const takeJudged = async ({ workspace, lists }: WelcomesContext, header: WelcomeHeader, welcome: Uint8Array): ReturnType<typeof takeWelcome> => {
  try {
    return await takeWelcome(workspace, header, welcome)
  } catch (error) {
    if (!isCodedError(error) || !(await lists.fetchMissing())) throw error
    return takeWelcome(workspace, header, welcome)
  }
}

const takeWelcome = (
  workspace: Workspace, header: WelcomeHeader, welcome: Uint8Array,
): Promise<'joined' | 'joinedByLastResort' | 'known' | 'later'> => {
  const { conversationId, welcomeId, fromSeq, kind, createdAtMs, senderDevice } = header
  const { groupConfig, identity, psks } = workspace.context
  return workspace.turn('welcome', conversationId, async (turn) => {
    const before = turn.record
    const nowMs = workspace.context.clock.nowMs()
    // a device that got stuck is removed and welcomed again: that is its way back (E3)
    if (before?.welcomeId === welcomeId) return 'known'
    if (before?.state === ConversationState.active && !isBroken(before)) {
      // whoever is in needs no Welcome, unless the log has yet to say that this device was removed: then it waits (S5)
      return fromSeq - 1 > before.cursor ? 'later' : 'known'
    }
    // an earlier period's history must not be written over
    if (before !== undefined && fromSeq - 1 < before.cursor) throw new ClientError('client.message.malformed')
    const keyPackages = await readKeyPackages(workspace.context)
    const { group, keyPackage, inviter: inviterLeaf } = await Group.join({
      config: groupConfig, signer: identity.signer, welcome, keyPackages: keyPackages.map(({ bundle }) => bundle),
    })
    for (const { table, key, value } of psks.takeOpened()) turn.put(table, key, value)
    if (!equal(group.groupId, idToBytes(conversationId))) throw new ClientError('client.message.malformed')
    const inviter = membersOf(group).find(({ leafIndex }) => leafIndex === inviterLeaf)
    const isStranger = await isInvitedByStranger(workspace, { conversationId, turn, inviter })
    const { name, kind: kindInside } = readConversationExtension(group.context.extensions)
    if (kindInside !== kind) throw new ClientError('client.message.malformed')
    turn.adopt({
      ...newRecord({ kind, name }, nowMs), isRegistered: true, cursor: fromSeq - 1, joinedEpoch: group.epoch, welcomeId, latestServerMs: createdAtMs,
    }, group)
    if (before !== undefined) noteAway({ turn, conversationId }, { before, header, epoch: group.epoch, own: identity, nowMs })
    if (before?.isRolledBack === true) await sealWaitingAnew(workspace, conversationId, turn)
    const archived = await workspace.context.store.get('archived', conversationId)
    if (archived !== undefined) {
      const { seq } = decodeRecord(ArchivedRecord, archived)
      turn.put('archived', conversationId, undefined)
      const count = fromSeq - 1 - seq
      if (count > 0) noteAt({ turn, conversationId }, { seq, code: 'client.history.gap', accountId: identity.accountId, deviceId: identity.deviceId, atMs: createdAtMs, epoch: group.epoch, count })
    }
    // where this device was told another course of things, it may have shown something at that position
    turn.put('history', await keyBeside(workspace.context.store, conversationId, fromSeq - 1), encodeHistory({
      kind: HistoryKind.joined, accountId: inviter?.accountId ?? UNKNOWN_ACCOUNT, deviceId: inviter?.deviceId ?? senderDevice, atMs: createdAtMs,
      epoch: group.epoch, epochAuthenticator: group.epochAuthenticator,
    }))
    if (isStranger && inviter !== undefined) {
      noteAt({ turn, conversationId }, { seq: fromSeq - 1, code: 'client.conversation.stranger', ...inviter, atMs: createdAtMs, epoch: group.epoch, count: 1 })
    }
    const used = keyPackages.find(({ bundle }) => bytesKey(bundle.ref) === bytesKey(keyPackage.ref))
    if (used?.isLastResort === true) {
      // others may know its keys from other Welcomes: renew the leaf at once (E19)
      putIntent(workspace, conversationId, turn, { kind: IntentKind.refresh, epoch: group.epoch })
      return 'joinedByLastResort'
    }
    if (used !== undefined) turn.put('keyPackages', used.key, undefined)
    return 'joined'
  })
}

/** A device that was let go after long silence, and is back: for how many days it was away. */
const noteAway = (
  place: { readonly turn: Turn; readonly conversationId: ConversationId },
  { before, header, epoch, own, nowMs }: { readonly before: ConversationRecord; readonly header: WelcomeHeader; readonly epoch: bigint; readonly own: MemberDevice; readonly nowMs: number },
): void => {
  const days = Math.floor((nowMs - before.keptUpAtMs) / DAY_MS)
  if (days < 1 || !(before.isAway || before.stuckCode !== '')) return
  const { accountId, deviceId } = own
  noteAt(place, { seq: header.fromSeq - 1, code: 'client.history.away', accountId, deviceId, atMs: header.createdAtMs, epoch, count: days })
}

const DAY_MS = 24 * 3600 * 1000

/**
 * True when a device comes into a conversation that it knows, and whoever lets it in was not there before: a server could put a
 * group of its own in the place of one that people know, so they are told (S10).
 */
const isInvitedByStranger = async (
  { context: { store, identity } }: Workspace, { conversationId, turn, inviter }: { readonly conversationId: ConversationId; readonly turn: Turn; readonly inviter: MemberDevice | undefined },
): Promise<boolean> => {
  const archived = await store.get('archived', conversationId)
  const before = turn.group === undefined ? archived && decodeRecord(ArchivedRecord, archived).members : accountsOf(membersOf(turn.group))
  if (before === undefined || inviter === undefined) return false
  return inviter.accountId !== identity.accountId && !before.includes(inviter.accountId)
}
