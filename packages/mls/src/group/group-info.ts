/**
 * GroupInfo and Welcome (RFC 9420 §12.4.3): how a member tells newcomers where the group stands.
 * Layer: group.
 */
import { EMPTY, encode, Secret, withEncoding } from '@famichat/base'
import type { BegunEncapsulations } from '../crypto/batch.js'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { encryptAllWithLabel, makeKeyPackageRef, sealWithKeys, signWithLabel, verifyWithLabel } from '../crypto/labels.js'
import type { Signer } from '../crypto/signer.js'
import { check } from '../errors.js'
import { deriveExternalKeys, welcomeKeyAndNonce } from '../schedule/key-schedule.js'
import { commonAncestor, type NodeIndex } from '../tree/math.js'
import { validateExtensions } from '../validate/extensions.js'
import { type Extension, ExternalPub, makeExtension } from '../wire/extension.js'
import { encodeGroupInfoTBS, GroupInfo, GroupSecrets, type Welcome } from '../wire/group-info.js'
import { KeyPackage } from '../wire/key-package.js'
import { RatchetTreeNodes } from '../wire/leaf-node.js'
import type { PreSharedKeyID } from '../wire/proposal.js'
import { ExtensionType, type LeafIndex } from '../wire/registries.js'
import type { AddedMember } from './apply-proposals.js'
import type { Epoch } from './epoch.js'

/** What a GroupInfo carries besides the context. */
export interface GroupInfoContents {
  /** The whole ratchet tree (§12.4.3.3). */
  readonly withTree: boolean
  /** The key that lets non-members join (§12.4.3.2). */
  readonly withExternalPub: boolean
  readonly extensions?: readonly Extension[]
}

/** Builds and signs a GroupInfo of an epoch (§12.4.3). @throws MlsError `mls.extension.*` */
export const makeGroupInfo = async (epoch: Epoch, signer: Signer, contents: GroupInfoContents): Promise<GroupInfo> => {
  const extensions: Extension[] = [...(contents.extensions ?? [])]
  if (contents.withTree) extensions.push(makeExtension(ExtensionType.ratchetTree, RatchetTreeNodes, epoch.tree.toNodes()))
  if (contents.withExternalPub) {
    const { publicKey, privateKey } = await deriveExternalKeys(epoch.suite, epoch.secrets.externalSecret)
    privateKey.wipe()
    extensions.push(makeExtension(ExtensionType.externalPub, ExternalPub, { externalPub: publicKey }))
  }
  // what a newcomer would refuse is refused here
  validateExtensions(extensions, 'groupInfo')
  const unsigned = { groupContext: epoch.context, extensions, confirmationTag: epoch.confirmationTag, signer: epoch.ownLeaf }
  return { ...unsigned, signature: await signWithLabel(signer, 'GroupInfoTBS', encodeGroupInfoTBS(unsigned)) }
}

/** @throws MlsError `mls.group_info.bad_signature` */
export const verifyGroupInfo = async (suite: CipherSuite, groupInfo: GroupInfo, signatureKey: Uint8Array): Promise<void> => {
  const content = encodeGroupInfoTBS(groupInfo)
  const genuine = await verifyWithLabel(suite, signatureKey, 'GroupInfoTBS', { content, signature: groupInfo.signature })
  check(genuine, 'mls.group_info.bad_signature')
}

/** What newcomers learn. */
export interface WelcomeContents {
  readonly groupInfo: GroupInfo
  readonly added: readonly AddedMember[]
  /** Encapsulations to their init_keys. */
  readonly work: BegunEncapsulations
  readonly joinerSecret: Secret
  readonly welcomeSecret: Secret
  /** By node; empty when the commit has no path. */
  readonly pathSecrets: ReadonlyMap<NodeIndex, Secret>
  readonly psks: readonly PreSharedKeyID[]
  readonly committer: LeafIndex
  readonly leafCount: number
}

/** Builds one Welcome for all new members (§12.4.3.1). */
export const makeWelcome = async (suite: CipherSuite, contents: WelcomeContents): Promise<Welcome> => {
  const { added, joinerSecret, pathSecrets, psks, committer, leafCount } = contents
  const keys = welcomeKeyAndNonce(suite, contents.welcomeSecret)
  const encryptedGroupInfo = sealWithKeys(suite, keys, EMPTY, encode(GroupInfo, contents.groupInfo))
  keys.key.wipe()
  // newcomers below the same node of the path learn the same
  const learned = new Map<Secret | undefined, Secret>()
  const plaintexts = added.map(({ leafIndex }) => {
    const pathSecret = pathSecrets.get(commonAncestor(leafIndex, committer, leafCount))
    const known = learned.get(pathSecret)
    if (known !== undefined) return known
    const plaintext = new Secret(encode(GroupSecrets, { joinerSecret, pathSecret: pathSecret && { pathSecret }, psks }))
    learned.set(pathSecret, plaintext)
    return plaintext
  })
  // first what takes no encapsulation: those go on meanwhile
  const newMembers = added.map(({ keyPackage }) => withEncoding(KeyPackage, keyPackage, (bytes) => makeKeyPackageRef(suite, bytes)))
  const sealed = await encryptAllWithLabel(suite, contents.work, 'Welcome', { context: encryptedGroupInfo, plaintexts })
  for (const plaintext of learned.values()) plaintext.wipe()
  return {
    cipherSuite: suite.id,
    secrets: sealed.flatMap((encryptedGroupSecrets, index) => {
      const newMember = newMembers[index]
      return newMember === undefined ? [] : [{ newMember, encryptedGroupSecrets }]
    }),
    encryptedGroupInfo,
  }
}
