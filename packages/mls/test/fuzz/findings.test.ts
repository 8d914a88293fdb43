/**
 * What fuzzing found, and must not find again.
 */
import { equal, ok, rejects, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, utf8 } from '@famichat/base'
import { ExtensionType, Group, makeAdd, type StateRow } from '@famichat/mls'
import { sealRow, withoutChecksum } from '../../dist/group/row-seal.js'
import { rowKey, StoredHeader, StoredPending } from '../../dist/group/stored.js'
import { leafToNode, type NodeIndex, right, toLeafIndex } from '../../dist/tree/math.js'
import { verifyParentHashes } from '../../dist/tree/parent-hash-chains.js'
import { RatchetTree } from '../../dist/tree/ratchet-tree.js'
import { parentHash } from '../../dist/tree/tree-hash.js'
import type { LeafNode } from '../../dist/wire/leaf-node.js'
import { NodeType } from '../../dist/wire/registries.js'
import { aliceAndBob, groupOf, keyPackageOf, makePerson, type Person, RowStore, type Seat } from '../builders.js'

const misplaced = { extensionType: ExtensionType.applicationId, extensionData: utf8('belongs into a leaf') }

test('a GroupInfo extension no newcomer would take is refused when the commit is made, not when the newcomer is left outside', async () => {
  const { alice } = await aliceAndBob()
  const { keyPackage } = await keyPackageOf(await makePerson('carol'))
  await rejects(alice.group.commit({ proposals: [makeAdd(keyPackage)], groupInfoExtensions: [misplaced] }), { code: 'mls.extension.misplaced' })
  await rejects(alice.group.groupInfo({ withTree: true, withExternalPub: false, extensions: [misplaced] }), { code: 'mls.extension.misplaced' })
  equal(alice.group.pendingCommit, undefined)
  ok((await alice.group.commit({ proposals: [makeAdd(keyPackage)] })).welcome)
})

test('a proposal longer than others would read is refused when it is committed: members refused what one of them had sent', async () => {
  const { alice } = await aliceAndBob()
  const reinit = { proposalType: 5, groupId: new Uint8Array(257), version: 1, cipherSuite: 3, extensions: [] } as const
  await rejects(alice.group.commit({ proposals: [reinit] }), { code: 'base.codec.too_long' })
  equal(alice.group.pendingCommit, undefined)
})

test('leaves that all claim the parent hash of one node cost one look each, not one look at all the others', async () => {
  const { alice } = await aliceAndBob()
  const leaf = alice.group.members[1]?.leafNode
  if (leaf === undefined) throw new TypeError('bob is a member')
  const reads = (leaves: number): number => {
    const { tree, counted } = claimingTree(alice.group.cipherSuite, leaf, leaves)
    throws(() => { verifyParentHashes(alice.group.cipherSuite, tree) }, { code: 'mls.tree.bad_parent_hash' })
    return counted()
  }
  ok(reads(512) <= 9 * reads(64), 'eight times the leaves, eight times the work')
})

test('a received tree with a parent behind its rightmost leaf is handed on as it came: it lost that parent, and its tree hash', async () => {
  const { alice } = await aliceAndBob()
  const leafNode = alice.group.members[0]?.leafNode
  if (leafNode === undefined) throw new TypeError('alice is a member')
  const leaf = { nodeType: NodeType.leaf, leafNode } as const
  const parent = { nodeType: NodeType.parent, parentNode: { encryptionKey: leafNode.encryptionKey, parentHash: new Uint8Array(0), unmergedLeaves: [] } } as const
  const nodes = [leaf, undefined, leaf, undefined, leaf, parent]
  equal(RatchetTree.fromNodes(nodes).toNodes().length, nodes.length)
})

/** A tree whose root is claimed by every leaf below its left child; counts the elements of resolutions that are read. */
const claimingTree = (suite: Group['cipherSuite'], leaf: LeafNode, leaves: number): { readonly tree: RatchetTree; readonly counted: () => number } => {
  const honest = RatchetTree.ofOne(leaf)
  for (let index = 1; index < 2 * leaves; index++) honest.add(leaf)
  const root = { encryptionKey: leaf.encryptionKey, parentHash: new Uint8Array(0), unmergedLeaves: [] }
  honest.setParent(honest.root, root)
  // what the leaves on the left have to claim depends on the right half alone
  const claimed = parentHash(suite, honest.edit(), root, right(honest.root))
  const tree = honest.edit()
  for (let index = 0; index < leaves; index++) {
    tree.setLeaf(toLeafIndex(index), { ...leaf, source: { leafNodeSource: 3, parentHash: claimed } })
  }
  let count = 0
  const resolution = tree.resolution.bind(tree)
  tree.resolution = (node: NodeIndex): readonly NodeIndex[] => new Proxy(resolution(node), {
    get: (target, name): unknown => {
      if (typeof name === 'string' && /^\d+$/.test(name)) count++
      return Reflect.get(target, name) as unknown
    },
  })
  return { tree, counted: () => count }
}

/** Bob with stored rows, one of them changed and given a right checksum. */
const restoredWith = (person: Person, store: RowStore, change: { readonly key: string; readonly value: Uint8Array }): Group => {
  const suite = person.suite
  const value = sealRow(suite.hash, utf8('test group'), change)
  const rows: StateRow[] = [...store.all().filter(({ key }) => key !== change.key), { key: change.key, value }]
  return Group.restore({ config: person.config, signer: person.signer, rows })
}

const rowOf = (store: RowStore, key: string): Uint8Array => {
  const row = store.rows.get(key)
  if (row === undefined) throw new TypeError(`there is a row ${key}`)
  return withoutChecksum(row)
}

const bobWithRows = async (): Promise<{ readonly bob: Seat; readonly store: RowStore }> => {
  const [, bob] = await groupOf(3) as unknown as readonly [Seat, Seat]
  await bob.group.protect(utf8('one ratchet'))
  await bob.group.commit()
  const store = new RowStore()
  store.save(bob.group)
  return { bob, store }
}

const malformed = { code: 'mls.snapshot.malformed' }

test('a stored header that says another leaf is the own one is refused: the first commit received ended in a bug report', async () => {
  const { bob, store } = await bobWithRows()
  const header = decode(StoredHeader, rowOf(store, rowKey.header))
  for (const ownLeaf of [toLeafIndex(0), toLeafIndex(3), toLeafIndex(0xffffffff)]) {
    throws(() => restoredWith(bob.person, store, { key: rowKey.header, value: encode(StoredHeader, { ...header, ownLeaf }) }), malformed)
  }
  equal(restoredWith(bob.person, store, { key: rowKey.header, value: encode(StoredHeader, header) }).ownLeaf, bob.group.ownLeaf)
})

test('a stored tree or pending tree of four billion leaves is refused before anything is allocated for it', async () => {
  const { bob, store } = await bobWithRows()
  const header = decode(StoredHeader, rowOf(store, rowKey.header))
  const pending = decode(StoredPending, rowOf(store, rowKey.pending))
  for (const leafCount of [0, 3, 0x40000000, 0xffffffff]) {
    const value = encode(StoredHeader, { ...header, leafCount })
    throws(() => restoredWith(bob.person, store, { key: rowKey.header, value }), malformed)
    const waiting = encode(StoredHeader, { ...decode(StoredHeader, pending.header), leafCount })
    throws(() => restoredWith(bob.person, store, { key: rowKey.pending, value: encode(StoredPending, { ...pending, header: waiting }) }), malformed)
  }
})

test('a stored message key of the wrong length is refused, not handed to the cipher', async () => {
  const { bob, store } = await bobWithRows()
  const ratchet = [...store.rows.keys()].find((key) => key.startsWith(rowKey.secretTree(bob.group.epoch, 'r')))
  if (ratchet === undefined) throw new TypeError('there is a ratchet')
  const stored = rowOf(store, ratchet)
  throws(() => restoredWith(bob.person, store, { key: ratchet, value: Uint8Array.of(0, 0, 0, 1, 3, 1, 2, 3) }), malformed)
  equal(restoredWith(bob.person, store, { key: ratchet, value: stored }).epoch, bob.group.epoch)
})

test('rows whose keys are not what the engine writes are refused', async () => {
  const { bob, store } = await bobWithRows()
  const own = leafToNode(bob.group.ownLeaf)
  const node = rowOf(store, rowKey.node(own))
  const psk = Uint8Array.of(1, 7)
  for (const [key, value] of [
    [`t0${own.toString()}`, node], ['t-1', node], ['t1e1', node], ['oNaN', psk], ['o-1', psk], ['o', psk],
    [rowKey.secretTree(bob.group.epoch, 'z'), psk], [rowKey.secretTree(bob.group.epoch, 'n999'), new Uint8Array(32)],
    [rowKey.secretTree(bob.group.epoch, 'k1'), psk],
  ] as const) {
    throws(() => restoredWith(bob.person, store, { key, value }), malformed, key)
  }
})
