/**
 * Taking a received message (RFC 9420 §6, §12): application data out, proposals kept, commits staged.
 * Layer: group. Nothing changes unless the message is accepted.
 */
import { bytesKey, equal } from '@famichat/base'
import { check, MlsError } from '../errors.js'
import { proposalRefOf, type SignedContent } from '../framing/signed-content.js'
import { limits } from '../limits.js'
import { isSelfRemoveOf, type SentProposal } from '../validate/proposal-list.js'
import { decodeMessage, type Sender } from '../wire/message.js'
import type { Commit, Proposal } from '../wire/proposal.js'
import { ContentType, ProposalOrRefType, ProposalType, SenderType, WireFormat } from '../wire/registries.js'
import { pastWindow, receivingTime } from './config.js'
import { wipeEpoch } from './epoch.js'
import { currentRules, type Membership, requireActive, requireMember } from './membership.js'
import type { Processed } from './outcomes.js'
import { processCommit } from './process-commit.js'
import { lookUpPsks } from './psks.js'
import { isOwnMessage, type OpenedMessage, openPrivateMessage, openPublicMessage, type OwnMessage } from './receive.js'
import type { StagedCommit } from './staged-commit.js'

/** @param message one encoded MLSMessage, the engine's to keep. @throws MlsError | BaseError `base.codec.*` */
export const processMessage = async (membership: Membership, message: Uint8Array): Promise<Processed> => {
  requireMember(membership)
  const { state } = membership
  const { epoch } = state
  const isLeft = (): boolean => state.epoch !== epoch || state.status === 'removed'
  const opened = await openMessage(membership, message)
  if (isOwnMessage(opened)) return recogniseOwn(membership, opened, message)
  const { content } = opened.signed.content
  switch (content.contentType) {
    case ContentType.application:
      return takeApplicationData(opened, content.applicationData)
    case ContentType.proposal:
      // the epoch may have been left while the signature was verified
      check(!isLeft(), 'mls.message.wrong_epoch', { epoch: epoch.context.epoch, current: state.epoch.context.epoch })
      return takeProposal(membership, opened, content.proposal)
    case ContentType.commit:
      return { kind: 'commit', staged: await unlessLeft(membership, isLeft, () => stageCommit(membership, opened, content.commit)) }
  }
}

/** Stages a commit whose epoch may end meanwhile, and its secrets with it. @throws MlsError `mls.message.wrong_epoch` */
const unlessLeft = async ({ state }: Membership, isLeft: () => boolean, stage: () => Promise<StagedCommit>): Promise<StagedCommit> => {
  const { epoch } = state
  const refusal = (cause?: unknown): MlsError => new MlsError('mls.message.wrong_epoch', { current: state.epoch.context.epoch }, { cause })
  if (isLeft()) throw refusal()
  const staged = await stage().catch((error: unknown) => { throw isLeft() ? refusal(error) : error })
  if (!isLeft()) return staged
  if (staged.next !== undefined) wipeEpoch(staged.next.epoch, epoch)
  throw refusal()
}

const openMessage = (membership: Membership, message: Uint8Array): Promise<OpenedMessage | OwnMessage> => {
  const { config, state } = membership
  const { policy } = config
  state.expirePast(pastWindow(config))
  const epochs = { current: state.epoch, past: state.past }
  const decoded = decodeMessage(message)
  if (decoded.wireFormat === WireFormat.privateMessage) return openPrivateMessage(epochs, decoded.privateMessage)
  check(decoded.wireFormat === WireFormat.publicMessage, 'mls.message.unexpected_kind')
  const { sender, content } = decoded.publicMessage.content
  // extensions draft §6.3: a SelfRemove MUST be public, so that newcomers can commit it
  const mustBePublic = content.contentType === ContentType.proposal && content.proposal.proposalType === ProposalType.selfRemove
  if (sender.senderType === SenderType.member) check(policy.acceptPublicHandshakes || mustBePublic, 'mls.message.public_not_allowed')
  if (sender.senderType === SenderType.newMemberCommit) check(policy.acceptExternalCommits, 'mls.external.not_allowed')
  if (sender.senderType === SenderType.newMemberProposal) check(policy.acceptNewMemberProposals, 'mls.external.not_allowed')
  return openPublicMessage(epochs, decoded.publicMessage)
}

const recogniseOwn = ({ state }: Membership, own: OwnMessage, message: Uint8Array): Processed => {
  if (own.contentType !== ContentType.commit || own.epoch !== state.epoch.context.epoch) {
    return { kind: 'own', contentType: own.contentType, epoch: own.epoch }
  }
  const { pending } = state
  const isPending = pending !== undefined && equal(pending.messageHash, state.epoch.suite.hash.digest(message))
  check(isPending, 'mls.message.own_pending')
  return { kind: 'commit', staged: pending.staged }
}

const takeApplicationData = (opened: OpenedMessage, applicationData: Uint8Array): Processed => {
  const { signed: { content }, generation, senderLeaf } = opened
  const isMember = content.sender.senderType === SenderType.member
  if (!isMember || generation === undefined || senderLeaf === undefined) throw new MlsError('mls.message.wrong_content_type')
  opened.consume()
  return {
    kind: 'application',
    applicationData,
    authenticatedData: content.authenticatedData,
    sender: { leafIndex: content.sender.leafIndex, leafNode: senderLeaf },
    epoch: content.epoch,
    generation,
  }
}

const takeProposal = (membership: Membership, opened: OpenedMessage, proposal: Proposal): Processed => {
  requireActive(membership)
  const { state } = membership
  check(state.proposals.length < limits.maxCachedProposals, 'mls.proposal.too_many')
  const { sender, authenticatedData } = opened.signed.content
  if (proposal.proposalType === ProposalType.selfRemove) checkSelfRemove(membership, opened.signed)
  const reference = proposalRefOf(state.epoch.suite, opened.signed)
  opened.consume()
  state.cacheProposal({ proposal, sender, reference })
  return { kind: 'proposal', proposal, sender, reference, authenticatedData }
}

/** Extensions draft §6.3. @throws MlsError `mls.message.wrong_content_type` | `mls.proposal.unsupported_type` | `mls.proposal.same_leaf_twice` */
const checkSelfRemove = ({ state }: Membership, { wireFormat, content: { sender } }: SignedContent): void => {
  check(wireFormat === WireFormat.publicMessage && sender.senderType === SenderType.member, 'mls.message.wrong_content_type')
  check(state.census.allSupportProposal(ProposalType.selfRemove), 'mls.proposal.unsupported_type', { proposalType: ProposalType.selfRemove })
  check(!state.proposals.some((sent) => isSelfRemoveOf(sent, sender.leafIndex)), 'mls.proposal.same_leaf_twice', { leaf: sender.leafIndex })
}

/** The key of a commit is not consumed: the commit may be refused by the application, and its epoch ends when it is not. */
const stageCommit = (membership: Membership, opened: OpenedMessage, commit: Commit): Promise<StagedCommit> => {
  requireActive(membership)
  const { config, state } = membership
  const { sender } = opened.signed.content
  return processCommit({
    epoch: state.epoch,
    census: state.census,
    rules: currentRules(membership, receivingTime(config)),
    signed: opened.signed,
    commit,
    proposals: resolveProposals(membership, commit, sender),
    committer: sender.senderType === SenderType.member ? sender.leafIndex : undefined,
    findPsks: (applied) => lookUpPsks(applied.psks, config.psks, state.resumptionPsks),
    ownUpdateKey: (leaf) => state.updateKey(leaf.encryptionKey),
  })
}

/** §12.4: by value, or by reference to a proposal of this epoch. @throws MlsError `mls.proposal.unknown_reference` | `mls.proposal.repeated_reference` */
const resolveProposals = ({ state }: Membership, commit: Commit, committer: Sender): readonly SentProposal[] => {
  const referred = new Set<string>()
  return commit.proposals.map((entry): SentProposal => {
    if (entry.type === ProposalOrRefType.proposal) return { proposal: entry.proposal, sender: committer, reference: undefined }
    const key = bytesKey(entry.reference)
    check(!referred.has(key), 'mls.proposal.repeated_reference')
    referred.add(key)
    // §12.4.3.2: an external commit has no references; the list validator says so
    const known = state.proposal(entry.reference)
    if (known !== undefined) return known
    throw new MlsError(committer.senderType === SenderType.member ? 'mls.proposal.unknown_reference' : 'mls.external.by_reference')
  })
}
