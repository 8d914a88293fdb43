/**
 * Upkeep: what a conversation needs without anybody asking: a registration that was cut off, waiting sends, proposals to
 * commit, revoked devices to remove, new devices of one's own account to add.
 */
import { type AccountId, type ConversationId, FamilyRole } from '@famichat/protocol'
import { PARAMETERS } from '../parameters.js'
import type { People } from '../identity/directory.js'
import { unlistedDevices } from '../identity/stray-devices.js'
import type { Connection } from '../net/connection.js'
import { ConversationState, IntentKind } from '../store/records.js'
import { hasExpiredGuests } from './commit-plan.js'
import { readAcquaintances } from './acquaintances.js'
import type { Commits } from './commits.js'
import type { Delivery } from './delivery.js'
import type { Healing } from './healing.js'
import { devicesOf, putIntent, readIntents, wantDevices } from './intents.js'
import type { Leaving } from './leaving.js'
import type { MemberDevice } from './members.js'
import type { Outbox } from './outbox.js'
import type { Resending } from './resending.js'
import { readOutbox } from './outbox-rows.js'
import { mayCommitProposals } from './pending-proposals.js'
import { isAdmin, type PolicyView, viewOf } from './policy.js'
import { householdOf, rosterGap } from './roster.js'
import { watchSilence } from './silence.js'
import { activePart, isBroken } from './standing.js'
import { readUndo } from './undo.js'
import type { Workspace } from './workspace.js'

/** What upkeep works with. */
export interface UpkeepContext {
  readonly workspace: Workspace
  readonly connection: Connection
  readonly delivery: Delivery
  readonly outbox: Outbox
  readonly commits: Commits
  readonly people: People
  readonly healing: Healing
  readonly resending: Resending
  readonly leaving: Leaving
}

/** How exactly it is known when a conversation was kept up. */
const KEPT_UP_STEP_MS = 3600 * 1000

/** Keeps conversations going. */
export class Upkeep {
  readonly #context: UpkeepContext

  constructor(context: UpkeepContext) {
    this.#context = context
  }

  /** Tells the server of a conversation it does not have yet. */
  async register(conversationId: ConversationId): Promise<void> {
    const { workspace, connection } = this.#context
    const { kind, isRegistered } = await workspace.read(conversationId)
    if (isRegistered) return
    await connection.calls.call('conversationCreate', { conversationId, kind })
    await workspace.turn('create', conversationId, (turn) => {
      turn.update({ isRegistered: true })
      return Promise.resolve()
    })
  }

  /** Does everything that is due in a conversation. @throws ProtocolError | ClientError */
  async keepUp(conversationId: ConversationId): Promise<void> {
    const { workspace, delivery, commits, leaving, connection: { calls } } = this.#context
    if (!calls.reaches(conversationId, 'read') || (await workspace.read(conversationId)).state !== ConversationState.active) return
    await this.register(conversationId)
    await delivery.catchUp(conversationId)
    // who may only read does nobody's work
    if (!calls.reaches(conversationId, 'write')) return
    if (await leaving.finish(conversationId)) return
    await this.#wantRosterChanges(conversationId)
    if (!calls.isNarrowed) await this.#context.healing.help(conversationId)
    await watchSilence(workspace, conversationId)
    await this.#wantRenewal(conversationId)
    await this.#context.resending.settle(conversationId)
    await this.#flush(conversationId)
    await leaving.goOn(conversationId)
    if (await this.isCommitDue(conversationId)) await commits.settle(conversationId)
  }

  /** True when something waits that should not wait for the next sync: a commit, or messages to ask for or say again. */
  async isDue(conversationId: ConversationId): Promise<boolean> {
    if (!this.#context.connection.calls.reaches(conversationId, 'write')) return false
    return await this.isCommitDue(conversationId) || this.#context.resending.isDue(conversationId)
  }

  /** True when something waits for a commit that this device may make. */
  async isCommitDue(conversationId: ConversationId): Promise<boolean> {
    const { workspace } = this.#context
    return workspace.turn('read', conversationId, async ({ group, record }) => {
      if (group === undefined || record?.state !== ConversationState.active || isBroken(record)) return false
      const undo = readUndo(record)
      if (group.pendingCommit !== undefined || undo !== undefined || mayCommitProposals(group, undo)) return true
      if (hasExpiredGuests(viewOf(group, undo), workspace.context.clock.nowMs())) return true
      return !record.isLeaving && (await readIntents(workspace.context.store, conversationId)).length > 0
    })
  }

  /** Keys are renewed by age, by use and after a gap (E20): whoever copied this device is shut out again. */
  #wantRenewal(conversationId: ConversationId): Promise<void> {
    const { workspace } = this.#context
    const nowMs = workspace.context.clock.nowMs()
    return workspace.turn('renewal', conversationId, async (turn) => {
      const part = activePart(turn)
      if (part === undefined) return
      const { group, record } = part
      // a clock that was ahead and was set right says nothing about how long it has been: that counts as long
      const isOfLater = record.keptUpAtMs - nowMs >= KEPT_UP_STEP_MS || record.renewedAtMs - nowMs >= KEPT_UP_STEP_MS
      const hasGap = isOfLater || nowMs - record.keptUpAtMs >= PARAMETERS.renewAfterGapMs
      // until a commit of its own has renewed them
      if (hasGap) turn.update({ renewedAtMs: 0 })
      if (isOfLater || nowMs - record.keptUpAtMs >= KEPT_UP_STEP_MS) turn.update({ keptUpAtMs: nowMs })
      const isDue = hasGap || nowMs - record.renewedAtMs >= PARAMETERS.renewAfterMs || record.sentCount - record.renewedAtCount >= PARAMETERS.renewAfterMessages
      const intents = await readIntents(workspace.context.store, conversationId)
      const isWanted = intents.some(({ record: { kind, epoch } }) => kind === IntentKind.refresh && epoch === group.epoch)
      if (isDue && !isWanted) putIntent(workspace, conversationId, turn, { kind: IntentKind.refresh, epoch: group.epoch })
    })
  }

  /** Revoked devices go (E18), by the account's list or by the server's word; own devices come; a family's conversation follows the household. */
  async #wantRosterChanges(conversationId: ConversationId): Promise<void> {
    const { workspace, people, connection: { calls } } = this.#context
    const { store, identity: { accountId: ownAccount, deviceId: ownDevice } } = workspace.context
    const view = await this.#view(conversationId)
    if (view === undefined || view.undo !== undefined) return
    const intents = await readIntents(store, conversationId)
    const decides = isAdmin(view, ownAccount)
    const { coming, going } = rosterGap({ people, ownAccount, view, unlisted: await unlistedDevices(store, view.members) })
    const isMine = ({ accountId }: MemberDevice): boolean => accountId === ownAccount
    // the directory alone lets nobody in: somebody here has to know them
    const known = coming.every(isMine) ? new Set<AccountId>() : await readAcquaintances(workspace)
    const certified: MemberDevice[] = []
    // a narrowed token gets nobody's KeyPackages
    for (const account of calls.isNarrowed ? [] : people.accounts.filter(({ accountId }) => coming.some((device) => device.accountId === accountId))) {
      if (account.accountId !== ownAccount && !known.has(account.accountId)) continue
      const active = await people.activeDevices(account)
      certified.push(...coming.filter((device) => device.accountId === account.accountId && active.includes(device.deviceId)))
    }
    const wanted = [
      [IntentKind.remove, going.filter((device) => device.deviceId !== ownDevice && (decides || isMine(device)))],
      [IntentKind.add, certified.filter((device) => decides || isMine(device))],
      ...this.#roleChanges(view, { ownAccount, coming: certified }),
    ] as const
    for (const [kind, devices] of wanted) {
      const known = new Set(devicesOf(intents, kind).map(({ deviceId }) => deviceId))
      const fresh = devices.filter(({ deviceId }) => !known.has(deviceId))
      if (fresh.length > 0) await wantDevices(workspace, conversationId, kind, fresh)
    }
  }

  /** The adults of a family decide in its conversation. */
  #roleChanges(
    view: PolicyView, { ownAccount, coming }: { readonly ownAccount: AccountId; readonly coming: readonly MemberDevice[] },
  ): readonly (readonly [typeof IntentKind.appoint | typeof IntentKind.dismiss, readonly MemberDevice[]])[] {
    const household = householdOf({ people: this.#context.people, ownAccount, view })
    if (household === undefined || !isAdmin(view, ownAccount)) return []
    const adults = new Set(household.filter(({ familyRole }) => familyRole !== FamilyRole.child).map(({ accountId }) => accountId))
    const { rules: { admins }, members } = view
    return [
      [IntentKind.appoint, [...members, ...coming].filter(({ accountId }) => adults.has(accountId) && !admins.includes(accountId))],
      [IntentKind.dismiss, members.filter(({ accountId }) => !adults.has(accountId) && admins.includes(accountId))],
    ]
  }

  async #flush(conversationId: ConversationId): Promise<void> {
    const { workspace, outbox } = this.#context
    if ((await readOutbox(workspace.context.store, conversationId)).length > 0) await outbox.flush(conversationId)
  }

  /** The conversation as the policy sees it, unless this device is on its way out or cannot go on. */
  #view(conversationId: ConversationId): Promise<PolicyView | undefined> {
    return this.#context.workspace.turn('read', conversationId, (turn) => {
      const part = activePart(turn)
      return Promise.resolve(part && viewOf(part.group, readUndo(part.record)))
    })
  }
}
