/**
 * mls-validation.md B3, second part: keys that occur twice, lifetimes by policy, and KeyPackages.
 */
import { equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode } from '@famichat/base'
import { type GroupPolicy, makeAdd, makeRemove, type Proposal } from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { KeyPackage } from '../../dist/wire/key-package.js'
import type { UnsignedLeafNode } from '../../dist/wire/leaf-node.js'
import { decodeMessage } from '../../dist/wire/message.js'
import { LeafNodeSource, WireFormat } from '../../dist/wire/registries.js'
import { commitAll, groupOf, keyPackageOf, makePerson, type Person, type Seat, stagedBy } from '../builders.js'
import { agree, type Code, honestCommitPasses, refuses, refusesMessage, refusesNow } from './assertions.js'
import { forgeProposal, forgeUpdate, insiderOf } from './forge.js'
import { forgeCommit } from './forge-commit.js'
import { flatNodes, forgeWelcome, joinWith } from './forge-join.js'
import { type Change, forgeKeyPackage, forgeLeaf, type KeyPackagePlan } from './forge-leaf.js'

const ZERO = toLeafIndex(0)
const CAROL = toLeafIndex(2)
const three = async (policy: Partial<GroupPolicy> = {}): Promise<[Seat, Seat, Seat]> => await groupOf(3, { policy }) as [Seat, Seat, Seat]
const keyOf = ({ group }: Seat, field: 'encryptionKey' | 'signatureKey'): Uint8Array => group.member(group.ownLeaf)?.[field] ?? new Uint8Array(0)

/** Alice may not commit it, and Bob does not take it from her. */
const bothRefuse = async (proposalsOf: (seats: readonly [Seat, Seat, Seat]) => Promise<readonly Proposal[]>, code: Code): Promise<void> => {
  const seats = await three()
  const [alice, bob, carol] = seats
  const proposals = await proposalsOf(seats)
  await refuses(alice.group, () => alice.group.commit({ proposals }), code)
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, code)
  await honestCommitPasses(alice, bob, carol)
}

const addOf = async (name: string, plan: KeyPackagePlan): Promise<readonly Proposal[]> =>
  [makeAdd((await forgeKeyPackage(await makePerson(name), plan)).keyPackage)]

/** An Update of Carol's, changed, by reference. */
const updateRefused = async (change: (seats: readonly [Seat, Seat, Seat]) => Change<UnsignedLeafNode>, code: Code): Promise<void> => {
  const seats = await three()
  const [alice, bob, carol] = seats
  const inside = insiderOf(carol)
  const leaf = change(seats)
  const proposal = await forgeUpdate(inside, { leaf })
  const { message, reference } = await forgeProposal(inside, proposal)
  for (const { group } of [alice, bob]) await group.process(message)
  await refuses(alice.group, () => alice.group.commit(), code)
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [{ proposal, sender: inside.sender, reference }] })).message, code)
  const { commit, staged } = await alice.group.commit({ withPending: false })
  bob.group.merge(await stagedBy(bob.group, commit))
  alice.group.merge(staged)
  agree(alice, bob)
}

/** A path of Alice's whose leaf is changed. */
const pathRefused = async (change: (seats: readonly [Seat, Seat, Seat]) => Change<UnsignedLeafNode>, code: Code): Promise<void> => {
  const seats = await three()
  const [alice, bob, carol] = seats
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { leaf: change(seats) })).message, code)
  await honestCommitPasses(alice, bob, carol)
}

/** A tree of Alice, Bob and Mallory whose last leaf is changed. */
const joinRefused = async (change: (alice: UnsignedLeafNode) => Change<UnsignedLeafNode>, code: Code): Promise<void> => {
  const [alice, bob, mallory] = await Promise.all(['alice', 'bob', 'mallory'].map((name) => makePerson(name))) as [Person, Person, Person]
  const bundle = await keyPackageOf(bob)
  const { leafNode: first } = await forgeLeaf(alice)
  const { leafNode: bad } = await forgeLeaf(mallory, { leaf: change(first), signer: alice.signer })
  const { leafNode: good } = await forgeLeaf(mallory)
  const lure = (last: typeof bad): Promise<Uint8Array> => forgeWelcome(bob, bundle, {
    signer: alice.signer, signerLeaf: ZERO, nodes: flatNodes(first, bundle.keyPackage.leafNode, last),
  })
  await rejects(lure(bad).then((welcome) => joinWith(bob, welcome, bundle)), { code })
  await joinWith(bob, await lure(good), bundle)
}

test('L11 accepts an expired leaf from others where policy does not check lifetimes, and never sends one (receive, own creation)', async () => {
  const expired = async (policy: Partial<GroupPolicy>): Promise<[Seat, Seat, Proposal]> => {
    const [alice, bob] = await groupOf(2, { policy }) as [Seat, Seat]
    const { keyPackage } = await keyPackageOf(await makePerson('dave'))
    for (const { person } of [alice]) person.clock.advance(40 * 24 * 3600 * 1000)
    return [alice, bob, makeAdd(keyPackage)]
  }
  const [alice, bob, proposal] = await expired({ checkLifetimes: false })
  await refuses(alice.group, () => alice.group.commit({ proposals: [proposal] }), 'mls.leaf.expired')
  const { message } = await forgeCommit(insiderOf(alice), { proposals: [proposal] })
  bob.group.discard(await stagedBy(bob.group, message))
  const [strictAlice, strictBob, again] = await expired({})
  await refusesMessage(strictBob, (await forgeCommit(insiderOf(strictAlice), { proposals: [again] })).message, 'mls.leaf.expired')
})

test('L14 refuses an Update with the encryption key it replaces (receive, own creation)', async () => {
  await updateRefused(([, , carol]) => (leaf) => ({ ...leaf, encryptionKey: keyOf(carol, 'encryptionKey') }), 'mls.leaf.same_encryption_key')
})

test('L15 refuses a signature key of another member in an Add (receive, own creation)', async () => {
  // by the member's own hand: Carol signs what says it is a new client
  await bothRefuse(async ([, , carol]) => [makeAdd((await forgeKeyPackage(carol.person)).keyPackage)], 'mls.proposal.duplicate_add')
})

test('L15 refuses a signature key of another member in an Update (receive, own creation)', async () => {
  const seats = await three()
  const [alice, bob, carol] = seats
  const inside = insiderOf(carol)
  const proposal = await forgeUpdate(inside, { leaf: (leaf) => ({ ...leaf, signatureKey: bob.person.signer.publicKey }), signer: bob.person.signer })
  const { message, reference } = await forgeProposal(inside, proposal)
  for (const { group } of [alice, bob]) await group.process(message)
  await refuses(alice.group, () => alice.group.commit(), 'mls.leaf.duplicate_signature_key')
  const sent = { proposal, sender: inside.sender, reference }
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [sent] })).message, 'mls.leaf.duplicate_signature_key')
})

test('L15 refuses a signature key of another member in a path (receive)', async () => {
  const [alice, bob, carol] = await three()
  const plan = { leaf: (leaf: UnsignedLeafNode) => ({ ...leaf, signatureKey: carol.person.signer.publicKey }), leafSigner: carol.person.signer }
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), plan)).message, 'mls.leaf.duplicate_signature_key')
  await honestCommitPasses(alice, bob, carol)
})

test('L15 refuses a signature key that occurs twice in a tree (join)', async () => {
  await joinRefused((first) => (leaf) => ({ ...leaf, signatureKey: first.signatureKey }), 'mls.leaf.duplicate_signature_key')
})

test('L15 refuses one new signature key in two proposals of a commit (receive, own creation)', async () => {
  const seats = await three()
  const [alice, bob, carol] = seats
  const dave = await makePerson('dave')
  const inside = insiderOf(carol)
  const update = await forgeUpdate(inside, { leaf: (leaf) => ({ ...leaf, signatureKey: dave.signer.publicKey }), signer: dave.signer })
  const { message, reference } = await forgeProposal(inside, update)
  for (const { group } of [alice, bob]) await group.process(message)
  const add = makeAdd((await keyPackageOf(dave)).keyPackage)
  await refuses(alice.group, () => alice.group.commit({ proposals: [add] }), 'mls.leaf.duplicate_signature_key')
  const sent = { proposal: update, sender: inside.sender, reference }
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [sent, add] })).message, 'mls.leaf.duplicate_signature_key')
})

test('L16 refuses an encryption key of another member in an Add (receive, own creation)', async () => {
  await bothRefuse(async ([, , carol]) => addOf('dave', { leaf: (leaf) => ({ ...leaf, encryptionKey: keyOf(carol, 'encryptionKey') }) }), 'mls.leaf.duplicate_encryption_key')
})

test('L16 refuses an encryption key of another member in an Update (receive, own creation)', async () => {
  await updateRefused(([, bob]) => (leaf) => ({ ...leaf, encryptionKey: keyOf(bob, 'encryptionKey') }), 'mls.leaf.duplicate_encryption_key')
})

test('L16 refuses an encryption key of another member in a path (receive)', async () => {
  await pathRefused(([, , carol]) => (leaf) => ({ ...leaf, encryptionKey: keyOf(carol, 'encryptionKey') }), 'mls.commit.path_key_reused')
})

test('L16 refuses an encryption key of a parent node (receive, own creation)', async () => {
  const [alice, bob, carol] = await three()
  await commitAll(alice, [bob, carol])
  const parentKey = [...insiderOf(alice).epoch.tree.parents()][0]?.[1].encryptionKey ?? new Uint8Array(0)
  const proposals = await addOf('dave', { leaf: (leaf) => ({ ...leaf, encryptionKey: parentKey }) })
  // without a path the old parent keys stay
  await refuses(alice.group, () => alice.group.commit({ proposals, withPath: false }), 'mls.leaf.duplicate_encryption_key')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals, withPath: false })).message, 'mls.leaf.duplicate_encryption_key')
  await honestCommitPasses(alice, bob, carol)
})

test('L16 refuses one encryption key in two proposals of a commit (receive, own creation)', async () => {
  await bothRefuse(async () => {
    const [add] = await addOf('dave', {})
    if (add?.proposalType !== 1) throw new TypeError('an Add is expected')
    const { encryptionKey } = add.keyPackage.leafNode
    return [add, ...await addOf('erin', { leaf: (leaf) => ({ ...leaf, encryptionKey }) })]
  }, 'mls.leaf.duplicate_encryption_key')
})

test('L16 refuses an encryption key that occurs twice in a tree (join)', async () => {
  await joinRefused((first) => (leaf) => ({ ...leaf, signatureKey: leaf.signatureKey, encryptionKey: first.encryptionKey }), 'mls.leaf.duplicate_encryption_key')
})

test('L17 refuses a KeyPackage of another suite, and of another version (receive, own creation)', async () => {
  await bothRefuse(async () => addOf('dave', { keyPackage: (unsigned) => ({ ...unsigned, cipherSuite: 1 }) }), 'mls.key_package.wrong_version_or_suite')
  const { keyPackage } = await keyPackageOf(await makePerson('dave'))
  const otherVersion = encode(KeyPackage, keyPackage)
  otherVersion[1] = 2
  refusesNow(() => decode(KeyPackage, otherVersion), 'base.codec.unknown_value')
})

test('L18 refuses a KeyPackage whose leaf is invalid (receive, own creation)', async () => {
  await bothRefuse(async () => addOf('dave', { signed: (leaf) => ({ ...leaf, signature: new Uint8Array(64) }) }), 'mls.leaf.bad_signature')
})

test('L19 refuses a KeyPackage of which any field was changed (receive, own creation)', async () => {
  const later = { leafNodeSource: LeafNodeSource.keyPackage, lifetime: { notBefore: 0n, notAfter: 0n } } as const
  const changes: readonly Change<KeyPackage>[] = [
    (signed) => ({ ...signed, signature: signed.signature.map((byte, at) => (at === 9 ? byte ^ 1 : byte)) }),
    (signed) => ({ ...signed, initKey: signed.initKey.map((byte, at) => (at === 9 ? byte ^ 1 : byte)) }),
    (signed) => ({ ...signed, extensions: [{ extensionType: 0xf0f0, extensionData: new Uint8Array(0) }] }),
  ]
  for (const signedKeyPackage of changes) await bothRefuse(async () => addOf('dave', { signedKeyPackage }), 'mls.key_package.bad_signature')
  const longer: Change<KeyPackage> = (signed) => ({
    ...signed, leafNode: { ...signed.leafNode, source: { ...later, lifetime: { notBefore: 1_767_225_600n, notAfter: 1_767_225_600n + 86_400n } } },
  })
  await bothRefuse(async () => addOf('dave', { signedKeyPackage: longer }), 'mls.leaf.bad_signature')
})

test('L20 refuses a KeyPackage whose init key is its encryption key (receive, own creation)', async () => {
  await bothRefuse(async () => addOf('dave', { keyPackage: (unsigned) => ({ ...unsigned, initKey: unsigned.leafNode.encryptionKey }) }), 'mls.key_package.init_key_reused')
})

test('L20 refuses a KeyPackage whose init key nobody can encrypt to (receive, own creation)', async () => {
  await bothRefuse(async () => addOf('dave', { keyPackage: (unsigned) => ({ ...unsigned, initKey: Uint8Array.of(1, ...new Uint8Array(31)) }) }), 'mls.crypto.bad_public_key')
})

test('L21 refuses a KeyPackage whose version is not the one of its message (receive)', async () => {
  const { message } = await keyPackageOf(await makePerson('dave'))
  const changed = message.slice()
  // version and wire format of the message, then the KeyPackage's version
  changed[5] = 2
  refusesNow(() => decodeMessage(changed), 'base.codec.unknown_value')
  equal(decodeMessage(message).wireFormat, WireFormat.keyPackage)
})

test('L22 refuses one init key in two Adds of a commit (receive, own creation)', async () => {
  await bothRefuse(async () => {
    const [add] = await addOf('dave', {})
    if (add?.proposalType !== 1) throw new TypeError('an Add is expected')
    const { initKey } = add.keyPackage
    return [add, ...await addOf('erin', { keyPackage: (unsigned) => ({ ...unsigned, initKey }) })]
  }, 'mls.key_package.duplicate_init_key')
})

test('L23 asks the application who each newcomer is, with the signature key the credential must vouch for (own creation)', async () => {
  const [alice, bob, carol] = await three()
  const swapped = await forgeKeyPackage(await makePerson('impostor in the place of dave'))
  await refuses(alice.group, () => alice.group.commit({ proposals: [makeAdd(swapped.keyPackage)] }), 'mls.leaf.credential_rejected')
  await honestCommitPasses(alice, bob, carol)
})

test('L26 accepts Remove and Add of one client in one commit as a fresh start (receive, own creation)', async () => {
  const [alice, bob, carol] = await three()
  const { keyPackage } = await keyPackageOf(carol.person)
  await commitAll(alice, [bob], { proposals: [makeRemove(CAROL), makeAdd(keyPackage)] })
  agree(alice, bob)
})
