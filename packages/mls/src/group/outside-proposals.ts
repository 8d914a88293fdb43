/**
 * Proposals from outside of the group (RFC 9420 §12.1.8): by a sender the group lists, or by a client that asks to be added.
 * Layer: group. The proposer holds no secret of the group.
 */
import { EMPTY, equal } from '@famichat/base'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import type { Signer } from '../crypto/signer.js'
import { check } from '../errors.js'
import { protectPublic } from '../framing/public-message.js'
import { signContent } from '../framing/signed-content.js'
import { isExternalProposal } from '../validate/external-senders.js'
import type { KeyPackage } from '../wire/key-package.js'
import { encodeMessage, type Sender } from '../wire/message.js'
import type { Proposal } from '../wire/proposal.js'
import { ContentType, SenderType, WireFormat } from '../wire/registries.js'
import { makeAdd } from './proposals.js'

/** Which epoch of which group a proposal is for; a GroupInfo tells. */
export interface ProposalTarget {
  readonly groupId: Uint8Array
  readonly epoch: bigint
  readonly authenticatedData?: Uint8Array
}

/**
 * A proposal by a sender listed in the group's external_senders, as an MLSMessage.
 * @param request.senderIndex the place in that list of the key behind `signer`
 * @throws MlsError `mls.external.wrong_proposal` for types §12.1.8 does not allow
 */
export const makeExternalProposal = (
  suite: CipherSuite, signer: Signer, request: ProposalTarget & { readonly senderIndex: number; readonly proposal: Proposal },
): Promise<Uint8Array> => {
  check(isExternalProposal(request.proposal.proposalType), 'mls.external.wrong_proposal')
  return frame(suite, signer, { ...request, sender: { senderType: SenderType.external, senderIndex: request.senderIndex } })
}

/**
 * A client's proposal to be added itself, as an MLSMessage.
 * @param request.keyPackage the client's own, signed with the key behind `signer`
 * @throws MlsError `mls.external.wrong_proposal` when the KeyPackage is somebody else's
 */
export const makeNewMemberProposal = (
  suite: CipherSuite, signer: Signer, request: ProposalTarget & { readonly keyPackage: KeyPackage },
): Promise<Uint8Array> => {
  check(equal(request.keyPackage.leafNode.signatureKey, signer.publicKey), 'mls.external.wrong_proposal')
  return frame(suite, signer, { ...request, proposal: makeAdd(request.keyPackage), sender: { senderType: SenderType.newMemberProposal } })
}

const frame = async (
  suite: CipherSuite, signer: Signer,
  { groupId, epoch, sender, proposal, authenticatedData = EMPTY }: ProposalTarget & { readonly sender: Sender; readonly proposal: Proposal },
): Promise<Uint8Array> => {
  // §6.1: what a non-member signs does not cover the GroupContext
  const signed = await signContent(signer, WireFormat.publicMessage, {
    groupId, epoch, sender, authenticatedData, content: { contentType: ContentType.proposal, proposal },
  }, EMPTY)
  return encodeMessage({ wireFormat: WireFormat.publicMessage, publicMessage: protectPublic(suite, signed) })
}
