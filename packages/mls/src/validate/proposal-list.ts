/**
 * Proposal list validation (RFC 9420 §12.2): the rules that need no cryptography, for members' and external commits.
 * Layer: validate. Pure; linear in the number of proposals.
 */
import { bytesKey, encode } from '@famichat/base'
import { check } from '../errors.js'
import { limits } from '../limits.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import { readExtension, requiredCapabilitiesOf, ExternalSenders } from '../wire/extension.js'
import type { Sender } from '../wire/message.js'
import { PreSharedKeyID, type Proposal, type ProposalOf } from '../wire/proposal.js'
import { ExtensionType, isDefaultProposal, type LeafIndex, ProposalType, PSKType, ResumptionPSKUsage, SenderType } from '../wire/registries.js'
import { validateExtensions } from './extensions.js'

/** A proposal with the sender it came from; `reference` when the commit names it by hash. */
export interface SentProposal {
  readonly proposal: Proposal
  readonly sender: Sender
  readonly reference: Uint8Array | undefined
}

/** What a list is judged against. */
export interface ListContext {
  readonly tree: RatchetTree
  readonly hashLength: number
  /** The committer's leaf; undefined for an external commit. */
  readonly committer: LeafIndex | undefined
  /** Which resumption PSKs may stand here: `application` in a running group (§11.2, §11.3). */
  readonly pskUsage: ResumptionPSKUsage
}

/** The path is needed unless every proposal is of one of these types (§12.4). */
const PATH_OPTIONAL: ReadonlySet<number> = new Set([ProposalType.add, ProposalType.psk, ProposalType.reinit])

/** True when a commit of these proposals must have a path (§12.4). */
export const isPathRequired = (proposals: readonly SentProposal[]): boolean =>
  proposals.length === 0 || proposals.some(({ proposal }) => !PATH_OPTIONAL.has(proposal.proposalType))

/** The proposals of one type, in order. */
export const proposalsOf = <Type extends Proposal['proposalType']>(proposals: readonly SentProposal[], type: Type): readonly ProposalOf<Type>[] =>
  proposals.map(({ proposal }) => proposal).filter((proposal): proposal is ProposalOf<Type> => proposal.proposalType === type)

/** True for a SelfRemove of this leaf's member. */
export const isSelfRemoveOf = ({ proposal, sender }: SentProposal, leaf: LeafIndex): boolean =>
  proposal.proposalType === ProposalType.selfRemove && sender.senderType === SenderType.member && sender.leafIndex === leaf

/** The leaves that leave: removed by others, or by themselves (extensions draft §6.3). */
export const removedLeaves = (proposals: readonly SentProposal[]): readonly LeafIndex[] =>
  proposals.flatMap((sent) => {
    const { proposalType } = sent.proposal
    return proposalType === ProposalType.remove || proposalType === ProposalType.selfRemove ? changedLeaf(sent) ?? [] : []
  })

/** The proposal types that members have to list in their capabilities (§7.2). */
export const nonDefaultProposalTypes = (proposals: readonly SentProposal[]): ReadonlySet<number> =>
  new Set(proposals.map(({ proposal }) => proposal.proposalType).filter((type) => !isDefaultProposal(type)))

/** @throws MlsError `mls.proposal.*` | `mls.psk.*` | `mls.external.*` | `mls.extension.*` | `mls.key_package.duplicate_init_key` */
export const validateProposalList = (proposals: readonly SentProposal[], context: ListContext): void => {
  check(proposals.length <= limits.maxProposals, 'mls.proposal.too_many', { proposals: proposals.length })
  validateSelfRemoves(proposals)
  if (context.committer === undefined) validateExternalList(proposals)
  else validateMemberList(proposals, context.committer)
  validateLeafChanges(proposals, context)
  validateAdds(proposals)
  validatePsks(proposals, context)
  validateGroupContextExtensions(proposals)
}

/**
 * A member's proposal by itself (§12.1), as far as that takes no cryptography: for who sends it, and for who commits it.
 * @throws MlsError `mls.proposal.*` | `mls.psk.*` | `mls.extension.*` | BaseError `base.codec.*`
 */
export const validateProposal = (sent: SentProposal, context: Omit<ListContext, 'committer'>): void => {
  check(sent.proposal.proposalType !== ProposalType.externalInit, 'mls.proposal.external_init_in_member_commit')
  validateLeafChanges([sent], context)
  validatePsks([sent], context)
  validateGroupContextExtensions([sent])
}

const validateMemberList = (proposals: readonly SentProposal[], committer: LeafIndex): void => {
  check(proposalsOf(proposals, ProposalType.externalInit).length === 0, 'mls.proposal.external_init_in_member_commit')
  const reinits = proposalsOf(proposals, ProposalType.reinit).length
  check(reinits === 0 || proposals.length === 1, 'mls.proposal.reinit_not_alone')
  for (const { proposal, sender, reference } of proposals) {
    if (proposal.proposalType === ProposalType.remove) {
      check(proposal.removed !== committer, 'mls.proposal.remove_of_committer')
    } else if (proposal.proposalType === ProposalType.update) {
      check(reference !== undefined, 'mls.proposal.update_by_value')
      check(sender.senderType === SenderType.member && sender.leafIndex !== committer, 'mls.proposal.update_by_committer')
    } else if (proposal.proposalType === ProposalType.selfRemove) {
      check(sender.senderType !== SenderType.member || sender.leafIndex !== committer, 'mls.proposal.remove_of_committer')
    }
  }
}

const validateExternalList = (proposals: readonly SentProposal[]): void => {
  // extensions draft §6.3: a SelfRemove is the one proposal a newcomer may, and must, take along
  check(proposals.every(({ proposal, reference }) =>
    reference === undefined || proposal.proposalType === ProposalType.selfRemove), 'mls.external.by_reference')
  check(proposalsOf(proposals, ProposalType.externalInit).length === 1, 'mls.external.not_exactly_one_init')
  check(proposalsOf(proposals, ProposalType.remove).length <= 1, 'mls.external.too_many_removes')
  const allowed: ReadonlySet<number> = new Set([
    ProposalType.externalInit, ProposalType.remove, ProposalType.psk, ProposalType.selfRemove,
  ])
  check(proposals.every(({ proposal }) => allowed.has(proposal.proposalType)), 'mls.external.proposal_not_allowed')
}

/** Extensions draft §6.3: a SelfRemove comes from the member that leaves, and is committed by reference only. */
const validateSelfRemoves = (proposals: readonly SentProposal[]): void => {
  for (const { proposal, sender, reference } of proposals) {
    if (proposal.proposalType !== ProposalType.selfRemove) continue
    check(reference !== undefined && sender.senderType === SenderType.member, 'mls.proposal.self_remove_not_by_reference')
  }
}

/** §12.2: at most one Update or Remove per leaf, and the leaf is there; a SelfRemove counts as a Remove of its sender. */
const validateLeafChanges = (proposals: readonly SentProposal[], { tree }: Pick<ListContext, 'tree'>): void => {
  const changed = new Set<LeafIndex>()
  for (const sent of proposals) {
    const leaf = changedLeaf(sent)
    if (leaf === undefined) continue
    check(tree.leaf(leaf) !== undefined, 'mls.proposal.unknown_leaf', { leaf })
    check(!changed.has(leaf), 'mls.proposal.same_leaf_twice', { leaf })
    changed.add(leaf)
  }
}

/** The leaf a proposal changes or blanks, undefined when there is none. */
export const changedLeaf = ({ proposal, sender }: SentProposal): LeafIndex | undefined => {
  if (proposal.proposalType === ProposalType.remove) return proposal.removed
  const isOwnChange = proposal.proposalType === ProposalType.update || proposal.proposalType === ProposalType.selfRemove
  return isOwnChange && sender.senderType === SenderType.member ? sender.leafIndex : undefined
}

const validateAdds = (proposals: readonly SentProposal[]): void => {
  const clients = new Set<string>()
  const initKeys = new Set<string>()
  for (const { keyPackage } of proposalsOf(proposals, ProposalType.add)) {
    const client = bytesKey(keyPackage.leafNode.signatureKey)
    check(!clients.has(client), 'mls.proposal.duplicate_add')
    clients.add(client)
    const initKey = bytesKey(keyPackage.initKey)
    check(!initKeys.has(initKey), 'mls.key_package.duplicate_init_key')
    initKeys.add(initKey)
  }
}

const validatePsks = (proposals: readonly SentProposal[], { hashLength, pskUsage }: Pick<ListContext, 'hashLength' | 'pskUsage'>): void => {
  const psks = proposalsOf(proposals, ProposalType.psk)
  check(psks.length <= limits.maxPsks, 'mls.psk.too_many', { psks: psks.length })
  const seen = new Set<string>()
  for (const { psk } of psks) {
    check(psk.pskNonce.length === hashLength, 'mls.psk.bad_nonce', { length: psk.pskNonce.length })
    const usageFits = psk.psktype !== PSKType.resumption || psk.usage === ResumptionPSKUsage.application || psk.usage === pskUsage
    check(usageFits, 'mls.psk.wrong_usage')
    const id = bytesKey(encode(PreSharedKeyID, psk))
    check(!seen.has(id), 'mls.proposal.duplicate_psk')
    seen.add(id)
  }
}

const validateGroupContextExtensions = (proposals: readonly SentProposal[]): void => {
  const replacements = proposalsOf(proposals, ProposalType.groupContextExtensions)
  check(replacements.length <= 1, 'mls.proposal.duplicate_group_context_extensions')
  // §12.1.5: the extensions of a ReInit are those of its successor, which could not be set up with others
  for (const { extensions } of [...replacements, ...proposalsOf(proposals, ProposalType.reinit)]) {
    validateExtensions(extensions, 'groupContext')
    // malformed contents are refused here, not when they are first used
    requiredCapabilitiesOf(extensions)
    readExtension(extensions, ExtensionType.externalSenders, ExternalSenders)
  }
}
