/**
 * Groups made from groups (RFC 9420 §11.2, §11.3), and the joins that need more than a Welcome: known groups,
 * used KeyPackages, KeyPackages of last resort.
 */
import { deepEqual, equal, notEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { present, utf8 } from '@famichat/base'
import {
  type BranchRequest, Group, type GroupContext, type KeyPackageBundle, makeAdd, makeReInit, makeRemove, ProposalType, PSKType, ResumptionPSKUsage,
  type StartedGroup, type WelcomeJoin,
} from '@famichat/mls'
import { commitAll, groupOf, keyPackageOf, makePerson, type Person, readText, RowStore, type Seat } from './builders.js'
import { validateSuccessor } from '../dist/group/validate-successor.js'
import { RatchetTree } from '../dist/tree/ratchet-tree.js'

const reinit = { groupId: utf8('the next group'), cipherSuite: 1, extensions: [{ extensionType: 3, extensionData: Uint8Array.of(0, 0, 2, 0, 1) }] }

/** The same person with keys for another suite. */
const inSuite = async (person: Person, suiteId: number): Promise<Person> => makePerson(person.name, { suiteId, clock: person.clock, seed: 2 })

const closedThree = async (): Promise<[Seat, Seat, Seat]> => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  await commitAll(alice, [bob, carol], { proposals: [makeReInit(reinit)] })
  return [alice, bob, carol]
}

interface Followers { readonly people: readonly Person[]; readonly bundles: readonly KeyPackageBundle[] }

const followersOf = async (seats: readonly Seat[], suiteId = 1): Promise<Followers> => {
  const people = await Promise.all(seats.map(({ person }) => inSuite(person, suiteId)))
  return { people, bundles: await Promise.all(people.map((person) => keyPackageOf(person))) }
}

const join = (started: StartedGroup, bundle: KeyPackageBundle | undefined, person: Person | undefined, more: Partial<WelcomeJoin>): ReturnType<typeof Group.join> => {
  const { config, signer } = present(person, 'somebody joins')
  return Group.join({ config, signer, welcome: present(started.bundle.welcome, 'there are newcomers'), keyPackages: bundle ? [bundle] : [], ...more })
}

test('after a ReInit another member sets up the next group, and everybody follows', async () => {
  const [alice, bob, carol] = await closedThree()
  for (const { group } of [alice, bob, carol]) equal(group.status, 'reinitialised')
  const creator = await inSuite(bob.person, 1)
  const { people, bundles } = await followersOf([alice, carol])
  const started = await bob.group.reinitialise({ keyPackages: bundles.map(({ keyPackage }) => keyPackage), signer: creator.signer, leaf: creator.leaf })
  started.group.merge(started.bundle.staged)
  equal(started.group.epoch, 1n)
  equal(started.group.cipherSuite.id, 1)
  for (const [index, seat] of [alice, carol].entries()) {
    const { group } = await join(started, bundles[index], people[index], { findGroup: () => seat.group })
    deepEqual(group.epochAuthenticator, started.group.epochAuthenticator)
    deepEqual(group.context.extensions, reinit.extensions)
    equal(await readText(started.group, await group.protect(utf8('here'))), 'here')
  }
})

test('a group stays closed, and knows its successor, after a restart', async () => {
  const [alice, bob] = await groupOf(2) as [Seat, Seat]
  const store = new RowStore()
  store.save(alice.group)
  await commitAll(bob, [alice], { proposals: [makeReInit({ ...reinit, cipherSuite: 3 })] })
  store.save(alice.group)
  const restored = store.restore(alice.person)
  equal(restored.status, 'reinitialised')
  deepEqual(restored.reinit?.groupId, reinit.groupId)
  const bundle = await keyPackageOf(bob.person)
  const started = await restored.reinitialise({ keyPackages: [bundle.keyPackage] })
  const { group } = await join(started, bundle, bob.person, { findGroup: () => bob.group })
  started.group.merge(started.bundle.staged)
  deepEqual(group.epochAuthenticator, started.group.epochAuthenticator)
  await rejects(restored.commit(), { code: 'mls.group.reinitialised' })
})

test('a successor waits for its acceptance through a restart', async () => {
  const [alice, bob] = await groupOf(2) as [Seat, Seat]
  const bundle = await keyPackageOf(bob.person)
  const started = await alice.group.branch({ groupId: utf8('side'), keyPackages: [bundle.keyPackage] })
  const store = new RowStore()
  store.save(started.group)
  const restored = store.restore(alice.person)
  restored.merge(present(restored.pendingCommit, 'it waits'))
  const { group } = await join(started, bundle, bob.person, { findGroup: () => bob.group })
  deepEqual(group.epochAuthenticator, restored.epochAuthenticator)
})

test('a group that was not closed has no successor', async () => {
  const [alice] = await groupOf(2) as [Seat, Seat]
  await rejects(alice.group.reinitialise({ keyPackages: [] }), { code: 'mls.group.not_reinitialised' })
})

test('W18 the successor has all members of the old group: its creator does not leave one out', async () => {
  const [alice, , carol] = await closedThree()
  const creator = await inSuite(alice.person, 1)
  const { bundles } = await followersOf([carol])
  const request = { keyPackages: bundles.map(({ keyPackage }) => keyPackage), signer: creator.signer, leaf: creator.leaf }
  await rejects(alice.group.reinitialise(request), { code: 'mls.welcome.reinit_mismatch' })
})

test('W18 a joiner notices that a member was left behind', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const store = new RowStore()
  store.save(alice.group)
  await commitAll(alice, [bob, carol], { proposals: [makeReInit(reinit)] })
  store.save(alice.group)
  const creator = await inSuite(alice.person, 1)
  const dishonest = Group.restore({
    config: { ...alice.person.config, authentication: { isValid: () => true, isSuccessor: () => true } }, signer: alice.person.signer, rows: store.all(),
  })
  const { people, bundles } = await followersOf([bob])
  const started = await dishonest.reinitialise({ keyPackages: bundles.map(({ keyPackage }) => keyPackage), signer: creator.signer, leaf: creator.leaf })
  await rejects(join(started, bundles[0], people[0], { findGroup: () => bob.group }), { code: 'mls.welcome.reinit_mismatch' })
})

test('W18 a joiner whose group was closed by another ReInit does not follow', async () => {
  const [alice, bob] = await groupOf(2) as [Seat, Seat]
  const store = new RowStore()
  store.save(alice.group)
  const twin = store.restore(alice.person)
  await commitAll(alice, [bob], { proposals: [makeReInit({ ...reinit, cipherSuite: 3 })] })
  const fork = await twin.commit({ proposals: [makeReInit({ ...reinit, cipherSuite: 3, groupId: utf8('elsewhere') })] })
  twin.merge(fork.staged)
  const bundle = await keyPackageOf(bob.person)
  const started = await twin.reinitialise({ keyPackages: [bundle.keyPackage] })
  // the PSKs differ as the epochs do: nothing of the Welcome opens
  await rejects(join(started, bundle, bob.person, { findGroup: () => bob.group }), { code: 'mls.welcome.undecryptable' })
})

test('a Welcome to a successor is refused by a client that does not have the old group', async () => {
  const [alice, bob] = await groupOf(2) as [Seat, Seat]
  const bundle = await keyPackageOf(bob.person)
  const started = await alice.group.branch({ groupId: utf8('side'), keyPackages: [bundle.keyPackage] })
  await rejects(join(started, bundle, bob.person, {}), { code: 'mls.psk.unknown' })
  await rejects(join(started, bundle, bob.person, { findGroup: () => started.group }), { code: 'mls.psk.unknown' })
  equal((await join(started, bundle, bob.person, { findGroup: () => bob.group })).group.epoch, 1n)
})

test('some members branch off, and the group they come from goes on', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const bundle = await keyPackageOf(carol.person)
  const started = await alice.group.branch({ groupId: utf8('a present for bob'), keyPackages: [bundle.keyPackage] })
  const { group } = await join(started, bundle, carol.person, { findGroup: () => carol.group })
  started.group.merge(started.bundle.staged)
  deepEqual(group.epochAuthenticator, started.group.epochAuthenticator)
  equal(group.members.length, 2)
  await commitAll(bob, [alice, carol])
  equal(await readText(bob.group, await alice.group.protect(utf8('nothing going on'))), 'nothing going on')
})

const branchOf = (group: Group, bundles: readonly KeyPackageBundle[], more: Partial<BranchRequest> = {}): Promise<StartedGroup> =>
  group.branch({ groupId: utf8('side'), keyPackages: bundles.map(({ keyPackage }) => keyPackage), ...more })

test('W19 a branch has nobody who is not in the group: neither its creator nor a joiner lets one in', async () => {
  const [alice, bob] = await groupOf(2) as [Seat, Seat]
  const bundles = [await keyPackageOf(bob.person), await keyPackageOf(await makePerson('mallory'))]
  await rejects(branchOf(alice.group, bundles), { code: 'mls.welcome.branch_mismatch' })
  const store = new RowStore()
  store.save(alice.group)
  const { config, signer } = alice.person
  const dishonest = Group.restore({ config: { ...config, authentication: { isValid: () => true, isSuccessor: () => true } }, signer, rows: store.all() })
  const started = await branchOf(dishonest, bundles)
  await rejects(join(started, bundles[0], bob.person, { findGroup: () => bob.group }), { code: 'mls.welcome.branch_mismatch' })
})

test('an ordinary add to a branch does not need the group it came from', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const started = await branchOf(alice.group, [await keyPackageOf(bob.person)])
  started.group.merge(started.bundle.staged)
  const bundle = await keyPackageOf(carol.person)
  const { welcome } = await started.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
  const { group } = await Group.join({ config: carol.person.config, signer: carol.person.signer, welcome: present(welcome, 'carol'), keyPackages: [bundle] })
  equal(group.epoch, 2n)
})

/** The checks of a joiner against a group of two that was closed by `reinit`, with chosen lies in the new group's context. */
const judge = async (usage: ResumptionPSKUsage, lies: Partial<GroupContext>, pskEpoch?: bigint): Promise<void> => {
  const [alice, bob] = await groupOf(2) as [Seat, Seat]
  await commitAll(alice, [bob], { proposals: [makeReInit(reinit)] })
  const { context, members, reinit: closing } = alice.group
  const [first, ...others] = members
  const tree = RatchetTree.ofOne(present(first, 'alice').leafNode)
  for (const { leafNode } of others) tree.add(leafNode)
  const previous = { epoch: { context, tree }, reinit: closing }
  const honest = usage === ResumptionPSKUsage.reinit ? reinit : { cipherSuite: context.cipherSuite }
  await validateSuccessor(alice.person.config.authentication, { usage, pskEpoch: pskEpoch ?? context.epoch, previous }, {
    groupContext: { ...context, ...honest, epoch: 1n, ...lies }, tree,
  })
}

test('W17 a successor or branch starts at epoch 1', async () => {
  await judge(ResumptionPSKUsage.reinit, {})
  await judge(ResumptionPSKUsage.branch, {})
  for (const usage of [ResumptionPSKUsage.reinit, ResumptionPSKUsage.branch]) {
    for (const epoch of [0n, 2n]) await rejects(judge(usage, { epoch }), { code: 'mls.welcome.wrong_epoch' })
  }
})

test('W18 a successor has the group id, suite and extensions of the ReInit, and its PSK is of the epoch after it', async () => {
  for (const lie of [{ groupId: utf8('elsewhere') }, { cipherSuite: 2 }, { extensions: [] }]) {
    await rejects(judge(ResumptionPSKUsage.reinit, lie), { code: 'mls.welcome.reinit_mismatch' })
  }
  await rejects(judge(ResumptionPSKUsage.reinit, {}, 1n), { code: 'mls.welcome.reinit_mismatch' })
})

test('W19 a branch has the suite of the group it comes from', async () => {
  await rejects(judge(ResumptionPSKUsage.branch, { cipherSuite: 1 }), { code: 'mls.welcome.branch_mismatch' })
})

test('K02 a resumption PSK of usage reinit or branch is refused in a running group', async () => {
  const [alice] = await groupOf(2) as [Seat, Seat]
  const { groupId: pskGroupId, epoch: pskEpoch, cipherSuite } = alice.group
  for (const usage of [ResumptionPSKUsage.reinit, ResumptionPSKUsage.branch]) {
    const psk = { psktype: PSKType.resumption, usage, pskGroupId, pskEpoch, pskNonce: new Uint8Array(cipherSuite.hashLength) }
    await rejects(alice.group.commit({ proposals: [{ proposalType: ProposalType.psk, psk }] }), { code: 'mls.psk.wrong_usage' })
  }
})

test('a client that was removed from a group cannot be brought into its branch', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const bundle = await keyPackageOf(carol.person)
  const started = await branchOf(alice.group, [bundle])
  const { commit } = await commitAll(alice, [bob], { proposals: [makeRemove(carol.group.ownLeaf)] })
  const processed = await carol.group.process(commit)
  if (processed.kind === 'commit') carol.group.merge(processed.staged)
  await rejects(join(started, bundle, carol.person, { findGroup: () => carol.group }), { code: 'mls.group.inactive' })
})

test('W06 a Welcome to a group the client is in already is refused', async () => {
  const [alice] = await groupOf(2) as [Seat, Seat]
  const dave = await makePerson('dave')
  const bundle = await keyPackageOf(dave)
  const { welcome } = await alice.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
  const request = { config: dave.config, signer: dave.signer, welcome: present(welcome, 'dave'), keyPackages: [bundle] }
  const known = (groupId: Uint8Array): boolean => new TextDecoder().decode(groupId) === 'test group'
  await rejects(Group.join({ ...request, isKnownGroup: known }), { code: 'mls.welcome.known_group' })
  equal((await Group.join({ ...request, isKnownGroup: () => false })).group.epoch, 2n)
})

test('W26 who joins with a last-resort KeyPackage is told, and can use it again', async () => {
  const [alice, bob] = await groupOf(2) as [Seat, Seat]
  const dave = await makePerson('dave')
  const [once, lastResort] = [await keyPackageOf(dave), await keyPackageOf(dave, { isLastResort: true })]
  equal(once.isLastResort, false)
  equal(lastResort.isLastResort, true)
  const first = await alice.group.commit({ proposals: [makeAdd(lastResort.keyPackage)] })
  const request = { config: dave.config, signer: dave.signer, welcome: present(first.welcome, 'dave'), keyPackages: [lastResort], isConsumed: () => true }
  const joined = await Group.join(request)
  equal(joined.isLastResort, true)
  equal((await Group.join(request)).isLastResort, true)
  alice.group.merge(first.staged)
  const processed = await bob.group.process(first.commit)
  if (processed.kind === 'commit') bob.group.merge(processed.staged)
  const before = joined.group.member(joined.group.ownLeaf)?.encryptionKey
  await commitAll({ person: dave, group: joined.group }, [alice, bob])
  notEqual(alice.group.member(joined.group.ownLeaf)?.encryptionKey, before)
})

test('L24 a KeyPackage that was used is refused the second time', async () => {
  const [alice] = await groupOf(2) as [Seat, Seat]
  const dave = await makePerson('dave')
  const bundle = await keyPackageOf(dave)
  const { welcome } = await alice.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
  const used = new Set<string>()
  const request = {
    config: dave.config, signer: dave.signer, welcome: present(welcome, 'dave'), keyPackages: [bundle],
    isConsumed: (ref: Uint8Array) => used.has(ref.join()),
  }
  const { keyPackage, isLastResort } = await Group.join(request)
  equal(isLastResort, false)
  used.add(keyPackage.ref.join())
  await rejects(Group.join(request), { code: 'mls.key_package.consumed' })
})
