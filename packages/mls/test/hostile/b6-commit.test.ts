/**
 * mls-validation.md B6: commits and update paths, received from an insider and made by oneself.
 */
import { deepEqual, equal, notDeepEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { present, Secret, utf8 } from '@famichat/base'
import {
  Group, makeAdd, makeExternalPsk, makeReInit, makeRemove, type Proposal, type SentProposal,
} from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { freshKeyPair } from '../../dist/tree/treekem.js'
import type { UpdatePath } from '../../dist/wire/proposal.js'
import { LeafNodeSource, WireFormat } from '../../dist/wire/registries.js'
import { addAll, aliceAndBob, commitAll, groupOf, keyPackageOf, makePerson, readText, type Seat, stagedBy } from '../builders.js'
import { agree, type Code, honestCommitPasses, honestMessagePasses, refuses, refusesMessage, refusesNow, rowsOf, stateDigest } from './assertions.js'
import { forgeProposal, forgeUpdate, insiderOf } from './forge.js'
import { type CommitPlan, forgeCommit } from './forge-commit.js'

const ZERO = toLeafIndex(0)
const CAROL = toLeafIndex(2)
const three = async (options = {}): Promise<[Seat, Seat, Seat]> => await groupOf(3, options) as [Seat, Seat, Seat]
const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 0 ? byte ^ 1 : byte))

/** Bob and Carol refuse what Alice forges, in a tree with keys on every node. */
const pathRefused = async (plan: CommitPlan, code: Code, size = 5): Promise<void> => {
  const seats = await groupOf(size)
  const [alice, ...others] = seats as [Seat, ...Seat[]]
  for (const seat of seats) await commitAll(seat, seats.filter((other) => other !== seat))
  const { message } = await forgeCommit(insiderOf(alice), plan)
  for (const seat of others) await refusesMessage(seat, message, code)
  await honestCommitPasses(alice, ...others)
}

test('C01 refuses a commit of another epoch (receive)', async () => {
  const [alice, bob, carol] = await three()
  const insider = insiderOf(alice)
  await commitAll(carol, [alice, bob])
  await refusesMessage(bob, (await forgeCommit(insider)).message, 'mls.message.wrong_epoch')
  await honestCommitPasses(alice, bob, carol)
})

test('C02 refuses a commit that is not authentic (receive)', async () => {
  const [alice, bob, carol] = await three({ policy: { acceptPublicHandshakes: true } })
  const open = { wireFormat: WireFormat.publicMessage }
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { ...open, membershipTag: () => new Uint8Array(32) })).message, 'mls.message.bad_membership_tag')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { signature: flip })).message, 'mls.message.bad_signature')
  await refusesMessage(bob, flip((await forgeCommit(insiderOf(alice))).message.slice().reverse()).reverse(), 'mls.message.decrypt_failed')
  await honestCommitPasses(alice, bob, carol)
})

test('C03 refuses a commit whose list of proposals is invalid (receive, own creation)', async () => {
  const [alice, bob, carol] = await three()
  const proposals = [makeRemove(CAROL), makeRemove(CAROL)]
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.proposal.same_leaf_twice')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.proposal.same_leaf_twice')
  await honestCommitPasses(alice, bob, carol)
})

test('C04 refuses a commit with a PSK that is not held (receive, own creation)', async () => {
  const [alice, bob, carol] = await three()
  const proposals = [makeExternalPsk(alice.person.suite, utf8('unheard of'))]
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.psk.unknown')
  alice.person.psks.set('unheard of', utf8('secret'))
  const { commit, staged } = await alice.group.commit({ proposals })
  await refusesMessage(bob, commit, 'mls.psk.unknown')
  alice.group.discard(staged)
  await honestCommitPasses(alice, bob, carol)
})

test('C05 refuses a commit without a path where one is needed (receive)', async () => {
  const [alice, bob, carol] = await three()
  const inside = insiderOf(carol)
  const proposal = await forgeUpdate(inside)
  const { message, reference } = await forgeProposal(inside, proposal)
  for (const { group } of [alice, bob]) await group.process(message)
  const lists: readonly (readonly (Proposal | SentProposal)[])[] = [[], [makeRemove(CAROL)], [{ proposal, sender: inside.sender, reference }]]
  for (const proposals of lists) {
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals, withPath: false })).message, 'mls.commit.path_missing')
  }
  // even when asked for none, an own commit has one where it must
  const { commit, staged } = await alice.group.commit({ withPath: false })
  bob.group.merge(await stagedBy(bob.group, commit))
  alice.group.merge(staged)
  agree(alice, bob)
})

test('C06 refuses a path whose leaf is invalid or of another source (receive)', async () => {
  await pathRefused({ signedLeaf: (leaf) => ({ ...leaf, signature: flip(leaf.signature) }) }, 'mls.leaf.bad_signature')
  await pathRefused({ leaf: (leaf) => ({ ...leaf, source: { leafNodeSource: LeafNodeSource.update } }) }, 'mls.leaf.wrong_source')
})

test('C07 refuses a path leaf with the committer\'s old encryption key (receive)', async () => {
  const [alice, bob, carol] = await three()
  const old = alice.group.member(ZERO)?.encryptionKey ?? new Uint8Array(0)
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { leaf: (leaf) => ({ ...leaf, encryptionKey: old }) })).message, 'mls.leaf.same_encryption_key')
  await honestCommitPasses(alice, bob, carol)
})

test('C08 refuses a path key that is already in the tree (receive)', async () => {
  const seats = await groupOf(5)
  const [alice, bob, carol, dave, erin] = seats as [Seat, Seat, Seat, Seat, Seat]
  for (const seat of seats) await commitAll(seat, seats.filter((other) => other !== seat))
  const taken = [
    dave.group.member(dave.group.ownLeaf)?.encryptionKey,
    // the parent of Carol and Dave: not on Alice's path
    [...insiderOf(alice).epoch.tree.parents()].find(([node]) => node === 5)?.[1].encryptionKey,
  ]
  for (const key of taken) {
    if (key === undefined) throw new TypeError('the tree has both nodes')
    const { message } = await forgeCommit(insiderOf(alice), { nodeKeys: ([, ...rest]) => [key, ...rest] })
    await refusesMessage(bob, message, 'mls.commit.path_key_reused')
  }
  await honestCommitPasses(alice, bob, carol, dave, erin)
})

test('C08 refuses one key at two nodes of a path, and one that is also a leaf\'s (receive)', async () => {
  await pathRefused({ nodeKeys: ([first = new Uint8Array(0), , ...rest]) => [first, first, ...rest] }, 'mls.tree.duplicate_key')
  const [alice, bob, carol] = await three()
  const { publicKey: leafKey } = await freshKeyPair(alice.person.suite)
  const plan: CommitPlan = { leaf: (leaf) => ({ ...leaf, encryptionKey: leafKey }), nodeKeys: ([, ...rest]) => [leafKey, ...rest] }
  const { message } = await forgeCommit(insiderOf(alice), plan)
  await refusesMessage(bob, message, 'mls.leaf.duplicate_encryption_key')
  await honestCommitPasses(alice, bob, carol)
})

test('C08 refuses a path key that is a member\'s signature key (receive)', async () => {
  const [alice, bob, carol] = await three()
  const key = carol.person.signer.publicKey
  const { message } = await forgeCommit(insiderOf(alice), { nodeKeys: ([, ...rest]) => [key, ...rest] })
  await refusesMessage(bob, message, 'mls.leaf.key_reuse')
  await honestCommitPasses(alice, bob, carol)
})

test('C09 refuses a path leaf that drops a capability the group needs (receive)', async () => {
  const [alice, bob, carol] = await three()
  const { message } = await forgeCommit(insiderOf(alice), { leaf: (leaf) => ({ ...leaf, capabilities: { ...leaf.capabilities, cipherSuites: [1] } }) })
  await refusesMessage(bob, message, 'mls.leaf.unsupported_version_or_suite')
  await honestCommitPasses(alice, bob, carol)
})

test('C10 refuses a path with too few or too many nodes (receive)', async () => {
  const cut = (path: UpdatePath): UpdatePath => ({ ...path, nodes: path.nodes.slice(0, -1) })
  const extended = (path: UpdatePath): UpdatePath => ({ ...path, nodes: [...path.nodes, ...path.nodes.slice(0, 1)].map((node, at) => (at < path.nodes.length ? node : { ...node, encryptionKey: flip(node.encryptionKey) })) })
  await pathRefused({ path: cut }, 'mls.commit.path_wrong_length')
  await pathRefused({ path: extended }, 'mls.commit.path_wrong_length')
  await pathRefused({ path: (path) => ({ ...path, nodes: [] }) }, 'mls.commit.path_wrong_length')
})

test('C11 refuses a path whose ciphertexts are not one for each key of the resolution (receive)', async () => {
  const change = (edit: (secrets: UpdatePath['nodes'][number]['encryptedPathSecret']) => UpdatePath['nodes'][number]['encryptedPathSecret']) =>
    (path: UpdatePath): UpdatePath => ({ ...path, nodes: path.nodes.map((node) => ({ ...node, encryptedPathSecret: edit(node.encryptedPathSecret) })) })
  await pathRefused({ path: change((secrets) => secrets.slice(1)) }, 'mls.commit.wrong_ciphertext_count')
  await pathRefused({ path: change((secrets) => [...secrets, ...secrets.slice(0, 1)]) }, 'mls.commit.wrong_ciphertext_count')
})

test('C11 refuses a path with a ciphertext for a leaf that is new in the same commit (receive)', async () => {
  const [alice, bob, carol] = await three()
  const { keyPackage } = await keyPackageOf(await makePerson('dave'))
  const { message } = await forgeCommit(insiderOf(alice), { proposals: [makeAdd(keyPackage)], sealToNewLeaves: true })
  await refusesMessage(bob, message, 'mls.commit.wrong_ciphertext_count')
  await honestCommitPasses(alice, bob, carol)
})

test('C12 refuses a path secret that does not decrypt, and swapped ciphertexts (receive)', async () => {
  const garble = (path: UpdatePath): UpdatePath => ({
    ...path,
    nodes: path.nodes.map((node) => ({ ...node, encryptedPathSecret: node.encryptedPathSecret.map((secret) => ({ ...secret, ciphertext: flip(secret.ciphertext) })) })),
  })
  await pathRefused({ path: garble }, 'mls.commit.path_secret_undecryptable')
  const kem = (path: UpdatePath): UpdatePath => ({
    ...path, nodes: path.nodes.map((node) => ({ ...node, encryptedPathSecret: node.encryptedPathSecret.map((secret) => ({ ...secret, kemOutput: new Uint8Array(32) })) })),
  })
  await pathRefused({ path: kem }, 'mls.commit.path_secret_undecryptable')
  // a tree without parents: Carol and Dave are two keys of one resolution
  const [alice, bob, carol, dave] = await groupOf(4) as [Seat, Seat, Seat, Seat]
  const { staged, commit } = await alice.group.commit({ proposals: [], withPath: true })
  for (const { group } of [bob, carol, dave]) group.merge(await stagedBy(group, commit))
  alice.group.merge(staged)
  await commitAll(bob, [alice, carol, dave], { proposals: [makeRemove(dave.group.ownLeaf)] })
  const [erin] = await addAll(bob, [alice, carol], [await makePerson('erin')])
  const swap = (path: UpdatePath): UpdatePath => ({ ...path, nodes: path.nodes.map((node) => ({ ...node, encryptedPathSecret: [...node.encryptedPathSecret].reverse() })) })
  const { message } = await forgeCommit(insiderOf(alice), { path: swap })
  for (const seat of [carol, present(erin, 'the seat is taken')]) await refusesMessage(seat, message, 'mls.commit.path_secret_undecryptable')
  await honestCommitPasses(alice, bob, carol, present(erin, 'the seat is taken'))
})

test('C12 refuses a path secret of another length (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  for (const length of [31, 33, 64]) {
    const { message } = await forgeCommit(insiderOf(alice), { sealed: () => new Secret(new Uint8Array(length)) })
    await refusesMessage(bob, message, 'mls.commit.path_secret_undecryptable')
  }
  await honestCommitPasses(alice, bob)
})

test('C13 refuses a path whose public key is not the derived one, at each level (receive)', async () => {
  for (const level of [0, 1, 2]) {
    const seats = await groupOf(5)
    const [alice, ...others] = seats as [Seat, ...Seat[]]
    const { publicKey } = await freshKeyPair(alice.person.suite)
    const { message } = await forgeCommit(insiderOf(alice), { nodeKeys: (keys) => keys.map((key, at) => (at === level ? publicKey : key)) })
    // those whose secret starts at or below that level see it
    const below = others.filter(({ group }) => group.ownLeaf < 2 ** (level + 1))
    for (const seat of below) await refusesMessage(seat, message, 'mls.commit.path_key_mismatch')
    await honestCommitPasses(alice, ...others)
  }
})

test('D27 refuses a path with a key nobody can encrypt to, also those who never use that key (receive)', async () => {
  for (const level of [0, 1, 2]) {
    await pathRefused({ nodeKeys: (keys) => keys.map((key, at) => (at === level ? new Uint8Array(32) : key)) }, 'mls.crypto.bad_public_key')
  }
})

test('C14 refuses a path leaf with a wrong parent hash (receive)', async () => {
  await pathRefused({ parentHash: flip }, 'mls.commit.bad_parent_hash')
  await pathRefused({ parentHash: () => new Uint8Array(0) }, 'mls.commit.bad_parent_hash')
})

test('C15 refuses a confirmation tag that is wrong, truncated, or of another epoch (receive)', async () => {
  const [alice, bob, carol] = await three()
  const { confirmationTag } = insiderOf(alice).epoch
  const changes = [flip, (tag: Uint8Array) => tag.subarray(0, 31), () => new Uint8Array(0), () => confirmationTag, (tag: Uint8Array) => new Uint8Array([...tag, 0])]
  for (const change of changes) {
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { confirmationTag: change })).message, 'mls.commit.bad_confirmation_tag')
  }
  await honestCommitPasses(alice, bob, carol)
})

test('C16 refuses path secrets sealed in the context of the old tree (receive)', async () => {
  const [alice, bob, carol] = await three()
  const { contextBytes } = insiderOf(alice).epoch
  const { message } = await forgeCommit(insiderOf(alice), { sealContext: () => contextBytes })
  await refusesMessage(bob, message, 'mls.commit.path_secret_undecryptable')
  await honestCommitPasses(alice, bob, carol)
})

test('C17 leaves the group, and keeps no key, when a commit removes this member (receive)', async () => {
  const [alice, bob, carol] = await three()
  await refuses(carol.group, () => carol.group.commit({ proposals: [makeRemove(CAROL)] }), 'mls.proposal.remove_of_committer')
  const late = await alice.group.protect(utf8('of the epoch before'))
  const { commit } = await commitAll(alice, [bob], { proposals: [makeRemove(CAROL)] })
  carol.group.merge(await stagedBy(carol.group, commit))
  equal(carol.group.status, 'removed')
  const names = [...rowsOf(carol.group).rows.keys()].filter((key) => !key.startsWith('t')).map((key) => key[0])
  deepEqual([...new Set(names)].filter((kind) => kind !== 'v'), ['h'])
  await refusesMessage(carol, late, 'mls.group.inactive')
  for (const act of [() => carol.group.protect(utf8('x')), () => carol.group.commit(), () => carol.group.proposeUpdate(), () => carol.group.groupInfo({ withTree: false, withExternalPub: false })]) {
    await refuses(carol.group, act, 'mls.group.inactive')
  }
  refusesNow(() => carol.group.exportSecret('x', utf8(''), 32), 'mls.group.inactive')
  refusesNow(() => carol.group.epochAuthenticator, 'mls.group.inactive')
  const restored = rowsOf(carol.group).restore(carol.person)
  await rejects(restored.protect(utf8('x')), { code: 'mls.group.inactive' })
  await honestCommitPasses(alice, bob)
})

test('C18 merges the own commit that comes back, and keeps it when another one does (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const { message: other } = await forgeCommit(insiderOf(alice))
  const { commit, staged } = await alice.group.commit()
  await refusesMessage(alice, other, 'mls.message.own_pending')
  equal(alice.group.pendingCommit, staged)
  await refuses(alice.group, () => alice.group.commit(), 'mls.commit.pending')
  equal(await stagedBy(alice.group, commit), staged)
  bob.group.merge(await stagedBy(bob.group, commit))
  alice.group.merge(staged)
  agree(alice, bob)
})

test('C19 changes nothing when a commit is created, but the key that encrypts it and the pending row (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const before = new Map(rowsOf(alice.group).rows)
  const authenticator = alice.group.epochAuthenticator
  const { staged } = await alice.group.commit({ proposals: [makeAdd((await keyPackageOf(await makePerson('carol'))).keyPackage)] })
  const after = new Map(rowsOf(alice.group).rows)
  const changed = [...new Set([...before.keys(), ...after.keys()])].filter((key) => before.get(key)?.join() !== after.get(key)?.join())
  // the pending commit, and what splitting the own ratchets off the secret tree touches
  deepEqual([...new Set(changed.map((key) => key[0]))].filter((kind) => kind !== 'v').sort(), ['c', 's'])
  deepEqual([alice.group.epoch, alice.group.epochAuthenticator, alice.group.members.length], [1n, authenticator, 2])
  await honestMessagePasses(alice, bob)
  alice.group.discard(staged)
  equal(rowsOf(alice.group).rows.has('c'), false)
  await honestCommitPasses(alice, bob)
})

test('C20 gives the Welcome apart from the commit, and none to a commit without newcomers (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol)
  const { commit, welcome, staged } = await alice.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
  // a Welcome that leaks before the race is won leads to an epoch nobody else is in
  alice.group.discard(staged)
  const { group } = await Group.join({ config: carol.config, signer: carol.signer, welcome: present(welcome, 'there are newcomers'), keyPackages: [bundle] })
  await honestCommitPasses(alice, bob)
  notDeepEqual(group.epochAuthenticator, bob.group.epochAuthenticator)
  await refusesMessage(bob, commit, 'mls.message.wrong_epoch')
  const { welcome: none, staged: second } = await alice.group.commit()
  equal(none, undefined)
  alice.group.discard(second)
})

test('C21 refuses a second commit for an epoch already left, staged or not (receive)', async () => {
  const [alice, bob, carol] = await three()
  const { commit: first, staged: own } = await alice.group.commit()
  const { message: second } = await forgeCommit(insiderOf(carol))
  const rival = await stagedBy(bob.group, second)
  bob.group.merge(await stagedBy(bob.group, first))
  alice.group.merge(own)
  await refusesMessage(bob, second, 'mls.message.wrong_epoch')
  const before = stateDigest(bob.group)
  refusesNow(() => { bob.group.merge(rival) }, 'mls.commit.epoch_left')
  equal(stateDigest(bob.group), before)
  agree(alice, bob)
})

test('C22 uses a group no more after its ReInit (receive, own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const proposals = [makeReInit({ groupId: utf8('next'), cipherSuite: 3, extensions: [] })]
  await commitAll(alice, [bob], { proposals })
  for (const { group } of [alice, bob]) {
    equal(group.status, 'reinitialised')
    for (const act of [() => group.protect(utf8('x')), () => group.commit(), () => group.propose(makeRemove(ZERO)), () => group.proposeUpdate()]) {
      await refuses(group, act, 'mls.group.reinitialised')
    }
  }
  const insider = insiderOf(alice)
  await refusesMessage(bob, (await forgeCommit(insider)).message, 'mls.group.reinitialised')
  await refusesMessage(bob, (await forgeProposal(insider, makeRemove(ZERO))).message, 'mls.group.reinitialised')
})

test('C24 agrees about trees that halve, have blanks and unmerged leaves (receive, own creation)', async () => {
  const seats = [...await groupOf(6)]
  const [alice, bob, carol, dave, erin, frank] = seats as [Seat, Seat, Seat, Seat, Seat, Seat]
  for (const seat of seats) await commitAll(seat, seats.filter((other) => other !== seat))
  equal(insiderOf(alice).epoch.tree.leafCount, 8)
  await commitAll(alice, [bob, carol, dave], { proposals: [makeRemove(erin.group.ownLeaf), makeRemove(frank.group.ownLeaf)] })
  equal(insiderOf(bob).epoch.tree.leafCount, 4)
  await commitAll(dave, [alice, carol], { proposals: [makeRemove(bob.group.ownLeaf)] })
  const [grace] = await addAll(carol, [alice, dave], [await makePerson('grace')], { withPath: false })
  equal(grace?.group.ownLeaf, bob.group.ownLeaf)
  await honestCommitPasses(dave, alice, carol, present(grace, 'the seat is taken'))
})

test('C25 lets the victims of a garbled subtree refuse, the others go on, and a re-add heal (receive)', async () => {
  const [alice, bob, carol, dave] = await groupOf(4) as [Seat, Seat, Seat, Seat]
  const seats = [alice, bob, carol, dave]
  for (const seat of seats) await commitAll(seat, seats.filter((other) => other !== seat))
  // Alice's path: step 0 reaches Bob, step 1 reaches Carol and Dave; they get an unrelated secret
  const { message, advanced } = await forgeCommit(insiderOf(alice), { sealed: (secret, step) => (step === 1 ? new Secret(new Uint8Array(32).fill(7)) : secret) })
  for (const victim of [carol, dave]) await refusesMessage(victim, message, 'mls.commit.path_key_mismatch')
  bob.group.merge(await stagedBy(bob.group, message))
  deepEqual(bob.group.context, advanced.next.context)
  const again = await keyPackageOf(carol.person)
  const { welcome, staged } = await bob.group.commit({ proposals: [makeRemove(CAROL), makeAdd(again.keyPackage), makeRemove(ZERO)] })
  bob.group.merge(staged)
  const { group } = await Group.join({ config: carol.person.config, signer: carol.person.signer, welcome: present(welcome, 'there are newcomers'), keyPackages: [again] })
  equal(await readText(group, await bob.group.protect(utf8('healed'))), 'healed')
})
