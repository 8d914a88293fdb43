/**
 * Undoing: a commit that the policy forbids has won its epoch at a server that cannot judge it, and the next commit has to
 * build on it. Members take its keys and nothing else of it: they send nothing until one of them has put it right. What is
 * owed follows from the log alone, so all members know the same (docs/policies.md). Pure.
 */
import { type Extension, type LeafIndex, ProposalType } from '@famichat/mls'
import type { ConversationRecord } from '../store/records.js'
import { readConversationExtension, rulesBeside } from './conversation-extension.js'
import type { MemberDevice, PlacedDevice } from './members.js'
import { addedDevice, isAllowed, isRestoring, type Judged, mustGo, type PolicyView, type Undo } from './policy.js'

/** What a conversation's record says is owed. */
export const readUndo = ({ undo }: Pick<ConversationRecord, 'undo'>): Undo | undefined => undo && { ...undo, rules: readConversationExtension(undo.extensions) }

/** The same as the record keeps it. */
export const undoField = (undo: Undo | undefined): Pick<ConversationRecord, 'undo'> => {
  if (undo === undefined) return { undo }
  const { rules: _, ...fields } = undo
  return { undo: fields }
}

/** A commit that was judged, and the group after it. */
export interface JudgedCommit {
  readonly judged: readonly Judged[]
  readonly committer: MemberDevice
  readonly after: { readonly members: readonly PlacedDevice[]; readonly extensions: readonly Extension[] }
}

/** What is owed after a commit; undefined when nothing is. */
export const undoAfter = (view: PolicyView, { judged, committer, after }: JudgedCommit): Undo | undefined => {
  const isFine = isAllowed(judged)
  if (isFine && view.undo === undefined) return undefined
  const before: Undo = view.undo ?? { offenders: [], added: [], removed: [], rules: view.rules, extensions: view.extensions }
  const refused = judged.filter(({ offence }) => offence !== undefined).map(({ sent }) => sent.proposal)
  const owed: Undo = {
    offenders: isFine ? before.offenders : [...before.offenders, committer.deviceId],
    added: [...before.added, ...refused.flatMap((proposal) => addedDevice(proposal)?.deviceId ?? [])],
    removed: [...before.removed, ...refused.flatMap((proposal) => (proposal.proposalType === ProposalType.remove ? deviceAt(view, proposal.removed) : []))],
    rules: before.rules,
    extensions: before.extensions,
  }
  const isRuled = isFine && judged.some(({ sent }) => sent.proposal.proposalType === ProposalType.groupContextExtensions)
  // what an admin rules meanwhile, holds
  const ruled = isRuled && !isRestoring(owed, after.extensions) ? rulesBeside(after.extensions, owed.extensions) : undefined
  return stillOwed(ruled === undefined ? owed : { ...owed, rules: ruled, extensions: after.extensions }, after)
}

const stillOwed = (owed: Undo, { members, extensions }: JudgedCommit['after']): Undo | undefined => {
  const isRestored = isRestoring(owed, extensions)
  const away = isRestored ? rulesBeside(extensions, owed.extensions)?.away ?? [] : []
  const present = (id: string): PlacedDevice | undefined => members.find(({ deviceId }) => deviceId === id)
  const undo: Undo = {
    offenders: unique(owed.offenders).filter((id) => {
      const device = present(id)
      return device !== undefined && mustGo(owed, device)
    }),
    added: unique(owed.added).filter((id) => present(id) !== undefined),
    removed: owed.removed.filter(({ deviceId }, at) => present(deviceId) === undefined
      && !away.some((device) => device.deviceId === deviceId) && owed.removed.findIndex((device) => device.deviceId === deviceId) === at),
    rules: owed.rules,
    extensions: owed.extensions,
  }
  const isDone = undo.offenders.length + undo.added.length + undo.removed.length === 0 && isRestored
  return isDone ? undefined : undo
}

const deviceAt = ({ members }: PolicyView, leaf: LeafIndex): readonly MemberDevice[] =>
  members.filter(({ leafIndex }) => leafIndex === leaf).map(({ accountId, deviceId }) => ({ accountId, deviceId }))

const unique = <T>(list: readonly T[]): readonly T[] => [...new Set(list)]
