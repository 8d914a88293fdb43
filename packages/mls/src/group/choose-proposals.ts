/**
 * Which of the proposals received in an epoch a commit can take along (RFC 9420 §12.2).
 * Layer: group. Pure; what is left out here would make the whole commit invalid.
 */
import { bytesKey, encode } from '@famichat/base'
import { changedLeaf, type SentProposal } from '../validate/proposal-list.js'
import { PreSharedKeyID } from '../wire/proposal.js'
import { type LeafIndex, ProposalType } from '../wire/registries.js'

/** A leaver outranks whoever removes it (extensions draft §6.3); a Remove outranks an Update (§12.2). */
const RANKS: ReadonlyMap<number, number> = new Map([[ProposalType.update, 1], [ProposalType.remove, 2], [ProposalType.selfRemove, 3]])

/**
 * The proposals a committer takes: of several that change one leaf the one §12.2 prefers (any Remove, else the most
 * recent Update), none that changes its own leaf, whose keys the path renews and which it cannot leave by itself, and a
 * ReInit only when nothing else was proposed or is added by value (§12.2 SHOULD). Of several that §12.2 allows once - Adds
 * of one client, one PSK, the extensions - the first; and none that does again what the committer says by value.
 */
export const choosePending = <Sent extends SentProposal>(
  proposals: readonly Sent[], ownLeaf: LeafIndex, byValue: readonly SentProposal[],
): readonly Sent[] => {
  const said = new Set(byValue.map(onceKey))
  const changedByValue = new Set(byValue.map(changedLeaf))
  const chosen = new Map<LeafIndex, Sent>()
  for (const sent of proposals) {
    const leaf = changedLeaf(sent)
    if (leaf === undefined) continue
    const rival = chosen.get(leaf)
    if (rival === undefined || isPreferred(sent, rival)) chosen.set(leaf, sent)
  }
  const fitting = proposals.filter((sent) => {
    const leaf = changedLeaf(sent)
    if (leaf !== undefined) return leaf !== ownLeaf && chosen.get(leaf) === sent && !changedByValue.has(leaf)
    const key = onceKey(sent)
    if (key !== undefined && said.has(key)) return false
    said.add(key)
    return true
  })
  const others = fitting.filter((sent) => !isReInit(sent))
  return others.length + byValue.length > 0 ? others : fitting.slice(0, 1)
}

/** Proposals of one key may not stand in one list (§12.2); undefined for those that other rules are about. */
const onceKey = ({ proposal }: SentProposal): string | undefined => {
  switch (proposal.proposalType) {
    case ProposalType.add:
      return `add ${bytesKey(proposal.keyPackage.leafNode.signatureKey)}`
    case ProposalType.psk:
      return `psk ${bytesKey(encode(PreSharedKeyID, proposal.psk))}`
    case ProposalType.groupContextExtensions:
      return 'extensions'
    default:
      return undefined
  }
}

const isReInit = ({ proposal }: SentProposal): boolean => proposal.proposalType === ProposalType.reinit

const rank = ({ proposal }: SentProposal): number => RANKS.get(proposal.proposalType) ?? 0

/** True when the later proposal takes the place of the earlier one. */
const isPreferred = (later: SentProposal, earlier: SentProposal): boolean =>
  rank(later) > rank(earlier) || (rank(later) === rank(earlier) && later.proposal.proposalType === ProposalType.update)
