/**
 * Rebuilding a member from its stored rows.
 * Layer: group. Damage, and rows of another group, are refused before anything is used.
 */
import { CodedError, decode, equal, type Secret } from '@famichat/base'
import { type CipherSuite, makeCipherSuite } from '../crypto/cipher-suite.js'
import { check, MlsError } from '../errors.js'
import { ExporterTree } from '../schedule/exporter-tree.js'
import { SecretTree } from '../schedule/secret-tree.js'
import type { StateRow } from '../state-row.js'
import { isLeaf, type NodeIndex, nodeToLeaf, toLeafIndex, toNodeIndex } from '../tree/math.js'
import { RatchetTree } from '../tree/ratchet-tree.js'
import { treeHash } from '../tree/tree-hash.js'
import { Census } from '../validate/census.js'
import { proposalsOf } from '../validate/proposal-list.js'
import { Node, type RatchetTreeNodes } from '../wire/leaf-node.js'
import { NodeType, ProposalType } from '../wire/registries.js'
import type { ResolvedConfig } from './config.js'
import { type Epoch, type PastEpoch, withBytes } from './epoch.js'
import { type CachedProposal, GroupState, type PendingCommit, type UpdateKey } from './group-state.js'
import { openRow, withoutChecksum } from './row-seal.js'
import type { StagedCommit } from './staged-commit.js'
import {
  decodeEpochSecrets, FORMAT, GROUP_STATUSES, type GroupStatus, rowKey, StoredHeader, StoredPast, StoredPending, StoredProposal, StoredPsk, StoredReInit, StoredVersion,
} from './stored.js'
import { validateStoredEpoch, validateStoredLeafCount } from './validate-stored.js'

/** @throws MlsError `mls.snapshot.malformed` */
export const restoreState = (config: ResolvedConfig, rows: Iterable<StateRow>): GroupState => {
  try {
    return restore(config, rows)
  } catch (error) {
    if (error instanceof CodedError) throw new MlsError('mls.snapshot.malformed', {}, { cause: error })
    throw error
  }
}

type Rows = ReadonlyMap<string, Uint8Array>

const restore = (config: ResolvedConfig, given: Iterable<StateRow>): GroupState => {
  const stored = new Map<string, Uint8Array>()
  for (const { key, value } of given) if (value !== undefined) stored.set(key, value.slice())
  const { suite, header, rows } = openAll(config, stored)
  const tree = RatchetTree.fromNodes(treeNodes(rows, header.leafCount)).freeze()
  check(tree.leafCount === header.leafCount && equal(treeHash(suite, tree), header.context.treeHash), 'mls.snapshot.malformed')
  const census = Census.of(tree)
  census.validate(header.context.extensions)
  const status = GROUP_STATUSES[header.status]
  check(status !== undefined, 'mls.snapshot.malformed', { status: header.status })
  const epoch = epochOf(suite, header, { tree, status, secretTree: secretTreeOf(suite, rows, header.context.epoch, header.leafCount) })
  const proposals = [...rows].filter(([key]) => key.startsWith('q')).map(([, row]) => proposalOf(row)).sort((a, b) => a.order - b.order)
  return new GroupState({
    epoch,
    census,
    status,
    past: pastEpochs(suite, rows),
    proposals: proposals.map(({ proposal }) => proposal),
    updateKeys: proposals.flatMap(({ updateKey }) => updateKey ?? []),
    resumptionPsks: resumptionPsks(rows),
    pending: pendingCommit(suite, rows, { epoch, census }),
    reinit: reinitOf(rows),
    version: versionOf(rows),
  })
}

/** Reads the header first: it names the suite and the group every other row must belong to. */
const openAll = (config: ResolvedConfig, stored: Rows): { suite: CipherSuite; header: StoredHeader; rows: Rows } => {
  const sealedHeader = stored.get(rowKey.header)
  check(sealedHeader?.[0] === FORMAT, 'mls.snapshot.malformed')
  const header = decodeHeader(withoutChecksum(sealedHeader))
  const suite = makeCipherSuite(header.cipherSuite, config.backend, config.random)
  const { groupId } = header.context
  const rows = new Map([...stored].map(([key, value]) => [key, openRow(suite.hash, groupId, { key, value })] as const))
  return { suite, header, rows }
}

const versionOf = (rows: Rows): bigint => {
  const row = rows.get(rowKey.version)
  check(row !== undefined, 'mls.snapshot.malformed')
  return decode(StoredVersion, row).version
}

const decodeHeader = (row: Uint8Array): StoredHeader => {
  const header = decode(StoredHeader, row)
  validateStoredLeafCount(header.leafCount)
  return header
}

const treeNodes = (rows: Rows, leafCount: number): RatchetTreeNodes => {
  const nodes: RatchetTreeNodes[number][] = []
  for (const [key, row] of rows) {
    if (!key.startsWith('t')) continue
    const node = Number(key.slice(1))
    check(key === rowKey.node(node) && Number.isInteger(node) && node >= 0 && node < 2 * leafCount - 1, 'mls.snapshot.malformed')
    nodes[node] = decode(Node, row)
  }
  return Array.from(nodes)
}

const epochOf = (
  suite: CipherSuite, header: StoredHeader,
  { tree, status, secretTree }: { readonly tree: RatchetTree; readonly status: GroupStatus; readonly secretTree: SecretTree },
): Epoch => {
  validateStoredEpoch(suite, header, { tree, status })
  // a removed member has no secrets left: zeros stand where its status forbids to read
  const secrets = decodeEpochSecrets(header.secrets, suite.hashLength)
  check(secrets !== undefined && (status === 'removed' || header.secrets.length > 0), 'mls.snapshot.malformed')
  return {
    suite,
    ...withBytes(header.context),
    tree,
    interimTranscriptHash: header.interimTranscriptHash,
    confirmationTag: header.confirmationTag,
    secrets,
    secretTree,
    exporterTree: ExporterTree.fromNodes(suite, header.exporterNodes.map(({ node, key }) => [node, key] as const)),
    privateKeys: new Map(header.privateKeys.map(({ node, key }): [NodeIndex, Secret] => [toNodeIndex(node), key])),
    ownLeaf: header.ownLeaf,
  }
}

const secretTreeOf = (suite: CipherSuite, rows: Rows, epoch: bigint, leafCount: number): SecretTree => {
  const prefix = rowKey.secretTree(epoch, '')
  const own = [...rows].filter(([key]) => key.startsWith(prefix)).map(([key, row]) => [key.slice(prefix.length), row] as const)
  return SecretTree.fromRows(suite, leafCount, own)
}

const pastEpochs = (suite: CipherSuite, rows: Rows): readonly PastEpoch[] =>
  [...rows].filter(([key]) => key.startsWith('e')).map(([key, row]): PastEpoch => {
    const past = decode(StoredPast, row)
    validateStoredLeafCount(past.leafCount)
    check(key === rowKey.past(past.epoch), 'mls.snapshot.malformed')
    return {
      epoch: past.epoch,
      contextBytes: past.contextBytes,
      leafCount: past.leafCount,
      senderDataSecret: past.senderDataSecret,
      secretTree: secretTreeOf(suite, rows, past.epoch, past.leafCount),
      changedLeaves: new Map(past.changedLeaves.map(({ leafIndex, leafNode }) => [leafIndex, leafNode])),
      leftAtMs: Number(past.leftAtMs),
    }
  }).sort((a, b) => (a.epoch < b.epoch ? 1 : -1))

const resumptionPsks = (rows: Rows): ReadonlyMap<bigint, Secret> =>
  new Map([...rows].filter(([key]) => key.startsWith('o'))
    .map(([key, row]): [bigint, Secret] => [epochIn(key), decode(StoredPsk, row).psk])
    .sort(([a], [b]) => (a < b ? -1 : 1)))

/** The epoch in a row's key. @throws MlsError `mls.snapshot.malformed` */
const epochIn = (key: string): bigint => {
  check(/^o(0|[1-9]\d{0,19})$/.test(key), 'mls.snapshot.malformed')
  return BigInt(key.slice(1))
}

const reinitOf = (rows: Rows): StagedCommit['reinit'] => {
  const row = rows.get(rowKey.reinit)
  const proposal = row && decode(StoredReInit, row).proposal
  return proposal?.proposalType === ProposalType.reinit ? proposal : undefined
}

interface RestoredProposal {
  readonly order: number
  readonly proposal: CachedProposal
  readonly updateKey: UpdateKey | undefined
}

const proposalOf = (row: Uint8Array): RestoredProposal => {
  const { updateKey, order, ...proposal } = decode(StoredProposal, row)
  if (updateKey === undefined || proposal.proposal.proposalType !== ProposalType.update) return { order, proposal, updateKey: undefined }
  return { order, proposal, updateKey: { publicKey: proposal.proposal.leafNode.encryptionKey, privateKey: updateKey } }
}

const pendingCommit = (
  suite: CipherSuite, rows: Rows, current: { readonly epoch: Epoch; readonly census: Census },
): PendingCommit | undefined => {
  const row = rows.get(rowKey.pending)
  if (row === undefined) return undefined
  const pending = decode(StoredPending, row)
  const header = decodeHeader(pending.header)
  check(header.ownLeaf === current.epoch.ownLeaf && pending.committer === header.ownLeaf, 'mls.snapshot.malformed')
  const tree = current.epoch.tree.edit()
  tree.resize(header.leafCount)
  const census = current.census.stage()
  for (const { node: index, value } of pending.nodes) {
    const node = toNodeIndex(index)
    census.removeNode(current.epoch.tree, node)
    if (index >= 2 * header.leafCount - 1) continue
    if (isLeaf(node)) tree.setLeaf(nodeToLeaf(node), value?.nodeType === NodeType.leaf ? value.leafNode : undefined)
    else tree.setParent(node, value?.nodeType === NodeType.parent ? value.parentNode : undefined)
    census.addNode(tree, node)
  }
  check(equal(treeHash(suite, tree), header.context.treeHash), 'mls.snapshot.malformed')
  const secretTree = SecretTree.fromEncryptionSecret(suite, pending.encryptionSecret, header.leafCount)
  const adds = proposalsOf(pending.proposals, ProposalType.add)
  return {
    messageHash: pending.messageHash,
    staged: {
      epoch: header.context.epoch,
      committer: pending.committer,
      isOwn: true,
      isExternal: false,
      proposals: pending.proposals,
      added: adds.map(({ keyPackage }, index) => ({ leafIndex: pending.added[index] ?? toLeafIndex(0), keyPackage })),
      removed: pending.removed,
      authenticatedData: pending.authenticatedData,
      reinit: proposalsOf(pending.proposals, ProposalType.reinit)[0],
      next: { epoch: epochOf(suite, header, { tree: tree.freeze(), status: 'active', secretTree }), census },
    },
  }
}
