/**
 * What this device puts into its next commit: what has to be put right, what is wanted, what others proposed; of all that
 * only what the policy allows, as every member would judge it. Pure.
 */
import { equal } from '@famichat/base'
import { type Group, type KeyPackage, makeAdd, makeGroupContextExtensions, makeRemove, type Proposal, type SentProposal } from '@famichat/mls'
import type { AccountId, DeviceId } from '@famichat/protocol'
import { IntentKind } from '../store/records.js'
import { type ConversationRules, encodeRules, hasAdmins, withRules } from './conversation-extension.js'
import { devicesOf, type StoredIntent } from './intents.js'
import type { MemberDevice, PlacedDevice } from './members.js'
import { isAdmin, isAllowed, isRestoring, judge, mustGo, type PolicyView, type Undo, viewOf } from './policy.js'
import { removedByProposals } from './pending-proposals.js'

/** KeyPackages that were claimed; they stay good when a race is lost. */
export type Claims = Map<DeviceId, KeyPackage | 'none'>

/** What a commit is made for. */
export interface PlanRequest {
  readonly group: Group
  readonly undo: Undo | undefined
  readonly intents: readonly StoredIntent[]
  readonly claims: Claims
  readonly nowMs: number
}

/** Proposals by value, and which of the pending ones go along. */
export interface CommitPlan {
  readonly proposals: readonly Proposal[]
  readonly isTaken: (sent: SentProposal) => boolean
}

/** Guests whose time is over. */
export const expiredGuests = ({ guests }: ConversationRules, nowMs: number): ReadonlySet<AccountId> =>
  new Set(guests.filter(({ untilMs }) => untilMs <= nowMs).map(({ accountId }) => accountId))

/** True when a guest's time is over and nobody has let the guest go yet. */
export const hasExpiredGuests = ({ rules, members }: Pick<PolicyView, 'rules' | 'members'>, nowMs: number): boolean => {
  const expired = expiredGuests(rules, nowMs)
  return members.some(({ accountId }) => expired.has(accountId))
}

/** Plans a commit. */
export const planCommit = (request: PlanRequest): CommitPlan => {
  const view = viewOf(request.group, request.undo)
  const isTaken = (sent: SentProposal): boolean => isAllowed(judge(view, [sent]))
  const wanted = request.undo === undefined ? wantedProposals(request, view) : undoing(request, view, request.undo)
  const own = { senderType: 1, leafIndex: request.group.ownLeaf } as const
  const judged = judge(view, wanted.map((proposal): SentProposal => ({ proposal, sender: own, reference: undefined })))
  return { proposals: judged.filter(({ offence }) => offence === undefined).map(({ sent }) => sent.proposal), isTaken }
}

/** Those who came in go, those who were put out come or count as away, and the rules are as they were. */
const undoing = ({ group, claims, nowMs }: PlanRequest, view: PolicyView, undo: Undo): readonly Proposal[] => {
  const { members, extensions } = view
  const going = members.filter((device) => undo.added.includes(device.deviceId) || mustGo(undo, device))
  const present = new Set(members.map(({ deviceId }) => deviceId))
  const owed = undo.removed.filter(({ deviceId }) => !present.has(deviceId))
  const adds = addsOf(owed, claims)
  const away = owed.filter(({ deviceId }) => !adds.has(deviceId)).map((device) => ({ ...device, sinceMs: nowMs }))
  const kept = undo.rules.away.filter(({ deviceId }) => !away.some((device) => device.deviceId === deviceId))
  const after = withRules(undo.extensions, { ...undo.rules, away: [...kept, ...away] })
  return [...removesOf(group, view, going), ...adds.values(), ...isRestoring({ ...undo, removed: [] }, extensions) && away.length === 0 ? [] : [makeGroupContextExtensions(after)]]
}

const wantedProposals = ({ group, intents, claims, nowMs }: PlanRequest, view: PolicyView): readonly Proposal[] => {
  const { rules, members, extensions } = view
  const present = new Set(members.map(({ deviceId }) => deviceId))
  const evicted = intents.filter(({ record }) => record.kind === IntentKind.evict)
  const unwanted = new Set([...devicesOf(intents, IntentKind.remove), ...devicesOf(evicted, IntentKind.evict)].map(({ deviceId }) => deviceId))
  const expired = expiredGuests(rules, nowMs)
  const guests = devicesOf(intents, IntentKind.guest)
  const wanted = [...devicesOf(intents, IntentKind.add), ...guests].filter(({ deviceId }) => !present.has(deviceId) && !unwanted.has(deviceId))
  const adds = addsOf(wanted, claims)
  // a broken device comes back on a new leaf: out and in with one commit (E3)
  const again = addsOf(devicesOf(intents, IntentKind.readd).filter(({ deviceId }) => present.has(deviceId) && !unwanted.has(deviceId)), claims)
  const going = members.filter(({ accountId, deviceId }) => unwanted.has(deviceId) || again.has(deviceId) || expired.has(accountId))
  const leaving = removedByProposals(group, view.undo)
  const gone = new Set([...going.filter(({ deviceId }) => !again.has(deviceId)), ...members.filter(({ leafIndex }) => leaving.has(leafIndex))].map(({ deviceId }) => deviceId))
  const ownAccount = members.find(({ leafIndex }) => leafIndex === group.ownLeaf)?.accountId
  const mayRule = ownAccount !== undefined && isAdmin(view, ownAccount)
  const after = mayRule ? rulesAfter(view, intents, { gone, added: wanted.filter(({ deviceId }) => adds.has(deviceId)) }) : rules
  const ruling = equal(encodeRules(rules), encodeRules(after)) ? [] : [makeGroupContextExtensions(withRules(extensions, after))]
  return [...removesOf(group, view, going), ...adds.values(), ...again.values(), ...ruling]
}

/** The rules with what is wanted of them, and without those who are gone. */
const rulesAfter = (
  { rules, members }: PolicyView, intents: readonly StoredIntent[], { gone, added }: { readonly gone: ReadonlySet<DeviceId>; readonly added: readonly MemberDevice[] },
): ConversationRules => {
  const records = intents.map(({ record }) => record)
  const staying: readonly MemberDevice[] = [...members.filter(({ deviceId }) => !gone.has(deviceId)), ...added]
  const accounts = new Set(staying.map(({ accountId }) => accountId))
  const accountOf = (kind: (typeof IntentKind)[keyof typeof IntentKind]): readonly AccountId[] => devicesOf(intents, kind).map(({ accountId }) => accountId)
  const dismissed = accountOf(IntentKind.dismiss)
  const admins = [...new Set([...rules.admins, ...accountOf(IntentKind.appoint)])].filter((admin) => accounts.has(admin) && !dismissed.includes(admin))
  const invited = records.filter(({ kind, devices }) => kind === IntentKind.guest && devices.some(({ accountId }) => accounts.has(accountId)))
    .map(({ devices, atMs }) => ({ accountId: devices[0]?.accountId, untilMs: atMs }))
    .flatMap(({ accountId, untilMs }) => (accountId === undefined ? [] : [{ accountId, untilMs }]))
  const guests = [...rules.guests.filter(({ accountId }) => accounts.has(accountId) && !invited.some((guest) => guest.accountId === accountId)), ...invited]
    .filter(({ accountId }) => !admins.includes(accountId))
  const isIn = (id: DeviceId): boolean => staying.some(({ deviceId }) => deviceId === id)
  const evicted = records.filter(({ kind }) => kind === IntentKind.evict)
    .flatMap(({ devices, atMs }) => devices.map((device) => ({ ...device, sinceMs: atMs }))).filter(({ deviceId }) => gone.has(deviceId))
  const away = [...rules.away.filter(({ deviceId }) => !evicted.some((device) => device.deviceId === deviceId)), ...evicted].filter(({ deviceId }) => !isIn(deviceId))
  const ruled = { ...rules, away: away.slice(-MAX_AWAY) }
  return hasAdmins(rules.kind) ? { ...ruled, admins: admins.length === 0 ? rules.admins : admins, guests } : ruled
}

/** More are forgotten, oldest first: then somebody has to add them. */
const MAX_AWAY = 256

const removesOf = (group: Group, { undo }: PolicyView, devices: readonly PlacedDevice[]): readonly Proposal[] => {
  const leaving = removedByProposals(group, undo)
  return devices.filter(({ leafIndex }) => leafIndex !== group.ownLeaf && !leaving.has(leafIndex)).map(({ leafIndex }) => makeRemove(leafIndex))
}

const addsOf = (devices: readonly MemberDevice[], claims: Claims): ReadonlyMap<DeviceId, Proposal> =>
  new Map(devices.flatMap(({ deviceId }) => {
    const keyPackage = claims.get(deviceId)
    return keyPackage === undefined || keyPackage === 'none' ? [] : [[deviceId, makeAdd(keyPackage)] as const]
  }))
