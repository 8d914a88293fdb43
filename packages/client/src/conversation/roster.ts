/**
 * Who should be in a conversation by what the directory says: one's own devices, in a family's conversation the household, and
 * nobody's revoked device. It says what is wanted; whether it may be is for the policy.
 */
import { type AccountId, ConversationKind, type DeviceId } from '@famichat/protocol'
import type { DirectoryAccount, People } from '../identity/directory.js'
import type { MemberDevice } from './members.js'
import type { PolicyView } from './policy.js'

/** What is not as it should be. */
export interface RosterGap {
  /** Devices to have in; whether their account vouches for them is still to be checked. */
  readonly coming: readonly MemberDevice[]
  /** Devices to have out. */
  readonly going: readonly MemberDevice[]
}

/** What the directory says about a conversation. */
export interface RosterRequest {
  readonly people: Pick<People, 'accounts' | 'revoked'>
  readonly ownAccount: AccountId
  readonly view: Pick<PolicyView, 'rules' | 'members'>
  /** Members' devices that their accounts' lists do not name. */
  readonly unlisted?: ReadonlySet<DeviceId>
}

/** Compares a conversation with the directory. */
export const rosterGap = ({ people, ownAccount, view, unlisted }: RosterRequest): RosterGap => {
  const { members, rules: { away } } = view
  const present = new Set(members.map(({ deviceId }) => deviceId))
  // who gave no sign for long comes back when it asks
  const isAway = (id: DeviceId): boolean => away.some(({ deviceId }) => deviceId === id)
  const household = householdOf({ people, ownAccount, view })
  const expected = people.accounts.filter((account) => account.accountId === ownAccount || household?.includes(account) === true)
  const { revoked } = people
  return {
    coming: expected.flatMap(({ accountId, devices }) => devices.filter(({ deviceId, isRevoked, isPending }) => !isRevoked && !isPending && !present.has(deviceId) && !isAway(deviceId))
      .map(({ deviceId }) => ({ accountId, deviceId }))),
    // nobody ever changes families: a directory that says so is wrong, and puts nobody out
    going: members.filter(({ deviceId }) => revoked.has(deviceId) || unlisted?.has(deviceId) === true)
      .map(({ accountId, deviceId }) => ({ accountId, deviceId })),
  }
}

/** The people of the family whose conversation this is; undefined for others, and for who is not of that family. */
export const householdOf = ({ people, ownAccount, view: { rules: { kind, familyId } } }: RosterRequest): readonly DirectoryAccount[] | undefined => {
  if (kind !== ConversationKind.family || familyId === undefined) return undefined
  const household = people.accounts.filter((account) => account.familyId === familyId && !account.isEnded)
  return household.some(({ accountId }) => accountId === ownAccount) ? household : undefined
}
