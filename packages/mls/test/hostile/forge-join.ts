/**
 * Forged joins: a GroupInfo and a Welcome around any tree, with the tree hash, signature, tags and encryption that
 * belong to it, so that only the check under test can refuse.
 */
import { decode, EMPTY, encode, Secret, utf8 } from '@famichat/base'
import { type Extension, ExtensionType, Group, type KeyPackageBundle, type LeafNode, type Signer } from '@famichat/mls'
import { encryptWithLabel, sealWithKeys, signWithLabel } from '../../dist/crypto/labels.js'
import { withBytes } from '../../dist/group/epoch.js'
import { confirmationTag, deriveEpoch, deriveExternalKeys, sendExternalInit, welcomeKeyAndNonce } from '../../dist/schedule/key-schedule.js'
import { derivePskSecret, type PreSharedKey } from '../../dist/schedule/psk.js'
import { RatchetTree } from '../../dist/tree/ratchet-tree.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import { treeHash } from '../../dist/tree/tree-hash.js'
import { ExternalPub, makeExtension } from '../../dist/wire/extension.js'
import { encodeGroupInfoTBS, type GroupContext, GroupInfo, GroupSecrets, type UnsignedGroupInfo, type Welcome } from '../../dist/wire/group-info.js'
import { RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { decodeMessage, encodeMessage } from '../../dist/wire/message.js'
import { type LeafIndex, NodeType, ProposalType, ProtocolVersion, SenderType, WireFormat } from '../../dist/wire/registries.js'
import { ExporterTree } from '../../dist/schedule/exporter-tree.js'
import { SecretTree } from '../../dist/schedule/secret-tree.js'
import { interimTranscriptHash } from '../../dist/schedule/transcript.js'
import { makeEpochSecrets } from '../../dist/schedule/key-schedule.js'
import { zeroSecret } from '../../dist/crypto/labels.js'
import type { Person } from '../builders.js'
import type { Forger } from './forge.js'
import type { Change } from './forge-leaf.js'

/** The group a newcomer is lured into. */
export interface JoinPlan {
  readonly signer: Signer
  readonly signerLeaf: LeafIndex
  readonly nodes: RatchetTreeNodes
  readonly context?: Change<GroupContext>
  readonly groupInfo?: Change<UnsignedGroupInfo>
  /** After signing. */
  readonly signedGroupInfo?: Change<GroupInfo>
  readonly confirmationTag?: Change<Uint8Array>
  readonly extensions?: readonly Extension[]
  /** False: the tree travels elsewhere. */
  readonly withTree?: boolean
  /** The content of the ratchet_tree extension. */
  readonly treeBytes?: Change<Uint8Array>
}

export interface WelcomePlan extends JoinPlan {
  readonly secrets?: Change<GroupSecrets>
  readonly welcome?: Change<Welcome>
  readonly psks?: readonly PreSharedKey[]
  readonly pathSecret?: Secret
}

/** The nodes of a tree of leaves without any parent. */
export const flatNodes = (...leaves: readonly (LeafNode | undefined)[]): RatchetTreeNodes =>
  leaves.flatMap((leafNode, index) => {
    const node = leafNode && { nodeType: NodeType.leaf, leafNode }
    return index === 0 ? [node] : [undefined, node]
  })

/** The tree hash, where there is a tree at all. */
const hashOf = (person: Person, nodes: RatchetTreeNodes): Uint8Array => {
  try {
    return treeHash(person.suite, RatchetTree.fromNodes(nodes))
  } catch {
    return new Uint8Array(person.suite.hashLength)
  }
}

const contextOf = (person: Person, plan: JoinPlan): GroupContext => {
  const honest: GroupContext = {
    version: ProtocolVersion.mls10,
    cipherSuite: person.suite.id,
    groupId: utf8('forged group'),
    epoch: 5n,
    treeHash: hashOf(person, plan.nodes),
    confirmedTranscriptHash: person.suite.random(person.suite.hashLength),
    extensions: [],
  }
  return plan.context?.(honest) ?? honest
}

/** A Welcome for the owner of `bundle`, made by somebody who holds every key and respects no rule. */
export const forgeWelcome = async (person: Person, bundle: KeyPackageBundle, plan: WelcomePlan): Promise<Uint8Array> => {
  const { suite } = person
  const context = contextOf(person, plan)
  const joinerSecret = new Secret(suite.random(suite.hashLength))
  const pskSecret = derivePskSecret(suite, plan.psks ?? [])
  const { secrets: epochSecrets, welcomeSecret } = deriveEpoch(suite, { joinerSecret, pskSecret }, withBytes(context).contextBytes)
  const tag = confirmationTag(suite, epochSecrets.confirmationKey, context.confirmedTranscriptHash)
  const groupInfo = await signGroupInfo(plan, context, plan.confirmationTag?.(tag) ?? tag)
  const encryptedGroupInfo = sealWithKeys(suite, welcomeKeyAndNonce(suite, welcomeSecret), EMPTY, encode(GroupInfo, groupInfo))
  const honest: GroupSecrets = {
    joinerSecret, pathSecret: plan.pathSecret && { pathSecret: plan.pathSecret }, psks: (plan.psks ?? []).map(({ id }) => id),
  }
  const plaintext = new Secret(encode(GroupSecrets, plan.secrets?.(honest) ?? honest))
  const sealed = await encryptWithLabel(suite, bundle.keyPackage.initKey, 'Welcome', { context: encryptedGroupInfo, plaintext })
  const welcome: Welcome = { cipherSuite: suite.id, secrets: [{ newMember: bundle.ref, encryptedGroupSecrets: sealed }], encryptedGroupInfo }
  return encodeMessage({ wireFormat: WireFormat.welcome, welcome: plan.welcome?.(welcome) ?? welcome })
}

/** A GroupInfo that lets non-members join, with the secret behind its external_pub thrown away. */
export const forgeGroupInfo = async (person: Person, plan: JoinPlan): Promise<Uint8Array> => {
  const { suite } = person
  const { publicKey } = await deriveExternalKeys(suite, new Secret(suite.random(suite.hashLength)))
  const external = makeExtension(ExtensionType.externalPub, ExternalPub, { externalPub: publicKey })
  const extensions = [...(plan.extensions ?? []), external]
  const tag = plan.confirmationTag?.(suite.random(suite.hashLength)) ?? suite.random(suite.hashLength)
  const groupInfo = await signGroupInfo({ ...plan, extensions }, contextOf(person, plan), tag)
  return encodeMessage({ wireFormat: WireFormat.groupInfo, groupInfo })
}

const signGroupInfo = async (plan: JoinPlan, groupContext: GroupContext, tag: Uint8Array): Promise<GroupInfo> => {
  const extensions = [...(plan.extensions ?? [])]
  const treeBytes = encode(RatchetTreeNodes, plan.nodes)
  if (plan.withTree !== false) extensions.push({ extensionType: ExtensionType.ratchetTree, extensionData: plan.treeBytes?.(treeBytes) ?? treeBytes })
  const honest: UnsignedGroupInfo = { groupContext, extensions, confirmationTag: tag, signer: plan.signerLeaf }
  const unsigned = plan.groupInfo?.(honest) ?? honest
  const signed = { ...unsigned, signature: await signWithLabel(plan.signer, 'GroupInfoTBS', encodeGroupInfoTBS(unsigned)) }
  return plan.signedGroupInfo?.(signed) ?? signed
}

/** Joins by a Welcome. */
export const joinWith = (
  person: Person, welcome: Uint8Array, bundle: KeyPackageBundle, ratchetTree?: Uint8Array,
): Promise<{ readonly group: Group; readonly keyPackage: KeyPackageBundle }> =>
  Group.join({ config: person.config, signer: person.signer, welcome, keyPackages: [bundle], ...(ratchetTree ? { ratchetTree } : {}) })

/** Somebody outside of a group who makes external commits by its own rules. */
export interface Outsider extends Forger {
  readonly kemOutput: Uint8Array
  readonly initSecret: Secret
  readonly externalInit: { readonly proposalType: typeof ProposalType.externalInit; readonly kemOutput: Uint8Array }
}

/** Reads an honest GroupInfo and stands ready to commit. */
export const outsiderOf = async (person: Person, groupInfoMessage: Uint8Array): Promise<Outsider> => {
  const message = decodeMessage(groupInfoMessage.slice())
  if (message.wireFormat !== WireFormat.groupInfo) throw new TypeError('a GroupInfo is expected')
  const { groupInfo } = message
  const find = (type: number): Uint8Array => groupInfo.extensions.find(({ extensionType }) => extensionType === type)?.extensionData ?? EMPTY
  const tree = RatchetTree.fromNodes(decode(RatchetTreeNodes, find(ExtensionType.ratchetTree))).freeze()
  const { externalPub } = decode(ExternalPub, find(ExtensionType.externalPub))
  const { suite } = person
  const { kemOutput, secret: initSecret } = await sendExternalInit(suite, externalPub)
  const { context, contextBytes } = withBytes(groupInfo.groupContext)
  return {
    person,
    kemOutput,
    initSecret,
    externalInit: { proposalType: ProposalType.externalInit, kemOutput },
    sender: { senderType: SenderType.newMemberCommit },
    epoch: {
      suite, context, contextBytes, tree,
      interimTranscriptHash: interimTranscriptHash(suite, context.confirmedTranscriptHash, groupInfo.confirmationTag),
      confirmationTag: groupInfo.confirmationTag,
      secrets: makeEpochSecrets(() => zeroSecret(suite)),
      secretTree: SecretTree.fromEncryptionSecret(suite, zeroSecret(suite), tree.leafCount),
      exporterTree: ExporterTree.fromRoot(suite, zeroSecret(suite)),
      privateKeys: new Map(),
      ownLeaf: toLeafIndex(0),
    },
  }
}
