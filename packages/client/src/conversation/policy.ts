/**
 * Who may change what in a conversation. Every member judges a commit from the group's state before it and the commit
 * itself, from nothing else, so that all judge alike (docs/policies.md). Pure.
 */
import { equal, isCodedError } from '@famichat/base'
import { type Extension, type Group, type LeafIndex, type Proposal, ProposalType, type SentProposal } from '@famichat/mls'
import { type AccountId, ConversationKind, type DeviceId } from '@famichat/protocol'
import { type ConversationRules, encodeRules, hasAdmins, readConversationExtension, rulesBeside } from './conversation-extension.js'
import { deviceOfLeaf, type MemberDevice, membersOf, type PlacedDevice } from './members.js'

/** What has to be put right after forbidden commits; nothing is sent while there is something. */
export interface Undo {
  /** Devices that made them; those of admins are not put out for it. */
  readonly offenders: readonly DeviceId[]
  /** Devices that came in by them: nobody counts them as members. */
  readonly added: readonly DeviceId[]
  /** Devices that were put out by them. */
  readonly removed: readonly MemberDevice[]
  /** The group's extensions as they were, the rules among them. */
  readonly extensions: readonly Extension[]
  readonly rules: ConversationRules
}

/** A group before a commit. */
export interface PolicyView {
  /** The rules in force: while something has to be put right, those from before. */
  readonly rules: ConversationRules
  readonly extensions: readonly Extension[]
  readonly members: readonly PlacedDevice[]
  readonly undo: Undo | undefined
}

/** The state of a group that the policy looks at. */
export const viewOf = (group: Group, undo: Undo | undefined): PolicyView => {
  const { extensions } = group.context
  return { rules: undo?.rules ?? readConversationExtension(extensions), extensions, members: membersOf(group), undo }
}

/** What is wrong with a proposal. */
export type Offence = 'sender' | 'add' | 'remove' | 'rules' | 'type'

/** A proposal, and what is wrong with it. */
export interface Judged {
  readonly sent: SentProposal
  readonly offence: Offence | undefined
}

/** True when an account decides on members: an admin, or, where no admin is left, anybody but guests. */
export const isAdmin = (view: Pick<PolicyView, 'rules' | 'members' | 'undo'>, accountId: AccountId): boolean => deciding(view)(accountId)

/** The same for many accounts of one view. */
export const deciding = ({ rules: { admins, guests }, members, undo }: Pick<PolicyView, 'rules' | 'members' | 'undo'>): ((accountId: AccountId) => boolean) => {
  const isLed = [rightful({ members, undo }), undo?.removed ?? []].some((present) => present.some((member) => admins.includes(member.accountId)))
  return (accountId) => !guests.some((guest) => guest.accountId === accountId) && (!isLed || admins.includes(accountId))
}

/** Members without those who came in by forbidden commits. */
const rightful = ({ members, undo }: Pick<PolicyView, 'members' | 'undo'>): readonly PlacedDevice[] =>
  (undo === undefined ? members : members.filter(({ deviceId }) => !undo.added.includes(deviceId)))

/** Judges each proposal of a commit, or of what may become one. */
export const judge = (view: PolicyView, proposals: readonly SentProposal[]): readonly Judged[] =>
  proposals.map((sent) => ({ sent, offence: offenceOf(view, sent, proposals) }))

/** True when all of it is allowed. */
export const isAllowed = (judged: readonly Judged[]): boolean => judged.every(({ offence }) => offence === undefined)

const offenceOf = (view: PolicyView, { proposal, sender }: SentProposal, all: readonly SentProposal[]): Offence | undefined => {
  if (!('leafIndex' in sender)) return 'sender'
  const author = view.members.find(({ leafIndex }) => leafIndex === sender.leafIndex)
  if (author === undefined) return 'sender'
  switch (proposal.proposalType) {
    case ProposalType.add:
      return mayAdd(view, author, addedDevice(proposal)) ? undefined : 'add'
    case ProposalType.remove:
      return mayRemove(view, author, { leaf: proposal.removed, all }) ? undefined : 'remove'
    case ProposalType.groupContextExtensions:
      return maySetRules(view, author, proposal) ? undefined : 'rules'
    case ProposalType.update:
    case ProposalType.selfRemove:
    case ProposalType.psk:
      return undefined
    default:
      return 'type'
  }
}

const mayAdd = (view: PolicyView, author: PlacedDevice, added: MemberDevice | undefined): boolean => {
  const { rules, undo } = view
  const known = rightful(view)
  if (added === undefined || !known.includes(author)) return false
  const { accountId, deviceId } = added
  // a further device of somebody who is in: its account's certificate is what counts
  if (known.some((member) => member.accountId === accountId)) return true
  if (undo?.removed.some((device) => device.accountId === accountId && device.deviceId === deviceId) === true) return !undo.offenders.includes(author.deviceId)
  const { kind, admins, guests, away } = rules
  if (kind === ConversationKind.direct) return admins.includes(accountId)
  if (!hasAdmins(kind)) return false
  const isBack = away.some((device) => device.accountId === accountId) && !guests.some((guest) => guest.accountId === author.accountId)
  return isBack || isAdmin(view, author.accountId)
}

const mayRemove = (
  view: PolicyView, author: PlacedDevice, { leaf, all }: { readonly leaf: LeafIndex; readonly all: readonly SentProposal[] },
): boolean => {
  const { rules, undo } = view
  const target = view.members.find(({ leafIndex }) => leafIndex === leaf)
  // the engine refuses what names no member
  if (target === undefined || target.accountId === author.accountId) return true
  const isRightful = rightful(view).includes(author)
  if (!isRightful) return false
  if (undo !== undefined && !undo.offenders.includes(author.deviceId) && (undo.added.includes(target.deviceId) || mustGo(undo, target))) return true
  // out and in with one commit: a broken device comes back on a new leaf (E3)
  if (all.some(({ proposal }) => isAddOf(proposal, target))) return true
  const { guests } = rules
  const isGuest = (accountId: AccountId): boolean => guests.some((guest) => guest.accountId === accountId)
  return isAdmin(view, author.accountId) || (isGuest(target.accountId) && !isGuest(author.accountId))
}

/** True for a device that has to go for what it did; an admin's stays, and what it did is only put right. */
export const mustGo = ({ offenders, rules: { admins } }: Undo, { accountId, deviceId }: MemberDevice): boolean =>
  offenders.includes(deviceId) && !admins.includes(accountId)

const isAddOf = (proposal: Proposal, { accountId, deviceId }: MemberDevice): boolean => {
  const added = addedDevice(proposal)
  return added?.accountId === accountId && added.deviceId === deviceId
}

/** Whom a proposal adds; what is only proposed may hold any certificate, or none. */
export const addedDevice = (proposal: Proposal): MemberDevice | undefined => {
  if (proposal.proposalType !== ProposalType.add) return undefined
  try {
    return deviceOfLeaf(proposal.keyPackage.leafNode)
  } catch (error) {
    if (!isCodedError(error)) throw error
    return undefined
  }
}

const maySetRules = (view: PolicyView, author: PlacedDevice, proposal: Proposal): boolean => {
  const { rules, undo, extensions } = view
  if (proposal.proposalType !== ProposalType.groupContextExtensions || !rightful(view).includes(author)) return false
  if (undo !== undefined && !undo.offenders.includes(author.deviceId) && isRestoring(undo, proposal.extensions)) return true
  const after = rulesBeside(proposal.extensions, undo?.extensions ?? extensions)
  if (after === undefined) return false
  const isSameSubject = after.kind === rules.kind && after.familyId === rules.familyId
  if (!isSameSubject || !isAdmin(view, author.accountId)) return false
  // of a direct conversation only who is away may change
  if (!hasAdmins(rules.kind)) return equal(encodeRules({ ...rules, away: [] }), encodeRules({ ...after, away: [] }))
  // the last admin goes by leaving only; nobody is guest and admin
  const hasAdmin = after.admins.some((admin) => rightful(view).some(({ accountId }) => accountId === admin))
  return hasAdmin && !after.guests.some(({ accountId }) => after.admins.includes(accountId))
}

/** True for extensions as they were, with devices that were put out counted as away. */
export const isRestoring = (undo: Undo, extensions: readonly Extension[]): boolean => {
  const after = rulesBeside(extensions, undo.extensions)
  if (after === undefined) return false
  const withoutAway = (rules: ConversationRules): Uint8Array => encodeRules({ ...rules, away: [] })
  const mayBeAway = new Set([...undo.rules.away, ...undo.removed].map(({ deviceId }) => deviceId))
  return equal(withoutAway(undo.rules), withoutAway(after)) && after.away.every(({ deviceId }) => mayBeAway.has(deviceId))
}
