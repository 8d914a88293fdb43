/**
 * An insider who skips checks: holds a member's secrets and sends whatever it likes with correct signatures, tags and
 * encryption, so that only the check under test can refuse it.
 */
import { concat, encode, EMPTY, type Secret } from '@famichat/base'
import type { Signer } from '@famichat/mls'
import { expandWithLabel } from '../../dist/crypto/labels.js'
import { protectPublic } from '../../dist/framing/public-message.js'
import { proposalRefOf, type SignedContent, signContent } from '../../dist/framing/signed-content.js'
import type { Epoch } from '../../dist/group/epoch.js'
import type { GroupState } from '../../dist/group/group-state.js'
import { resolveConfig } from '../../dist/group/config.js'
import { restoreState } from '../../dist/group/restore.js'
import type { MessageKey } from '../../dist/schedule/ratchet.js'
import { type Content, encodeMessage, encodePrivateContent, type FramedContent, PrivateContentAAD, SenderData, SenderDataAAD, type Sender } from '../../dist/wire/message.js'
import type { LeafNode, LeafPosition, UnsignedLeafNode } from '../../dist/wire/leaf-node.js'
import type { Proposal } from '../../dist/wire/proposal.js'
import { ContentType, type LeafIndex, LeafNodeSource, ProposalType, SenderType, WireFormat } from '../../dist/wire/registries.js'
import { freshKeyPair, signLeafNode } from '../../dist/tree/treekem.js'
import type { Person, Seat } from '../builders.js'
import { rowsOf } from './assertions.js'
import type { Change } from './forge-leaf.js'

/** Somebody who can make messages of an epoch. */
export interface Forger {
  readonly person: Person
  readonly epoch: Epoch
  readonly sender: Sender
}

export interface Insider extends Forger {
  readonly state: GroupState
  readonly sender: Extract<Sender, { readonly senderType: typeof SenderType.member }>
}

/** A copy of a member's state, secrets included, that obeys no rule. */
export const insiderOf = ({ person, group }: Seat): Insider => {
  const state = restoreState(resolveConfig(person.config), rowsOf(group).all())
  return { person, state, epoch: state.epoch, sender: { senderType: SenderType.member, leafIndex: state.epoch.ownLeaf } }
}

/** What to do differently when a content is signed and framed. */
export interface FramePlan {
  /** Private unless said otherwise. */
  readonly wireFormat?: WireFormat
  /** What is signed as the wire format, when it is not the one that travels. */
  readonly signedWireFormat?: WireFormat
  readonly content?: Change<FramedContent>
  readonly signer?: Signer
  /** The context that is signed. */
  readonly contextBytes?: Uint8Array
  readonly signature?: Change<Uint8Array>
  readonly confirmationTag?: Change<Uint8Array>
  readonly seal?: SealPlan
  /** Public messages: other membership keys, or none. */
  readonly membershipTag?: Change<Uint8Array | undefined>
}

/** What to do differently when a PrivateMessage is sealed. */
export interface SealPlan {
  readonly messageKey?: MessageKey
  readonly generation?: number
  readonly leafIndex?: LeafIndex
  /** Draws the key from this ratchet. */
  readonly ratchet?: ContentType
  readonly plaintext?: Change<Uint8Array>
  readonly padding?: Uint8Array
}

/** A content by its sender, signed. */
export const forgeSigned = async (forger: Forger, content: Content, plan: FramePlan = {}): Promise<SignedContent> => {
  const { context, contextBytes } = forger.epoch
  const honest: FramedContent = {
    groupId: context.groupId, epoch: context.epoch, sender: forger.sender, authenticatedData: EMPTY, content,
  }
  const format = plan.signedWireFormat ?? plan.wireFormat ?? WireFormat.privateMessage
  const signed = await signContent(plan.signer ?? forger.person.signer, format, plan.content?.(honest) ?? honest, plan.contextBytes ?? contextBytes)
  const signature = plan.signature?.(signed.auth.signature) ?? signed.auth.signature
  return { ...signed, auth: { ...signed.auth, signature } }
}

/** The MLSMessage of a signed content. */
export const frame = (forger: Forger, signed: SignedContent, plan: FramePlan = {}): Uint8Array => {
  const { suite, secrets, contextBytes } = forger.epoch
  if ((plan.wireFormat ?? WireFormat.privateMessage) === WireFormat.privateMessage) return sealPrivate(forger, signed, plan.seal)
  const keys = forger.sender.senderType === SenderType.member ? { membershipKey: secrets.membershipKey, groupContext: contextBytes } : undefined
  const message = protectPublic(suite, signed, keys)
  const membershipTag = plan.membershipTag === undefined ? message.membershipTag : plan.membershipTag(message.membershipTag)
  return encodeMessage({ wireFormat: WireFormat.publicMessage, publicMessage: { ...message, membershipTag } })
}

/** Signs and frames a content. */
export const forgeMessage = async (forger: Forger, content: Content, plan: FramePlan = {}): Promise<Uint8Array> =>
  frame(forger, await forgeSigned(forger, content, plan), plan)

/** Application data. */
export const forgeApplication = (forger: Forger, text: string, plan: FramePlan = {}): Promise<Uint8Array> =>
  forgeMessage(forger, { contentType: ContentType.application, applicationData: new TextEncoder().encode(text) }, plan)

/** A proposal, and the reference a commit names it by. */
export const forgeProposal = async (
  forger: Forger, proposal: Proposal, plan: FramePlan = {},
): Promise<{ readonly message: Uint8Array; readonly reference: Uint8Array }> => {
  const signed = await forgeSigned(forger, { contentType: ContentType.proposal, proposal }, plan)
  return { message: frame(forger, signed, plan), reference: proposalRefOf(forger.epoch.suite, signed) }
}

/** An Update of a member; the private key is thrown away. */
export const forgeUpdate = async (
  insider: Insider, plan: { readonly leaf?: Change<UnsignedLeafNode>; readonly signer?: Signer; readonly position?: Partial<LeafPosition>; readonly signed?: Change<LeafNode> } = {},
): Promise<Extract<Proposal, { readonly proposalType: typeof ProposalType.update }>> => {
  const { epoch: { suite, tree, context, ownLeaf }, person } = insider
  const own = tree.leaf(ownLeaf)
  if (own === undefined) throw new TypeError('an insider has a leaf')
  const { publicKey } = await freshKeyPair(suite)
  const honest: UnsignedLeafNode = { ...own, encryptionKey: publicKey, source: { leafNodeSource: LeafNodeSource.update } }
  const signed = await signLeafNode(plan.leaf?.(honest) ?? honest, plan.signer ?? person.signer, {
    groupId: context.groupId, leafIndex: ownLeaf, ...plan.position,
  })
  return { proposalType: ProposalType.update, leafNode: plan.signed?.(signed) ?? signed }
}

/** Seals like §6.3, with every choice open. */
const sealPrivate = ({ epoch, sender }: Forger, signed: SignedContent, plan: SealPlan = {}): Uint8Array => {
  const { suite, secretTree, secrets: { senderDataSecret }, ownLeaf } = epoch
  const { groupId, epoch: number, authenticatedData, content } = signed.content
  const { contentType } = content
  const leafIndex = plan.leafIndex ?? (sender.senderType === SenderType.member ? sender.leafIndex : ownLeaf)
  const { key, nonce, generation } = plan.messageKey ?? secretTree.takeSendingKey(ownLeaf, plan.ratchet ?? contentType)
  const reuseGuard = suite.random(4)
  const guarded = nonce.expose().map((byte, index) => byte ^ (reuseGuard[index] ?? 0))
  const plaintext = concat(encodePrivateContent(signed, 0), plan.padding ?? EMPTY)
  const aad = encode(PrivateContentAAD, { groupId, epoch: number, contentType, authenticatedData })
  const ciphertext = suite.aead.seal(key.expose(), guarded, aad, plan.plaintext?.(plaintext) ?? plaintext)
  const sample = ciphertext.subarray(0, suite.hashLength)
  const derive = (label: string, length: number): Secret => expandWithLabel(suite, senderDataSecret, label, sample, length)
  const encryptedSenderData = suite.aead.seal(
    derive('key', suite.aead.keyLength).expose(), derive('nonce', suite.aead.nonceLength).expose(),
    encode(SenderDataAAD, { groupId, epoch: number, contentType }),
    encode(SenderData, { leafIndex, generation: plan.generation ?? generation, reuseGuard }),
  )
  return encodeMessage({
    wireFormat: WireFormat.privateMessage,
    privateMessage: { groupId, epoch: number, contentType, authenticatedData, encryptedSenderData, ciphertext },
  })
}
