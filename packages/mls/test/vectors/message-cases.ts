/**
 * Verifiers: messages, message-protection.
 */
import { type Codec, decode, encode, equal, Secret } from '@famichat/base'
import type { CipherSuite } from '../../dist/crypto/cipher-suite.js'
import { makeSigner } from '../../dist/crypto/signer.js'
import { MlsError } from '../../dist/errors.js'
import { openSenderData, protectPrivate, unprotectPrivate } from '../../dist/framing/private-message.js'
import { protectPublic, unprotectPublic } from '../../dist/framing/public-message.js'
import { type SignedContent, signContent, verifySignedContent, withConfirmationTag } from '../../dist/framing/signed-content.js'
import { SecretTree } from '../../dist/schedule/secret-tree.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import { GroupContext, GroupSecrets } from '../../dist/wire/group-info.js'
import { RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { Content, decodeMessage, encodeMessage, type MLSMessage } from '../../dist/wire/message.js'
import { Commit, Proposal } from '../../dist/wire/proposal.js'
import { ContentType, ProposalType, ProtocolVersion, SenderType, WireFormat } from '../../dist/wire/registries.js'
import { bytes, type Case, expect, number, suiteOf } from './vector-file.js'

const WIRE_FORMATS: Readonly<Record<string, WireFormat>> = {
  mls_welcome: WireFormat.welcome,
  mls_group_info: WireFormat.groupInfo,
  mls_key_package: WireFormat.keyPackage,
  public_message_application: WireFormat.publicMessage,
  public_message_proposal: WireFormat.publicMessage,
  public_message_commit: WireFormat.publicMessage,
  private_message: WireFormat.privateMessage,
}

const PROPOSALS: Readonly<Record<string, number>> = {
  add_proposal: ProposalType.add,
  update_proposal: ProposalType.update,
  remove_proposal: ProposalType.remove,
  pre_shared_key_proposal: ProposalType.psk,
  re_init_proposal: ProposalType.reinit,
  external_init_proposal: ProposalType.externalInit,
  group_context_extensions_proposal: ProposalType.groupContextExtensions,
}

const roundTrip = <T>(codec: Codec<T>, given: Case, key: string): void => {
  expect(equal(encode(codec, decode(codec, bytes(given, key))), bytes(given, key)), key)
}

export const messages = (given: Case): void => {
  for (const [key, format] of Object.entries(WIRE_FORMATS)) {
    const message = decodeMessage(bytes(given, key))
    expect(message.wireFormat === format && equal(encodeMessage(message), bytes(given, key)), key)
  }
  // these fields hold the proposal's content without its type
  for (const [key, type] of Object.entries(PROPOSALS)) {
    const content = bytes(given, key)
    const whole = new Uint8Array(2 + content.length)
    whole[1] = type
    whole.set(content, 2)
    expect(equal(encode(Proposal, decode(Proposal, whole)), whole), key)
  }
  roundTrip(RatchetTreeNodes, given, 'ratchet_tree')
  roundTrip(GroupSecrets, given, 'group_secrets')
  roundTrip(Commit, given, 'commit')
}

const SENDER = toLeafIndex(1)

export const messageProtection = async (given: Case): Promise<void> => {
  const suite = suiteOf(given)
  const groupContext = encode(GroupContext, {
    version: ProtocolVersion.mls10,
    cipherSuite: suite.id,
    groupId: bytes(given, 'group_id'),
    epoch: BigInt(number(given, 'epoch')),
    treeHash: bytes(given, 'tree_hash'),
    confirmedTranscriptHash: bytes(given, 'confirmed_transcript_hash'),
    extensions: [],
  })
  const epoch: ProtectedEpoch = {
    suite,
    groupContext,
    signatureKey: bytes(given, 'signature_pub'),
    membershipKey: new Secret(bytes(given, 'membership_key')),
    senderDataSecret: new Secret(bytes(given, 'sender_data_secret')),
    freshTree: () => SecretTree.fromEncryptionSecret(suite, new Secret(bytes(given, 'encryption_secret')), 2),
  }
  const contents: Readonly<Record<string, Content>> = {
    proposal: { contentType: ContentType.proposal, proposal: decode(Proposal, bytes(given, 'proposal')) },
    commit: { contentType: ContentType.commit, commit: decode(Commit, bytes(given, 'commit')) },
    application: { contentType: ContentType.application, applicationData: bytes(given, 'application') },
  }
  const signer = await makeSigner(suite, new Secret(bytes(given, 'signature_priv')))
  for (const [name, content] of Object.entries(contents)) {
    const holds = (signed: SignedContent, what: string): void => {
      expect(equal(encode(Content, signed.content.content), encode(Content, content)), what)
    }
    holds(await openAny(epoch, decodeMessage(bytes(given, `${name}_priv`))), `${name}_priv`)
    const sign = async (format: WireFormat): Promise<SignedContent> => {
      const signed = await signContent(signer, format, {
        groupId: bytes(given, 'group_id'), epoch: BigInt(number(given, 'epoch')), sender: { senderType: SenderType.member, leafIndex: SENDER },
        authenticatedData: new Uint8Array(0), content,
      }, groupContext)
      return content.contentType === ContentType.commit ? withConfirmationTag(signed, new Uint8Array(suite.hashLength)) : signed
    }
    const messageKey = epoch.freshTree().takeSendingKey(SENDER, content.contentType)
    const privateMessage = protectPrivate(suite, await sign(WireFormat.privateMessage), {
      senderDataSecret: epoch.senderDataSecret, messageKey, leafIndex: SENDER, paddingBytes: 7,
    })
    holds(await openAny(epoch, { wireFormat: WireFormat.privateMessage, privateMessage }), `own ${name}_priv`)
    const publicMessage = protectPublic(suite, await sign(WireFormat.publicMessage), { membershipKey: epoch.membershipKey, groupContext })
    const own: MLSMessage = { wireFormat: WireFormat.publicMessage, publicMessage }
    if (content.contentType === ContentType.application) {
      const refused = await openAny(epoch, own).then(() => false, (error: unknown) => error instanceof MlsError)
      expect(refused, 'application data as a PublicMessage is refused')
    } else {
      holds(await openAny(epoch, decodeMessage(bytes(given, `${name}_pub`))), `${name}_pub`)
      holds(await openAny(epoch, own), `own ${name}_pub`)
    }
  }
}

interface ProtectedEpoch {
  readonly suite: CipherSuite
  readonly groupContext: Uint8Array
  readonly signatureKey: Uint8Array
  readonly membershipKey: Secret
  readonly senderDataSecret: Secret
  readonly freshTree: () => SecretTree
}

const openAny = async (epoch: ProtectedEpoch, message: MLSMessage): Promise<SignedContent> => {
  const { suite, groupContext, signatureKey, membershipKey } = epoch
  const signed = message.wireFormat === WireFormat.publicMessage
    ? unprotectPublic(suite, message.publicMessage, { membershipKey, groupContext })
    : openPrivate(epoch, message)
  await verifySignedContent(suite, signed, { signatureKey, groupContext })
  return signed
}

const openPrivate = ({ suite, senderDataSecret, freshTree }: ProtectedEpoch, message: MLSMessage): SignedContent => {
  if (message.wireFormat !== WireFormat.privateMessage) throw new TypeError('a PrivateMessage is expected')
  const senderData = openSenderData(suite, message.privateMessage, senderDataSecret)
  const messageKey = freshTree().peek(senderData.leafIndex, message.privateMessage.contentType, senderData.generation)
  return unprotectPrivate(suite, message.privateMessage, { senderData, messageKey })
}
