/**
 * Creating a group (RFC 9420 §11): one member, epoch 0.
 * Layer: group.
 */
import { Secret } from '@famichat/base'
import { DEFAULT_CIPHER_SUITE, makeCipherSuite } from '../crypto/cipher-suite.js'
import type { Signer } from '../crypto/signer.js'
import { confirmationTag, deriveFromEpochSecret } from '../schedule/key-schedule.js'
import { ExporterTree } from '../schedule/exporter-tree.js'
import { SecretTree } from '../schedule/secret-tree.js'
import { interimTranscriptHash } from '../schedule/transcript.js'
import { leafToNode, toLeafIndex } from '../tree/math.js'
import { RatchetTree } from '../tree/ratchet-tree.js'
import { treeHash } from '../tree/tree-hash.js'
import { freshKeyPair, signLeafNode } from '../tree/treekem.js'
import { Census } from '../validate/census.js'
import { validateExternalSenders } from '../validate/external-senders.js'
import { validateExtensions } from '../validate/extensions.js'
import { validateLeafNode } from '../validate/leaf-node.js'
import type { Extension } from '../wire/extension.js'
import { LeafNodeSource, ProtocolVersion } from '../wire/registries.js'
import { type GroupConfig, type ResolvedConfig, sendingTime } from './config.js'
import { withBytes } from './epoch.js'
import { GroupState } from './group-state.js'
import { type LeafParameters, makeLifetime } from './key-package-bundle.js'

/** What a creator decides. */
export interface NewGroup {
  readonly config: GroupConfig
  readonly signer: Signer
  /** Must be unique; random where the application has no reason to choose. */
  readonly groupId: Uint8Array
  /** Suite 3 unless said otherwise. */
  readonly cipherSuite?: number
  readonly leaf: LeafParameters
  /** Extensions of the GroupContext. */
  readonly extensions?: readonly Extension[]
}

/** @throws MlsError `mls.leaf.*` | `mls.extension.*` | `mls.crypto.unsupported_suite` */
export const createInitialState = async (config: ResolvedConfig, request: Omit<NewGroup, 'config'>): Promise<GroupState> => {
  const suite = makeCipherSuite(request.cipherSuite ?? DEFAULT_CIPHER_SUITE, config.backend, config.random)
  const extensions = request.extensions ?? []
  validateExtensions(extensions, 'groupContext')
  await validateExternalSenders(config.authentication, extensions)
  const { signer } = request
  // the caller may use its buffer again
  const groupId = request.groupId.slice()
  const nowSeconds = sendingTime(config)
  const ownLeaf = toLeafIndex(0)
  const leafKeys = await freshKeyPair(suite)
  const leafNode = await signLeafNode({
    encryptionKey: leafKeys.publicKey,
    signatureKey: signer.publicKey,
    credential: request.leaf.credential,
    capabilities: request.leaf.capabilities,
    source: { leafNodeSource: LeafNodeSource.keyPackage, lifetime: makeLifetime(nowSeconds, INITIAL_LIFETIME_SECONDS) },
    extensions: request.leaf.extensions ?? [],
  }, signer, { groupId, leafIndex: ownLeaf })
  const tree = RatchetTree.ofOne(leafNode).freeze()
  const rules = { suite, extensions, authentication: config.authentication, nowSeconds, maxLifetimeSeconds: config.policy.maxLifetimeSeconds }
  await validateLeafNode(rules, leafNode, { source: LeafNodeSource.keyPackage, position: { groupId, leafIndex: ownLeaf } })
  const census = Census.of(tree)
  census.validate(extensions)

  const { context, contextBytes } = withBytes({
    version: ProtocolVersion.mls10,
    cipherSuite: suite.id,
    groupId,
    epoch: 0n,
    treeHash: treeHash(suite, tree),
    confirmedTranscriptHash: new Uint8Array(0),
    extensions,
  })
  const epochSecret = new Secret(suite.random(suite.hashLength))
  const { secrets, encryptionSecret, applicationExportSecret } = deriveFromEpochSecret(suite, epochSecret)
  epochSecret.wipe()
  const tag = confirmationTag(suite, secrets.confirmationKey, context.confirmedTranscriptHash)
  const state = new GroupState({
    epoch: {
      suite,
      context,
      contextBytes,
      tree,
      interimTranscriptHash: interimTranscriptHash(suite, context.confirmedTranscriptHash, tag),
      confirmationTag: tag,
      secrets,
      secretTree: SecretTree.fromEncryptionSecret(suite, encryptionSecret, tree.leafCount),
      exporterTree: ExporterTree.fromRoot(suite, applicationExportSecret),
      privateKeys: new Map([[leafToNode(ownLeaf), leafKeys.privateKey]]),
      ownLeaf,
    },
    census,
  })
  state.recordWhole()
  return state
}

/** The creator's leaf is replaced by its first commit; until then it lives 30 days (E19). */
const INITIAL_LIFETIME_SECONDS = 30n * 24n * 3600n
