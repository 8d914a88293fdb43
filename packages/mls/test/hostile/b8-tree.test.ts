/**
 * mls-validation.md B8: ratchet trees as a joiner finds them, as commits change them, and as a naive model has them.
 */
import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { present } from '@famichat/base'
import { insecureSeededRandom, randomBelow } from '@famichat/base/testing'
import { type KeyPackageBundle, type LeafNode, limits, makeAdd, makeRemove } from '@famichat/mls'
import { directPath, fullLeafCount, isBelow, leafToNode, toLeafIndex, toNodeIndex } from '../../dist/tree/math.js'
import { RatchetTree } from '../../dist/tree/ratchet-tree.js'
import { parentHash } from '../../dist/tree/tree-hash.js'
import { freshKeyPair, signLeafNode } from '../../dist/tree/treekem.js'
import type { ParentNode, RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { type LeafIndex, LeafNodeSource, NodeType } from '../../dist/wire/registries.js'
import { addAll, aliceAndBob, commitAll, createGroup, groupOf, keyPackageOf, makePerson, type Person, type Seat, stagedBy } from '../builders.js'
import { agree, type Code, honestCommitPasses, honestMessagePasses, refuses, refusesMessage } from './assertions.js'
import { insiderOf } from './forge.js'
import { forgeCommit } from './forge-commit.js'
import { flatNodes, forgeWelcome, joinWith } from './forge-join.js'
import { forgeKeyPackage, forgeLeaf } from './forge-leaf.js'

const ZERO = toLeafIndex(0)

/** A real tree of seven members with keys on every node, then Zoe added without a path: she is unmerged wherever she can be. */
interface RealTree {
  readonly zoe: Person
  readonly bundle: KeyPackageBundle
  readonly nodes: RatchetTreeNodes
  readonly groupId: Uint8Array
  readonly seats: readonly Seat[]
}

let made: Promise<RealTree> | undefined
const realTree = (): Promise<RealTree> => (made ??= makeRealTree())

const makeRealTree = async (): Promise<RealTree> => {
  const seats = await groupOf(7)
  for (const seat of seats) await commitAll(seat, seats.filter((other) => other !== seat))
  const zoe = await makePerson('zoe')
  const bundle = await keyPackageOf(zoe)
  const [alice, ...others] = seats as [Seat, ...Seat[]]
  await commitAll(alice, others, { proposals: [makeAdd(bundle.keyPackage)], withPath: false })
  return { zoe, bundle, nodes: insiderOf(alice).epoch.tree.toNodes(), groupId: alice.group.groupId, seats }
}

/** Zoe is lured into the tree after a change; signed by Alice, at the tree hash it has. */
const joinTree = async ({ zoe, bundle, groupId, seats }: RealTree, nodes: RatchetTreeNodes): Promise<unknown> => {
  const signer = present(seats[0], 'the seat is taken').person.signer
  return joinWith(zoe, await forgeWelcome(zoe, bundle, { signer, signerLeaf: ZERO, nodes, context: (context) => ({ ...context, groupId }) }), bundle)
}

const withParent = (nodes: RatchetTreeNodes, index: number, change: (parent: ParentNode) => ParentNode): RatchetTreeNodes =>
  nodes.map((node, at) => (at === index && node?.nodeType === NodeType.parent ? { ...node, parentNode: change(node.parentNode) } : node))

const refused = async (change: (tree: RealTree) => RatchetTreeNodes | Promise<RatchetTreeNodes>, code: Code): Promise<void> => {
  const tree = await realTree()
  await rejects(Promise.resolve(change(tree)).then((nodes) => joinTree(tree, nodes)), { code })
  await joinTree(tree, tree.nodes)
}

const ROOT = 7
const ZOES_PARENT = 13

test('W09 refuses a tree with a node that is not parent-hash valid (join)', async () => {
  for (const index of [1, 3, 5, 9, 11]) {
    await refused(({ nodes }) => withParent(nodes, index, (parent) => ({ ...parent, parentHash: parent.parentHash.slice().reverse() })), 'mls.tree.bad_parent_hash')
  }
  // a key swapped in by whoever stores the tree
  await refused(async ({ nodes, zoe }) => {
    const { publicKey } = await freshKeyPair(zoe.suite)
    return withParent(nodes, 3, (parent) => ({ ...parent, encryptionKey: publicKey }))
  }, 'mls.tree.bad_parent_hash')
})

test('W11 refuses an unmerged leaf that is blank (join)', async () => {
  await refused(({ nodes }) => {
    const removed = nodes.map((node, at) => (at === 2 ? undefined : node))
    return withParent(removed, ROOT, (parent) => ({ ...parent, unmergedLeaves: [toLeafIndex(1), toLeafIndex(7)] }))
  }, 'mls.tree.bad_unmerged_leaves')
})

test('W11 refuses an unmerged leaf that is not below the node, or not in the tree (join)', async () => {
  for (const leaf of [7, 8, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
    await refused(({ nodes }) => withParent(nodes, 3, (parent) => ({ ...parent, unmergedLeaves: [toLeafIndex(leaf)] })), 'mls.tree.bad_unmerged_leaves')
  }
})

test('W12 refuses an unmerged leaf that a node in between does not list (join)', async () => {
  await refused(({ nodes }) => withParent(nodes, 11, (parent) => ({ ...parent, unmergedLeaves: [] })), 'mls.tree.bad_unmerged_leaves')
})

test('W13 refuses a key that occurs at two nodes (join)', async () => {
  // parent hashes bind the keys: the whole chain is made anew around the repeated key
  const tree = await twoByTwo({ sameParentKey: true })
  await rejects(joinWith(tree.bob, tree.welcome, tree.bundle), { code: 'mls.tree.duplicate_key' })
  const honest = await twoByTwo({})
  await joinWith(honest.bob, honest.welcome, honest.bundle)
})

interface ChainPlan {
  readonly sameParentKey?: boolean
  readonly rootParentHash?: Uint8Array
  readonly lowOrderKey?: boolean
  readonly signatureKeyAsParent?: boolean
}

/** Alice, Bob, Carol, blank: Alice's path over nodes 1 and 3, with every hash right whatever the keys are. Bob is the joiner, and came later. */
const twoByTwo = async (plan: ChainPlan): Promise<{ bob: Person; welcome: Uint8Array; bundle: KeyPackageBundle }> => {
  const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((name) => makePerson(name))) as [Person, Person, Person]
  const { suite } = bob
  const bundle = await keyPackageOf(bob)
  const leaves = [(await forgeLeaf(alice)).leafNode, bundle.keyPackage.leafNode, (await forgeLeaf(carol)).leafNode]
  const tree = RatchetTree.fromNodes(flatNodes(...leaves)).edit()
  const [rootKey, leftKey] = [(await freshKeyPair(suite)).publicKey, (await freshKeyPair(suite)).publicKey]
  const groupId = Uint8Array.of(1, 2, 3)
  const rootNode: ParentNode = { encryptionKey: rootKey, parentHash: plan.rootParentHash ?? new Uint8Array(0), unmergedLeaves: [toLeafIndex(1)] }
  tree.setParent(toNodeIndex(3), rootNode)
  const lowKey = plan.lowOrderKey === true ? new Uint8Array(32) : plan.signatureKeyAsParent === true ? carol.signer.publicKey : leftKey
  const leftNode: ParentNode = {
    encryptionKey: plan.sameParentKey === true ? rootKey : lowKey, parentHash: parentHash(suite, tree, rootNode, toNodeIndex(5)), unmergedLeaves: [toLeafIndex(1)],
  }
  tree.setParent(toNodeIndex(1), leftNode)
  const own = present(tree.leaf(ZERO), 'the leaf is there')
  const { publicKey } = await freshKeyPair(suite)
  const source = { leafNodeSource: LeafNodeSource.commit, parentHash: parentHash(suite, tree, leftNode, toNodeIndex(2)) }
  tree.setLeaf(ZERO, await signLeafNode({ ...own, encryptionKey: publicKey, source }, alice.signer, { groupId, leafIndex: ZERO }))
  const welcome = await forgeWelcome(bob, bundle, { signer: alice.signer, signerLeaf: ZERO, nodes: tree.toNodes(), context: (context) => ({ ...context, groupId }) })
  return { bob, welcome, bundle }
}

test('D27 refuses a tree with a parent key nobody can encrypt to (join)', async () => {
  const tree = await twoByTwo({ lowOrderKey: true })
  await rejects(joinWith(tree.bob, tree.welcome, tree.bundle), { code: 'mls.crypto.bad_public_key' })
})

test('T01 refuses unmerged leaves that do not increase (join)', async () => {
  await refused(({ nodes }) => withParent(nodes, ROOT, (parent) => ({ ...parent, unmergedLeaves: [toLeafIndex(7), toLeafIndex(6)] })), 'mls.tree.bad_unmerged_leaves')
})

test('T02 refuses unmerged leaves named twice (join)', async () => {
  await refused(({ nodes }) => withParent(nodes, ROOT, (parent) => ({ ...parent, unmergedLeaves: [toLeafIndex(7), toLeafIndex(7)] })), 'mls.tree.bad_unmerged_leaves')
})

test('T03 refuses a root with a parent hash (join)', async () => {
  const tree = await twoByTwo({ rootParentHash: new Uint8Array(32).fill(5) })
  await rejects(joinWith(tree.bob, tree.welcome, tree.bundle), { code: 'mls.tree.bad_parent_hash' })
})

test('T03 refuses an inner node without a parent hash (join)', async () => {
  await refused(({ nodes }) => withParent(nodes, 3, (parent) => ({ ...parent, parentHash: new Uint8Array(0) })), 'mls.tree.bad_parent_hash')
})

test('T04 refuses a node that no node below claims (join)', async () => {
  // the leaf that made the path is replaced by a fresh one: nobody claims its parent any more
  await refused(async ({ nodes, seats }) => {
    const { leafNode } = await forgeLeaf(present(seats[5], 'the seat is taken').person)
    return nodes.map((node, at) => (at === 10 ? { nodeType: NodeType.leaf, leafNode } : node))
  }, 'mls.tree.bad_parent_hash')
})

test('T04 refuses a node that is claimed from both sides (join)', async () => {
  const [alice, bob] = await Promise.all(['alice', 'bob'].map((name) => makePerson(name))) as [Person, Person]
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol)
  const groupId = Uint8Array.of(1)
  // two leaves of source "commit" can both name the parent hash of their common parent only if each hash is right for the
  // other's leaf: a fixed point nobody can find. Both claim with the left one's hash: the right claim is simply wrong
  const tree = RatchetTree.fromNodes(flatNodes((await forgeLeaf(alice)).leafNode, (await forgeLeaf(bob)).leafNode, bundle.keyPackage.leafNode)).edit()
  const root: ParentNode = { encryptionKey: (await freshKeyPair(bob.suite)).publicKey, parentHash: new Uint8Array(0), unmergedLeaves: [toLeafIndex(2)] }
  tree.setParent(toNodeIndex(3), root)
  const node: ParentNode = { encryptionKey: (await freshKeyPair(bob.suite)).publicKey, parentHash: parentHash(bob.suite, tree, root, toNodeIndex(5)), unmergedLeaves: [] }
  tree.setParent(toNodeIndex(1), node)
  for (const [person, leaf] of [[alice, ZERO], [bob, toLeafIndex(1)]] as const) {
    const { publicKey } = await freshKeyPair(person.suite)
    const source = { leafNodeSource: LeafNodeSource.commit, parentHash: parentHash(person.suite, tree, node, leafToNode(toLeafIndex(1 - leaf))) }
    tree.setLeaf(leaf, await signLeafNode({ ...present(tree.leaf(leaf), 'the leaf is there'), encryptionKey: publicKey, source }, person.signer, { groupId, leafIndex: leaf }))
  }
  // Bob's claim is right for Alice's leaf of now; Alice's was for Bob's leaf of before: exactly one holds, so the tree stands
  const plan = { signer: alice.signer, signerLeaf: ZERO, context: <T extends object>(context: T) => ({ ...context, groupId }) }
  await joinWith(carol, await forgeWelcome(carol, bundle, { ...plan, nodes: tree.toNodes() }), bundle)
  // and the root is claimed once: not at all when the node below names another
  tree.setParent(toNodeIndex(1), { ...node, parentHash: new Uint8Array(32) })
  tree.setLeaf(ZERO, tree.leaf(ZERO))
  await rejects(forgeWelcome(carol, bundle, { ...plan, nodes: tree.toNodes() }).then((welcome) => joinWith(carol, welcome, bundle)), { code: 'mls.tree.bad_parent_hash' })
})

test('T05 takes the sibling\'s tree hash as it was before unmerged leaves came (join)', async () => {
  const tree = await realTree()
  const unmergedAt = tree.nodes.flatMap((node, at) => (node?.nodeType === NodeType.parent && node.parentNode.unmergedLeaves.length > 0 ? [at] : []))
  deepEqual(unmergedAt, [ROOT, 11, ZOES_PARENT].filter((at) => tree.nodes[at] !== undefined))
  await joinTree(tree, tree.nodes)
  // were Zoe merged in the parents' eyes, their hashes would not fit the tree any more
  await refused(({ nodes }) => unmergedAt.reduce((changed, at) => withParent(changed, at, (parent) => ({ ...parent, unmergedLeaves: [] })), nodes), 'mls.tree.bad_parent_hash')
})

test('T06 refuses a signature key that is also an encryption key (receive, own creation, join)', async () => {
  const dave = await makePerson('dave')
  const plan = { leaf: <T extends { encryptionKey: Uint8Array; signatureKey: Uint8Array }>(leaf: T): T => ({ ...leaf, encryptionKey: leaf.signatureKey }) }
  const { keyPackage } = await forgeKeyPackage(dave, plan)
  const { alice, bob } = await aliceAndBob()
  await refuses(alice.group, () => alice.group.commit({ proposals: [makeAdd(keyPackage)] }), 'mls.leaf.key_reuse')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [makeAdd(keyPackage)] })).message, 'mls.leaf.key_reuse')
  const bundle = await keyPackageOf(bob.person)
  const { leafNode } = await forgeLeaf(dave, plan)
  const { leafNode: first } = await forgeLeaf(alice.person)
  const welcome = await forgeWelcome(bob.person, bundle, { signer: alice.person.signer, signerLeaf: ZERO, nodes: flatNodes(first, bundle.keyPackage.leafNode, leafNode) })
  await rejects(joinWith(bob.person, welcome, bundle), { code: 'mls.leaf.key_reuse' })
  const tree = await twoByTwo({ signatureKeyAsParent: true })
  await rejects(joinWith(tree.bob, tree.welcome, tree.bundle), { code: 'mls.leaf.key_reuse' })
  await honestCommitPasses(alice, bob)
})

test('T06 refuses a newcomer whose signature key a member uses to encrypt (receive, own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const dave = await makePerson('dave')
  // nothing is wrong with Alice's key as long as nobody signs with it
  const taken = await forgeCommit(insiderOf(alice), { leaf: (leaf) => ({ ...leaf, encryptionKey: dave.signer.publicKey }) })
  bob.group.merge(await stagedBy(bob.group, taken.message))
  const proposals = [makeAdd((await keyPackageOf(dave)).keyPackage)]
  await refuses(bob.group, () => bob.group.commit({ proposals }), 'mls.leaf.key_reuse')
  const { sender, ...insider } = insiderOf(alice)
  const { message } = await forgeCommit({ ...insider, sender, epoch: taken.advanced.next }, { proposals, withPath: false })
  await refusesMessage(bob, message, 'mls.leaf.key_reuse')
})

/** The tree as the RFC tells it, without any cleverness: a map from leaf to value, a map from node to unmerged leaves. */
class NaiveTree {
  leafCount = 1
  readonly leaves = new Map<number, LeafNode>()
  readonly parents = new Map<number, readonly number[]>()

  add(leaf: LeafNode): number {
    let index = 0
    while (this.leaves.has(index)) index++
    if (index >= this.leafCount) this.leafCount *= 2
    this.leaves.set(index, leaf)
    for (const node of this.ancestors(index)) {
      const unmerged = this.parents.get(node)
      if (unmerged !== undefined) this.parents.set(node, [...unmerged, index].sort((a, b) => a - b))
    }
    return index
  }

  remove(index: number): void {
    this.leaves.delete(index)
    for (const node of this.ancestors(index)) this.parents.delete(node)
    while (this.leafCount > 1 && ![...this.leaves.keys()].some((leaf) => leaf >= this.leafCount / 2)) this.leafCount /= 2
    for (const node of [...this.parents.keys()]) if (node >= 2 * this.leafCount - 1) this.parents.delete(node)
  }

  update(index: number, leaf: LeafNode): void {
    this.leaves.set(index, leaf)
    for (const node of this.ancestors(index)) this.parents.delete(node)
  }

  /** Sets every ancestor that has somebody below its other child. */
  path(index: number): readonly number[] {
    const set: number[] = []
    let below = 2 * index
    for (const node of this.ancestors(index)) {
      this.parents.delete(node)
      const copath = [...this.leaves.keys()].filter((leaf) => isBelow(toLeafIndex(leaf), toNodeIndex(node)) && !isBelow(toLeafIndex(leaf), toNodeIndex(below)))
      if (copath.length > 0) set.push(node)
      below = node
    }
    for (const node of set) this.parents.set(node, [])
    return set
  }

  /** All nodes above a leaf: those whose span holds it, by level. */
  ancestors(index: number): readonly number[] {
    const found: number[] = []
    for (let node = 1; node < 2 * this.leafCount - 1; node += 2) if (isBelow(toLeafIndex(index), toNodeIndex(node))) found.push(node)
    const spanOf = (node: number): number => Array.from({ length: this.leafCount }, (_, leaf) => leaf).filter((leaf) => isBelow(toLeafIndex(leaf), toNodeIndex(node))).length
    return found.sort((a, b) => spanOf(a) - spanOf(b))
  }
}

test('T07 adds, removes, updates and sets paths like a naive model, over 3,000 random steps', async () => {
  const { leafNode } = await forgeLeaf(await makePerson('alice'))
  const random = insecureSeededRandom(77)
  for (let run = 0; run < 30; run++) {
    const naive = new NaiveTree()
    naive.leaves.set(0, leafNode)
    let tree = RatchetTree.ofOne(leafNode)
    for (let step = 0; step < 100; step++) {
      tree = tree.edit()
      const members = [...naive.leaves.keys()].sort((a, b) => a - b)
      const chosen = members[randomBelow(random, members.length)] ?? 0
      const action = randomBelow(random, 4)
      if (action === 0 && members.length < 20) equal(tree.add(leafNode), naive.add(leafNode))
      else if (action === 1 && members.length > 1) {
        tree.remove(toLeafIndex(chosen))
        tree.truncate()
        naive.remove(chosen)
      } else if (action === 2) {
        tree.update(toLeafIndex(chosen), leafNode)
        naive.update(chosen, leafNode)
      } else {
        const steps = tree.filteredDirectPath(toLeafIndex(chosen))
        tree.blankPath(toLeafIndex(chosen))
        for (const { node } of steps) tree.setParent(node, { encryptionKey: leafNode.encryptionKey, parentHash: new Uint8Array(0), unmergedLeaves: [] })
        tree.setLeaf(toLeafIndex(chosen), leafNode)
        deepEqual(steps.map(({ node }) => node), naive.path(chosen))
      }
      equal(tree.leafCount, naive.leafCount)
      deepEqual([...tree.members()].map(([leaf]) => leaf), [...naive.leaves.keys()].sort((a, b) => a - b))
      deepEqual([...tree.parents()].map(([node, { unmergedLeaves }]) => [node, unmergedLeaves]), [...naive.parents].sort(([a], [b]) => a - b))
      deepEqual(directPath(toLeafIndex(chosen < tree.leafCount ? chosen : 0), tree.leafCount), naive.ancestors(chosen < tree.leafCount ? chosen : 0))
    }
    deepEqual(RatchetTree.fromNodes(tree.toNodes()).toNodes(), tree.toNodes())
  }
})

for (const size of [1, 2, 3, 4, 5, 8, 9]) {
  test(`T08 commits, sends and lets join at ${size.toString()} members`, async () => {
    const seats = await groupOf(size)
    const [first, ...others] = seats as [Seat, ...Seat[]]
    equal(insiderOf(first).epoch.tree.leafCount, fullLeafCount(size))
    for (const seat of seats) await commitAll(seat, seats.filter((other) => other !== seat))
    agree(...seats)
    const [joined] = await addAll(first, others, [await makePerson('newcomer')])
    await honestMessagePasses(present(joined, 'the seat is taken'), first)
  })
}

test('T09 accepts a tree whose parents are all blank (join)', async () => {
  const alice = await makePerson('alice')
  const seat = { person: alice, group: await createGroup(alice) }
  const [bob] = await addAll(seat, [], [await makePerson('bob')], { withPath: false })
  const [carol] = await addAll(seat, [present(bob, 'the seat is taken')], [await makePerson('carol')], { withPath: false })
  equal([...insiderOf(present(carol, 'the seat is taken')).epoch.tree.parents()].length, 0)
  await honestCommitPasses(present(carol, 'the seat is taken'), seat, present(bob, 'the seat is taken'))
})

test('T10 refuses to grow beyond the largest tree before anything is signed (own creation)', async () => {
  const { leafNode } = await forgeLeaf(await makePerson('alice'))
  const full = RatchetTree.fromNodes(flatNodes(...new Array<LeafNode>(limits.maxLeaves).fill(leafNode))).edit()
  throws(() => full.claimLeaf(), { code: 'mls.tree.too_large' })
  throws(() => full.add(leafNode), { code: 'mls.tree.too_large' })
  equal(full.leafCount, limits.maxLeaves)
  full.remove(toLeafIndex(5))
  equal(full.add(leafNode), 5)
  throws(() => RatchetTree.fromNodes([...full.toNodes(), undefined, { nodeType: NodeType.leaf, leafNode }]), { code: 'mls.tree.too_large' })
})

test('T07 does not let a removed member\'s place confuse who is below a node (own creation)', async () => {
  const seats = await groupOf(4)
  const [alice, bob, carol, dave] = seats as [Seat, Seat, Seat, Seat]
  await commitAll(alice, [carol, dave], { proposals: [makeRemove(bob.group.ownLeaf)] })
  const leaf: LeafIndex = bob.group.ownLeaf
  equal(alice.group.member(leaf), undefined)
  await honestCommitPasses(dave, alice, carol)
})
