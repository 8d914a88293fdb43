/**
 * Forged commits: any proposals, any path, with the key schedule, tags and encryption that belong to them.
 */
import { EMPTY, encode, Secret } from '@famichat/base'
import type { Extension, LeafNode, Proposal, SentProposal, Signer } from '@famichat/mls'
import { deriveSecret, encryptWithLabel } from '../../dist/crypto/labels.js'
import { withConfirmationTag } from '../../dist/framing/signed-content.js'
import { advance, type Advanced, provisionalContext } from '../../dist/group/advance.js'
import type { PreSharedKey } from '../../dist/schedule/psk.js'
import { leafToNode, type NodeIndex } from '../../dist/tree/math.js'
import type { PathStep, RatchetTree } from '../../dist/tree/ratchet-tree.js'
import { parentHash } from '../../dist/tree/tree-hash.js'
import { deriveNodeKeys, freshKeyPair, signLeafNode } from '../../dist/tree/treekem.js'
import { GroupContext } from '../../dist/wire/group-info.js'
import type { LeafPosition, UnsignedLeafNode } from '../../dist/wire/leaf-node.js'
import type { ProposalOrRef, UpdatePath, UpdatePathNode } from '../../dist/wire/proposal.js'
import { ContentType, type LeafIndex, LeafNodeSource, ProposalOrRefType, ProposalType, SenderType } from '../../dist/wire/registries.js'
import { type Forger, forgeSigned, frame, type FramePlan } from './forge.js'
import type { Change } from './forge-leaf.js'

/** What to do differently when a path is made. */
export interface PathPlan {
  readonly leaf?: Change<UnsignedLeafNode>
  readonly leafSigner?: Signer
  readonly position?: Partial<LeafPosition>
  /** After signing. */
  readonly signedLeaf?: Change<LeafNode>
  /** Public keys of the path's nodes, from the leaf up. */
  readonly nodeKeys?: Change<readonly Uint8Array[]>
  readonly parentHash?: Change<Uint8Array>
  /** The path secret sealed at a step. */
  readonly sealed?: (secret: Secret, step: number) => Secret
  /** The encoded context path secrets are sealed in. */
  readonly sealContext?: Change<Uint8Array>
  /** The whole path, before it is signed. */
  readonly path?: Change<UpdatePath>
  /** Seals to new leaves, too. */
  readonly sealToNewLeaves?: boolean
}

export interface CommitPlan extends FramePlan, PathPlan {
  readonly proposals?: readonly (Proposal | SentProposal)[]
  /** Appended to the proposals as they travel; not applied. */
  readonly extraEntries?: readonly ProposalOrRef[]
  readonly withPath?: boolean
  readonly psks?: readonly PreSharedKey[]
  readonly extensions?: readonly Extension[]
  /** External commits: the init_secret that came with ExternalInit. */
  readonly initSecret?: Secret
  /** Changes the tree after the proposals are applied. */
  readonly tree?: (tree: RatchetTree) => void
}

export interface ForgedCommit {
  readonly message: Uint8Array
  readonly advanced: Advanced
  readonly tree: RatchetTree
}

/** A commit that skips every check of its own. */
export const forgeCommit = async (forger: Forger, plan: CommitPlan = {}): Promise<ForgedCommit> => {
  const { epoch, sender } = forger
  const proposals = (plan.proposals ?? []).map((entry): SentProposal =>
    ('proposal' in entry ? entry : { proposal: entry, sender, reference: undefined }))
  const { tree, newLeaves, extensions } = applyAnything(forger, proposals)
  plan.tree?.(tree)
  const leafIndex = sender.senderType === SenderType.member ? sender.leafIndex : tree.claimLeaf()
  const groupExtensions = plan.extensions ?? extensions
  const made = plan.withPath === false
    ? undefined
    : await forgePath(forger, { ...plan, leafIndex, tree, newLeaves, extensions: groupExtensions })
  const entries = proposals.map(({ proposal, reference }): ProposalOrRef => reference === undefined
    ? { type: ProposalOrRefType.proposal, proposal } : { type: ProposalOrRefType.reference, reference })
  const commit = { proposals: [...entries, ...(plan.extraEntries ?? [])], path: made?.path }
  const signed = await forgeSigned(forger, { contentType: ContentType.commit, commit }, plan)
  const advanced = advance(epoch, {
    tree,
    extensions: groupExtensions,
    commit: { wireFormat: signed.wireFormat, content: signed.contentBytes, signature: signed.auth.signature },
    initSecret: plan.initSecret,
    commitSecret: made?.commitSecret,
    psks: plan.psks ?? [],
    privateKeys: new Map(made?.privateKeys ?? epoch.privateKeys),
    ownLeaf: leafIndex,
  })
  const tag = advanced.next.confirmationTag
  const message = frame(forger, withConfirmationTag(signed, plan.confirmationTag?.(tag) ?? tag), plan)
  return { message, advanced, tree }
}

/** Applies whatever can be applied, in the order of §12.3. */
const applyAnything = ({ epoch }: Forger, proposals: readonly SentProposal[]): {
  readonly tree: RatchetTree; readonly newLeaves: ReadonlySet<LeafIndex>; readonly extensions: readonly Extension[]
} => {
  const tree = epoch.tree.edit()
  const newLeaves = new Set<LeafIndex>()
  let { extensions } = epoch.context
  for (const { proposal, sender } of proposals) {
    if (proposal.proposalType === ProposalType.groupContextExtensions) extensions = proposal.extensions
    if (proposal.proposalType === ProposalType.update && sender.senderType === SenderType.member) tree.update(sender.leafIndex, proposal.leafNode)
  }
  for (const { proposal } of proposals) {
    if (proposal.proposalType === ProposalType.remove && proposal.removed < tree.leafCount) tree.remove(proposal.removed)
  }
  tree.truncate()
  for (const { proposal } of proposals) {
    if (proposal.proposalType === ProposalType.add) newLeaves.add(tree.add(proposal.keyPackage.leafNode))
  }
  return { tree, newLeaves, extensions }
}

interface PathWork extends PathPlan {
  readonly leafIndex: LeafIndex
  readonly tree: RatchetTree
  readonly newLeaves: ReadonlySet<LeafIndex>
  readonly extensions: readonly Extension[]
}

interface MadePath {
  readonly path: UpdatePath
  readonly commitSecret: Secret
  readonly privateKeys: ReadonlyMap<NodeIndex, Secret>
}

const forgePath = async ({ epoch, person }: Forger, plan: PathWork): Promise<MadePath> => {
  const { suite, context } = epoch
  const { tree, leafIndex } = plan
  const steps = tree.filteredDirectPath(leafIndex)
  const pathSecrets: Secret[] = []
  const privateKeys = new Map<NodeIndex, Secret>()
  const honestKeys: Uint8Array[] = []
  let pathSecret = new Secret(suite.random(suite.hashLength))
  for (const { node } of steps) {
    const keys = await deriveNodeKeys(suite, pathSecret)
    honestKeys.push(keys.publicKey)
    privateKeys.set(node, keys.privateKey)
    pathSecrets.push(pathSecret)
    pathSecret = deriveSecret(suite, pathSecret, 'path')
  }
  const nodeKeys = plan.nodeKeys?.(honestKeys) ?? honestKeys
  const leafKeys = await freshKeyPair(suite)
  privateKeys.set(leafToNode(leafIndex), leafKeys.privateKey)
  const hash = setKeys(epoch, tree, { leafIndex, steps, nodeKeys })
  const honest: UnsignedLeafNode = {
    ...(tree.leaf(leafIndex) ?? { ...person.leaf, signatureKey: person.signer.publicKey, extensions: person.leaf.extensions ?? [] }),
    encryptionKey: leafKeys.publicKey,
    source: { leafNodeSource: LeafNodeSource.commit, parentHash: plan.parentHash?.(hash) ?? hash },
  }
  const signed = await signLeafNode(plan.leaf?.(honest) ?? honest, plan.leafSigner ?? person.signer, {
    groupId: context.groupId, leafIndex, ...plan.position,
  })
  const leafNode = plan.signedLeaf?.(signed) ?? signed
  tree.setLeaf(leafIndex, leafNode)
  const sealContext = encode(GroupContext, provisionalContext(epoch, tree, plan.extensions))
  const nodes = await Promise.all(steps.map(async ({ copath }, step): Promise<UpdatePathNode> => {
    const added = new Set([...plan.newLeaves].map(leafToNode))
    const recipients = tree.resolution(copath).filter((node) => plan.sealToNewLeaves === true || !added.has(node))
    const honestSecret = pathSecrets[step] ?? pathSecret
    const plaintext = plan.sealed?.(honestSecret, step) ?? honestSecret
    const context = plan.sealContext?.(sealContext) ?? sealContext
    const encryptedPathSecret = await Promise.all(recipients.map((node) => {
      const publicKey = tree.encryptionKey(node)
      return encryptWithLabel(suite, suite.hpke.kem.isPublicKey(publicKey) ? publicKey : leafKeys.publicKey, 'UpdatePathNode', { context, plaintext })
    }))
    return { encryptionKey: nodeKeys[step] ?? EMPTY, encryptedPathSecret }
  }))
  const path = { leafNode, nodes }
  return { path: plan.path?.(path) ?? path, commitSecret: pathSecret, privateKeys }
}

/** Sets the path's keys from the root down and returns the leaf's parent hash, whatever the keys are. */
const setKeys = (
  { suite }: Forger['epoch'], tree: RatchetTree,
  { leafIndex, steps, nodeKeys }: { readonly leafIndex: LeafIndex; readonly steps: readonly PathStep[]; readonly nodeKeys: readonly Uint8Array[] },
): Uint8Array => {
  tree.blankPath(leafIndex)
  let hash = EMPTY
  for (let step = steps.length - 1; step >= 0; step--) {
    const at = steps[step]
    if (at === undefined) continue
    const value = { encryptionKey: nodeKeys[step] ?? EMPTY, parentHash: hash, unmergedLeaves: [] }
    tree.setParent(at.node, value)
    hash = parentHash(suite, tree, value, at.copath)
  }
  return hash
}
