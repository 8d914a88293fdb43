/**
 * Opening a received message (RFC 9420 §6): which epoch, which key, whose signature.
 * Layer: group. Changes nothing; an opened private message says how to consume its key.
 */
import { equal, present } from '@famichat/base'
import { check } from '../errors.js'
import { openSenderData, unprotectPrivate } from '../framing/private-message.js'
import { unprotectPublic } from '../framing/public-message.js'
import { type SignedContent, verifySignedContent } from '../framing/signed-content.js'
import { isExternalProposal } from '../validate/external-senders.js'
import { ExternalSenders, readExtension } from '../wire/extension.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { PrivateMessage, PublicMessage } from '../wire/message.js'
import { ContentType, ExtensionType, type LeafIndex, ProposalType, SenderType } from '../wire/registries.js'
import type { Epoch, PastEpoch } from './epoch.js'

/** A message whose sender is certain. */
export interface OpenedMessage {
  readonly signed: SignedContent
  /** Generation of the sender's ratchet; undefined for a public message. */
  readonly generation: number | undefined
  /** The sender's leaf as it was when the message was sent; undefined for non-members. */
  readonly senderLeaf: LeafNode | undefined
  /** Deletes the message key: call it when the message is accepted. */
  consume(): void
}

/** A message of this member that came back: nothing to open. */
export interface OwnMessage {
  readonly isOwn: true
  readonly contentType: ContentType
  readonly epoch: bigint
}

/** The current epoch, and the past ones whose application messages are still read, newest first. */
export interface OpenEpochs {
  readonly current: Epoch
  readonly past: readonly PastEpoch[]
}

/** @throws MlsError `mls.message.*` | BaseError `base.codec.*` */
export const openPrivateMessage = async (epochs: OpenEpochs, message: PrivateMessage): Promise<OpenedMessage | OwnMessage> => {
  const { suite, ownLeaf, context } = epochs.current
  check(equal(message.groupId, context.groupId), 'mls.message.wrong_group')
  const { keys, leafOf } = findEpoch(epochs, message)
  const senderData = openSenderData(suite, message, keys.senderDataSecret)
  const { leafIndex, generation } = senderData
  if (leafIndex === ownLeaf) return { isOwn: true, contentType: message.contentType, epoch: message.epoch }
  // §6.3.2: the leaf index MUST identify a non-blank node
  const senderLeaf = leafOf(leafIndex)
  check(senderLeaf !== undefined, 'mls.message.unknown_sender', { leafIndex })
  const messageKey = keys.secretTree.peek(leafIndex, message.contentType, generation)
  let signed: SignedContent
  try {
    signed = unprotectPrivate(suite, message, { senderData, messageKey })
    await verifySignedContent(suite, signed, { signatureKey: senderLeaf.signatureKey, groupContext: keys.contextBytes })
  } catch (error) {
    messageKey.forget()
    throw error
  }
  return { signed, generation, senderLeaf, consume: () => { messageKey.consume() } }
}

/** @throws MlsError `mls.message.*` | `mls.external.*` */
export const openPublicMessage = async ({ current }: OpenEpochs, message: PublicMessage): Promise<OpenedMessage | OwnMessage> => {
  const { suite, context, contextBytes, secrets, tree, ownLeaf } = current
  const { content } = message
  check(equal(content.groupId, context.groupId), 'mls.message.wrong_group')
  check(content.epoch === context.epoch, 'mls.message.wrong_epoch', { epoch: content.epoch, current: context.epoch })
  const signed = unprotectPublic(suite, message, { membershipKey: secrets.membershipKey, groupContext: contextBytes })
  const { sender, content: { contentType } } = content
  const senderLeaf = sender.senderType === SenderType.member ? tree.leaf(sender.leafIndex) : undefined
  const signatureKey = senderLeaf?.signatureKey ?? nonMemberKey(current, signed)
  await verifySignedContent(suite, signed, { signatureKey, groupContext: contextBytes })
  if (sender.senderType === SenderType.member && sender.leafIndex === ownLeaf) {
    return { isOwn: true, contentType, epoch: content.epoch }
  }
  return { signed, generation: undefined, senderLeaf, consume: () => undefined }
}

/** The signature key of a sender outside of the group (§6.1), once its content is one it may send (§12.1.8). */
const nonMemberKey = ({ context }: Epoch, { content: { sender, content } }: SignedContent): Uint8Array => {
  const proposal = content.contentType === ContentType.proposal ? content.proposal : undefined
  switch (sender.senderType) {
    case SenderType.external: {
      check(proposal !== undefined && isExternalProposal(proposal.proposalType), 'mls.external.wrong_proposal')
      const listed = readExtension(context.extensions, ExtensionType.externalSenders, ExternalSenders)?.[sender.senderIndex]
      check(listed !== undefined, 'mls.external.unknown_sender', { senderIndex: sender.senderIndex })
      return listed.signatureKey
    }
    case SenderType.newMemberProposal:
      check(proposal?.proposalType === ProposalType.add, 'mls.external.wrong_proposal')
      return proposal.keyPackage.leafNode.signatureKey
    case SenderType.newMemberCommit:
      check(content.contentType === ContentType.commit, 'mls.external.wrong_proposal')
      check(content.commit.path !== undefined, 'mls.commit.path_missing')
      return content.commit.path.leafNode.signatureKey
    case SenderType.member:
      check(false, 'mls.message.unknown_sender', { leafIndex: sender.leafIndex })
  }
}

interface FoundEpoch {
  readonly keys: Pick<PastEpoch, 'senderDataSecret' | 'secretTree' | 'contextBytes'>
  readonly leafOf: (leaf: LeafIndex) => LeafNode | undefined
}

/** §15.3: past epochs are open for application messages only. */
const findEpoch = ({ current, past }: OpenEpochs, message: PrivateMessage): FoundEpoch => {
  if (message.epoch === current.context.epoch) {
    const { contextBytes, secretTree, secrets: { senderDataSecret }, tree } = current
    return { keys: { contextBytes, secretTree, senderDataSecret }, leafOf: (leaf) => tree.leaf(leaf) }
  }
  const at = message.contentType === ContentType.application ? past.findIndex(({ epoch }) => epoch === message.epoch) : -1
  check(at >= 0, 'mls.message.wrong_epoch', { epoch: message.epoch, current: current.context.epoch })
  const keys = present(past[at], 'the epoch was found')
  return { keys, leafOf: (leaf) => (leaf < keys.leafCount ? leafThen({ current, past }, at, leaf) : undefined) }
}

/** A leaf as it was in a past epoch: the nearest later change tells what stood there before. */
const leafThen = ({ current, past }: OpenEpochs, at: number, leaf: LeafIndex): LeafNode | undefined => {
  for (let later = at; later >= 0; later--) {
    const changed = past[later]?.changedLeaves
    if (changed?.has(leaf) === true) return changed.get(leaf)
  }
  return current.tree.leaf(leaf)
}

/** True for a message of this member that came back. */
export const isOwnMessage = (opened: OpenedMessage | OwnMessage): opened is OwnMessage => 'isOwn' in opened

