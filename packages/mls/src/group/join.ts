/**
 * Joining by Welcome (RFC 9420 §12.4.3.1): open it, trust nothing in it, and arrive at an epoch.
 * Layer: group. Nothing is kept when it fails: the KeyPackage stays usable.
 */
import { decode, decodeSecret, EMPTY, encode, equal, present, Secret } from '@famichat/base'
import type { MaybePromise } from '../crypto/backend.js'
import { type CipherSuite, makeCipherSuite } from '../crypto/cipher-suite.js'
import { decryptWithLabel, openWithKeys } from '../crypto/labels.js'
import type { Signer } from '../crypto/signer.js'
import { check, MlsError } from '../errors.js'
import { confirmationTag, deriveEpoch, deriveWelcomeSecret, welcomeKeyAndNonce } from '../schedule/key-schedule.js'
import { derivePskSecret, type PreSharedKey } from '../schedule/psk.js'
import { ExporterTree } from '../schedule/exporter-tree.js'
import { SecretTree } from '../schedule/secret-tree.js'
import { interimTranscriptHash } from '../schedule/transcript.js'
import { commonAncestor, directPath, leafToNode, type NodeIndex } from '../tree/math.js'
import { RatchetTree } from '../tree/ratchet-tree.js'
import { climb, type PrivateKeys } from '../tree/treekem.js'
import type { Census } from '../validate/census.js'
import { validateExtensions } from '../validate/extensions.js'
import type { GroupRules } from '../validate/leaf-node.js'
import { validateTree } from '../validate/tree.js'
import { GroupInfo, GroupSecrets, type Welcome } from '../wire/group-info.js'
import { LeafNode, RatchetTreeNodes } from '../wire/leaf-node.js'
import { ExtensionType, type LeafIndex } from '../wire/registries.js'
import { receivingTime, type ResolvedConfig } from './config.js'
import { type Epoch, wipeEpoch, withBytes } from './epoch.js'
import { verifyGroupInfo } from './group-info.js'
import type { GroupState } from './group-state.js'
import type { KeyPackageBundle } from './key-package-bundle.js'
import { requireOwnSigner } from './membership.js'
import { lookUpPsks } from './psks.js'
import { findLink, validateSuccessor } from './validate-successor.js'

/** What a joiner brings. */
export interface JoinRequest {
  readonly config: ResolvedConfig
  readonly signer: Pick<Signer, 'publicKey'>
  readonly welcome: Welcome
  /** KeyPackages of this client that a Welcome may name. Their keys stay the caller's, and are copied. */
  readonly keyPackages: readonly KeyPackageBundle[]
  /** The encoded ratchet_tree when it does not come in the Welcome (§12.4.3.3). */
  readonly ratchetTree?: Uint8Array
  /** The state of a group this client is or was in: a successor is measured by it. */
  readonly findGroup?: (groupId: Uint8Array) => GroupState | undefined
  readonly isKnownGroup?: (groupId: Uint8Array) => MaybePromise<boolean>
  readonly isConsumed?: (keyPackageRef: Uint8Array) => MaybePromise<boolean>
}

export interface Joined {
  readonly epoch: Epoch
  readonly census: Census
  readonly keyPackage: KeyPackageBundle
  readonly groupInfo: GroupInfo
  readonly psks: readonly PreSharedKey[]
}

/** @throws MlsError `mls.welcome.*` | `mls.group_info.*` | `mls.tree.*` | `mls.leaf.*` | `mls.psk.*` | BaseError `base.codec.*` */
export const joinByWelcome = async (request: JoinRequest): Promise<Joined> => {
  const { config, welcome } = request
  const keyPackage = findKeyPackage(request)
  const suite = makeCipherSuite(welcome.cipherSuite, config.backend, config.random)
  check(keyPackage.keyPackage.cipherSuite === suite.id, 'mls.welcome.wrong_suite')
  requireOwnSigner(request.signer, keyPackage.keyPackage.leafNode)
  // §16.8: only a last resort serves twice
  check(keyPackage.isLastResort || await request.isConsumed?.(keyPackage.ref) !== true, 'mls.key_package.consumed')
  const groupSecrets = await openGroupSecrets(suite, welcome, keyPackage)
  try {
    return await arrive(request, { suite, keyPackage, groupSecrets })
  } finally {
    for (const spent of [groupSecrets.joinerSecret, groupSecrets.pathSecret?.pathSecret]) spent?.wipe()
  }
}

interface OpenedWelcome {
  readonly suite: CipherSuite
  readonly keyPackage: KeyPackageBundle
  readonly groupSecrets: GroupSecrets
}

/** Validates the group a Welcome leads to, and derives its epoch (§12.4.3.1). */
const arrive = async (request: JoinRequest, { suite, keyPackage, groupSecrets }: OpenedWelcome): Promise<Joined> => {
  const { config, welcome } = request
  for (const { pskNonce } of groupSecrets.psks) check(pskNonce.length === suite.hashLength, 'mls.psk.bad_nonce', { length: pskNonce.length })
  const link = findLink(groupSecrets.psks, request.findGroup)
  const psks = await lookUpPsks(groupSecrets.psks, config.psks, ...(link ? [link.psks] : []))
  const secrets = { joinerSecret: groupSecrets.joinerSecret, pskSecret: derivePskSecret(suite, psks) }
  const privateKeys = new Map<NodeIndex, Secret>()
  try {
    const groupInfo = openGroupInfo(suite, welcome, secrets)
    const { groupContext } = groupInfo
    check(groupContext.cipherSuite === suite.id, 'mls.welcome.wrong_suite')
    validateExtensions(groupInfo.extensions, 'groupInfo')
    validateExtensions(groupContext.extensions, 'groupContext')

    const tree = takeTree(groupInfo, request.ratchetTree)
    const rules = rulesFor(config, suite, groupInfo)
    const ownLeaf = findOwnLeaf(tree, keyPackage)
    supportsExtensions(keyPackage.keyPackage.leafNode, groupInfo)
    const signerLeaf = tree.leaf(groupInfo.signer)
    check(signerLeaf !== undefined, 'mls.group_info.bad_signature')
    await verifyGroupInfo(suite, groupInfo, signerLeaf.signatureKey)
    // §12.4.3.1: the group_id is unique among the groups of the client
    check(await request.isKnownGroup?.(groupContext.groupId) !== true, 'mls.welcome.known_group')
    const census = await validateTree(rules, tree, groupContext)
    if (link !== undefined) await validateSuccessor(config.authentication, link, { groupContext, tree })

    privateKeys.set(leafToNode(ownLeaf), keyPackage.encryptionPrivateKey.clone())
    if (groupSecrets.pathSecret !== undefined) {
      const keys = await pathKeys(suite, tree, { ownLeaf, signer: groupInfo.signer, pathSecret: groupSecrets.pathSecret.pathSecret })
      for (const [node, key] of keys) privateKeys.set(node, key)
    }
    checkKeysAbove(tree, ownLeaf, privateKeys)
    return { epoch: deriveJoinedEpoch(suite, secrets, { groupInfo, tree, privateKeys, ownLeaf }), census, keyPackage, groupInfo, psks }
  } catch (error) {
    for (const key of privateKeys.values()) key.wipe()
    throw error
  } finally {
    secrets.pskSecret.wipe()
  }
}

/** @throws MlsError `mls.group_info.bad_confirmation_tag` */
const deriveJoinedEpoch = (
  suite: CipherSuite, secrets: { readonly joinerSecret: Secret; readonly pskSecret: Secret },
  { groupInfo, tree, privateKeys, ownLeaf }: {
    readonly groupInfo: GroupInfo; readonly tree: RatchetTree; readonly privateKeys: PrivateKeys; readonly ownLeaf: LeafIndex
  },
): Epoch => {
  const { context, contextBytes } = withBytes(groupInfo.groupContext)
  const derived = deriveEpoch(suite, secrets, contextBytes)
  derived.welcomeSecret.wipe()
  const tag = confirmationTag(suite, derived.secrets.confirmationKey, context.confirmedTranscriptHash)
  const epoch: Epoch = {
    suite,
    context,
    contextBytes,
    tree: tree.freeze(),
    interimTranscriptHash: interimTranscriptHash(suite, context.confirmedTranscriptHash, tag),
    confirmationTag: tag,
    secrets: derived.secrets,
    secretTree: SecretTree.fromEncryptionSecret(suite, derived.encryptionSecret, tree.leafCount),
    exporterTree: ExporterTree.fromRoot(suite, derived.applicationExportSecret),
    privateKeys,
    ownLeaf,
  }
  if (equal(tag, groupInfo.confirmationTag)) return epoch
  wipeEpoch(epoch)
  throw new MlsError('mls.group_info.bad_confirmation_tag')
}

/** The rules a joiner measures a group's leaves by. */
export const rulesFor = (config: ResolvedConfig, suite: CipherSuite, { groupContext }: GroupInfo): GroupRules => ({
  suite, extensions: groupContext.extensions, authentication: config.authentication, nowSeconds: receivingTime(config),
  maxLifetimeSeconds: config.policy.maxLifetimeSeconds,
})

/** The tree from the GroupInfo or from elsewhere; both must agree (§12.4.3.3). @throws MlsError `mls.welcome.*` | `mls.tree.*` */
export const takeTree = (groupInfo: GroupInfo, given: Uint8Array | undefined): RatchetTree => {
  const inside = groupInfo.extensions.find(({ extensionType }) => extensionType === ExtensionType.ratchetTree)?.extensionData
  check(inside === undefined || given === undefined || equal(inside, given), 'mls.welcome.tree_disagrees')
  // the caller may use its buffer again
  const bytes = inside ?? given?.slice()
  check(bytes !== undefined, 'mls.welcome.no_tree')
  return RatchetTree.fromNodes(decode(RatchetTreeNodes, bytes))
}

/** §13.4: a joiner MUST support every extension of the group. @throws MlsError `mls.extension.unsupported` */
export const supportsExtensions = ({ capabilities }: Pick<LeafNode, 'capabilities'>, { groupContext }: GroupInfo): void => {
  for (const { extensionType } of groupContext.extensions) {
    const supported = extensionType <= ExtensionType.externalSenders || capabilities.extensions.includes(extensionType)
    check(supported, 'mls.extension.unsupported', { extensionType })
  }
}

const findKeyPackage = ({ welcome, keyPackages }: JoinRequest): KeyPackageBundle => {
  const found = keyPackages.find(({ ref }) => welcome.secrets.some(({ newMember }) => equal(newMember, ref)))
  check(found !== undefined, 'mls.welcome.not_for_me')
  check(welcome.secrets.filter(({ newMember }) => equal(newMember, found.ref)).length === 1, 'mls.welcome.repeated_entry')
  return found
}

const openGroupSecrets = async (suite: CipherSuite, welcome: Welcome, bundle: KeyPackageBundle): Promise<GroupSecrets> => {
  const entry = present(welcome.secrets.find(({ newMember }) => equal(newMember, bundle.ref)), 'the entry was found by its reference')
  const recipient = { publicKey: bundle.keyPackage.initKey, privateKey: bundle.initPrivateKey }
  let plaintext: Secret
  try {
    const message = { context: welcome.encryptedGroupInfo, sealed: entry.encryptedGroupSecrets }
    plaintext = await decryptWithLabel(suite, recipient, 'Welcome', message)
  } catch (error) {
    throw new MlsError('mls.welcome.undecryptable', {}, { cause: error })
  }
  try {
    return decodeSecret(GroupSecrets, plaintext)
  } finally {
    plaintext.wipe()
  }
}

const openGroupInfo = (
  suite: CipherSuite, welcome: Welcome, secrets: { readonly joinerSecret: Secret; readonly pskSecret: Secret },
): GroupInfo => {
  const welcomeSecret = deriveWelcomeSecret(suite, secrets)
  const keys = welcomeKeyAndNonce(suite, welcomeSecret)
  welcomeSecret.wipe()
  try {
    return decode(GroupInfo, openWithKeys(suite, keys, EMPTY, welcome.encryptedGroupInfo))
  } catch (error) {
    if (error instanceof MlsError) throw new MlsError('mls.welcome.undecryptable', {}, { cause: error })
    throw error
  } finally {
    keys.key.wipe()
  }
}

/** §12.4.3.1: the leaf that is identical to the one in the KeyPackage. */
const findOwnLeaf = (tree: RatchetTree, { keyPackage }: KeyPackageBundle): LeafIndex => {
  const own = encode(LeafNode, keyPackage.leafNode)
  for (const [index, leaf] of tree.members()) {
    if (equal(leaf.encryptionKey, keyPackage.leafNode.encryptionKey) && equal(encode(LeafNode, leaf), own)) return index
  }
  throw new MlsError('mls.welcome.not_in_tree')
}

/** Keys from the common ancestor with the committer up to the root (§12.4.3.1). */
const pathKeys = async (
  suite: CipherSuite, tree: RatchetTree,
  { ownLeaf, signer, pathSecret }: { readonly ownLeaf: LeafIndex; readonly signer: LeafIndex; readonly pathSecret: Secret },
): Promise<ReadonlyMap<NodeIndex, Secret>> => {
  check(pathSecret.length === suite.hashLength && ownLeaf !== signer, 'mls.welcome.bad_path_secret')
  const ancestor = commonAncestor(ownLeaf, signer, tree.leafCount)
  const steps = tree.filteredDirectPath(signer)
  const from = steps.findIndex(({ node }) => node === ancestor)
  const above = steps.slice(from)
  check(from >= 0 && above.every(({ node }) => !tree.isBlank(node)), 'mls.welcome.bad_path_secret')
  try {
    const { commitSecret, privateKeys } = await climb(suite, tree, above, pathSecret)
    commitSecret.wipe()
    return privateKeys
  } catch (error) {
    throw new MlsError('mls.welcome.bad_path_secret', {}, { cause: error })
  } finally {
    pathSecret.wipe()
  }
}

/**
 * A key above the own leaf is known to everybody below it but those who came later (§4.2): one that is not would stop this member at
 * the next commit that is sealed to it, so whoever left its secret out of the Welcome is refused here.
 * @throws MlsError `mls.welcome.bad_path_secret`
 */
const checkKeysAbove = (tree: RatchetTree, ownLeaf: LeafIndex, privateKeys: PrivateKeys): void => {
  for (const node of directPath(ownLeaf, tree.leafCount)) {
    const isKnown = privateKeys.has(node) || tree.parent(node)?.unmergedLeaves.includes(ownLeaf) !== false
    check(isKnown, 'mls.welcome.bad_path_secret', { node })
  }
}
