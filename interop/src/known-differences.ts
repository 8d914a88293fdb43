/**
 * Where a peer departs from RFC 9420, each with the RFC's words. Schedules stay clear of most of them (README.md);
 * the ones here are met while a schedule runs, recognised exactly, and counted.
 */
import { decode } from '@famichat/base'
import { leafToNode, directPath, toNodeIndex } from '../../packages/mls/dist/tree/math.js'
import { RatchetTreeNodes } from '../../packages/mls/dist/wire/leaf-node.js'
import { decodeMessage } from '../../packages/mls/dist/wire/message.js'

export const DIFFERENCES = {
  'ts-mls.unmerged_leaves': {
    peer: 'ts-mls 1.6.4',
    what: 'refuses to join when two non-blank parents above an unmerged leaf have different unmerged_leaves lists',
    rfc: '§12.4.3.1: "Verify that every non-blank intermediate node between the leaf node and the parent node also has an entry for the leaf node in its unmerged_leaves." An entry, not the same list.',
    effect: 'The newcomer stays out; its leaf stands in the tree without a member behind it until it is removed or comes back.',
  },
  'ts-mls.refilled_leaf': {
    peer: 'ts-mls 1.6.4',
    what: 'does not notice that it is removed when the same commit adds somebody at its leaf, and fails to process that commit',
    rfc: '§12.3: Removes are applied, then Adds; an Add takes the leftmost empty leaf, so the removed leaf may be taken again at once.',
    effect: 'The member is out all the same: it cannot follow the group. It is taken out of the schedule as one that noticed.',
  },
} as const
export type DifferenceId = keyof typeof DIFFERENCES

/** What ts-mls says when it meets the second. */
export const TS_MLS_REFILLED_LEAF = 'No overlap between provided private keys and update path'

/** What ts-mls says when it meets the first. */
export const TS_MLS_UNMERGED_LEAVES = 'non-blank intermediate node must list leaf node in its unmerged_leaves'

/**
 * True when ts-mls refuses this tree though RFC 9420 does not.
 * @param groupInfo an MLSMessage with a GroupInfo that carries the tree
 */
export const meetsUnmergedLeavesDifference = (groupInfo: Uint8Array): boolean => {
  const unmerged = unmergedLeavesOf(groupInfo)
  const leafCount = (unmerged.nodeCount + 1) / 2
  return [...unmerged.lists.values()].some((list) => list.some((leaf) => {
    const above = directPath(leaf, leafCount).map((node) => unmerged.lists.get(node)).filter((other) => other !== undefined)
    return above.some((other) => other.join() !== list.join())
  }))
}

type UnmergedLeaves = { readonly nodeCount: number; readonly lists: ReadonlyMap<number, readonly LeafIndex[]> }
type LeafIndex = Parameters<typeof leafToNode>[0]

const unmergedLeavesOf = (groupInfo: Uint8Array): UnmergedLeaves => {
  const message = decodeMessage(groupInfo)
  if (!('groupInfo' in message)) throw new TypeError('a GroupInfo was expected')
  const tree = message.groupInfo.extensions.find(({ extensionType }) => extensionType === 2)
  if (tree === undefined) throw new TypeError('the GroupInfo was expected to carry the tree')
  const nodes = decode(RatchetTreeNodes, tree.extensionData)
  let nodeCount = 1
  while (nodeCount < nodes.length) nodeCount = 2 * nodeCount + 1
  const lists = new Map<number, readonly LeafIndex[]>()
  for (const [index, node] of nodes.entries()) {
    if (node !== undefined && 'parentNode' in node) lists.set(toNodeIndex(index), node.parentNode.unmergedLeaves)
  }
  return { nodeCount, lists }
}
