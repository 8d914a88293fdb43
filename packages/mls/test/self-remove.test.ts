/**
 * Leaving by SelfRemove (draft-ietf-mls-extensions-08 §6.3), and which of rival proposals a committer takes.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { insecureSeededRandom } from '@famichat/base/testing'
import { utf8 } from '@famichat/base'
import { Group, makeAdd, makeCapabilities, makeRemove, makeSelfRemove, ProposalType } from '@famichat/mls'
import { inspectMessage } from '@famichat/mls/inspect'
import { commitAll, groupOf, keyPackageOf, makePerson, type PersonOptions, readText, RowStore, type Seat, stagedBy } from './builders.js'

const capabilities = makeCapabilities(insecureSeededRandom(7), { proposals: [ProposalType.selfRemove] })
const capable: PersonOptions = { leaf: { capabilities } }
const threeOf = async (options: PersonOptions = capable): Promise<[Seat, Seat, Seat]> => await groupOf(3, options) as [Seat, Seat, Seat]

test('a member leaves by SelfRemove, sent in public where all else is private', async () => {
  const [alice, bob, carol] = await threeOf()
  const leaving = await carol.group.propose(makeSelfRemove())
  equal(inspectMessage(leaving).kind, 'public')
  for (const { group } of [alice, bob]) equal((await group.process(leaving)).kind, 'proposal')
  const { commit, staged } = await commitAll(alice, [bob], { withPath: false })
  deepEqual(staged.removed, [carol.group.ownLeaf])
  const seen = await stagedBy(carol.group, commit)
  equal(seen.next, undefined)
  carol.group.merge(seen)
  equal(carol.group.status, 'removed')
  deepEqual(alice.group.epochAuthenticator, bob.group.epochAuthenticator)
  equal(await readText(bob.group, await alice.group.protect(utf8('two left'))), 'two left')
})

test('the commit of a SelfRemove has a path even when none is asked for', async () => {
  const [alice, bob, carol] = await threeOf()
  const leaving = await carol.group.propose(makeSelfRemove())
  await alice.group.process(leaving)
  await bob.group.process(leaving)
  const before = alice.group.member(alice.group.ownLeaf)
  await commitAll(alice, [bob], { withPath: false })
  equal(alice.group.member(alice.group.ownLeaf) === before, false)
})

test('a SelfRemove waits for its commit through a restart', async () => {
  const [alice, bob, carol] = await threeOf()
  const leaving = await carol.group.propose(makeSelfRemove())
  await alice.group.process(leaving)
  await bob.group.process(leaving)
  const store = new RowStore()
  store.save(alice.group)
  const restored = store.restore(alice.person)
  await commitAll({ person: alice.person, group: restored }, [bob])
  equal(bob.group.members.length, 2)
})

test('the leaver never commits its own SelfRemove', async () => {
  const [alice, bob, carol] = await threeOf()
  const leaving = await carol.group.propose(makeSelfRemove())
  await alice.group.process(leaving)
  await bob.group.process(leaving)
  const { staged } = await commitAll(carol, [alice, bob])
  deepEqual(staged.removed, [])
  equal(alice.group.members.length, 3)
})

test('a SelfRemove by value is refused', async () => {
  const [alice] = await threeOf()
  await rejects(alice.group.commit({ proposals: [makeSelfRemove()] }), { code: 'mls.proposal.self_remove_not_by_reference' })
})

test('a second SelfRemove in one epoch is refused, on both sides', async () => {
  const [alice, bob, carol] = await threeOf()
  const store = new RowStore()
  store.save(carol.group)
  const twin = store.restore(carol.person)
  await alice.group.process(await carol.group.propose(makeSelfRemove()))
  await rejects(carol.group.propose(makeSelfRemove()), { code: 'mls.proposal.same_leaf_twice' })
  const again = await twin.propose(makeSelfRemove(), { authenticatedData: utf8('again') })
  await rejects(alice.group.process(again), { code: 'mls.proposal.same_leaf_twice' })
  equal((await bob.group.process(again)).kind, 'proposal')
})

test('where one member does not list it, nobody can send a SelfRemove', async () => {
  const [alice] = await threeOf({})
  await rejects(alice.group.propose(makeSelfRemove()), { code: 'mls.proposal.unsupported_type' })
})

test('P11 a newcomer that does not list SelfRemove does not invalidate the commit that adds it', async () => {
  const [alice, bob, carol] = await threeOf()
  const leaving = await carol.group.propose(makeSelfRemove())
  await alice.group.process(leaving)
  await bob.group.process(leaving)
  const dave = await makePerson('dave')
  const bundle = await keyPackageOf(dave)
  await commitAll(alice, [bob], { proposals: [makeAdd(bundle.keyPackage)] })
  await rejects(bob.group.propose(makeSelfRemove()), { code: 'mls.proposal.unsupported_type' })
})

test('when others remove a member that leaves, the committer takes the SelfRemove', async () => {
  const [alice, bob, carol] = await threeOf()
  const removal = await bob.group.propose(makeRemove(carol.group.ownLeaf))
  const leaving = await carol.group.propose(makeSelfRemove())
  for (const message of [removal, leaving]) await alice.group.process(message)
  await bob.group.process(leaving)
  const { staged } = await commitAll(alice, [bob])
  deepEqual(staged.proposals.map(({ proposal }) => proposal.proposalType), [ProposalType.selfRemove])
})

test('of several updates of one member the committer takes the most recent', async () => {
  const [alice, bob, carol] = await threeOf()
  for (const update of [await carol.group.proposeUpdate(), await carol.group.proposeUpdate()]) {
    await alice.group.process(update)
    await bob.group.process(update)
  }
  const last = alice.group.pendingProposals.at(-1)
  const { staged } = await commitAll(alice, [bob, carol])
  deepEqual(staged.proposals, [last])
})

test('a newcomer takes SelfRemoves along in its external commit', async () => {
  const policy = { acceptExternalCommits: true }
  const [alice, bob, carol] = await threeOf({ ...capable, policy })
  const leaving = await carol.group.propose(makeSelfRemove())
  for (const { group } of [alice, bob]) await group.process(leaving)
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  const dave = await makePerson('dave', { ...capable, policy })
  const { group, commit } = await Group.joinExternal({ config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf, selfRemoves: [leaving] })
  for (const seat of [alice, bob]) seat.group.merge(await stagedBy(seat.group, commit))
  deepEqual(group.epochAuthenticator, bob.group.epochAuthenticator)
  equal(group.members.length, 3)
  equal(await readText(group, await alice.group.protect(utf8('welcome'))), 'welcome')
})

test('a member that comes back by external commit takes SelfRemoves of others along', async () => {
  const policy = { acceptExternalCommits: true }
  const [alice, bob, carol] = await threeOf({ ...capable, policy })
  const leaving = await carol.group.propose(makeSelfRemove())
  await alice.group.process(leaving)
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  const { group, commit } = await Group.joinExternal({
    config: bob.person.config, signer: bob.person.signer, groupInfo, leaf: bob.person.leaf, removes: bob.group.ownLeaf, selfRemoves: [leaving],
  })
  alice.group.merge(await stagedBy(alice.group, commit))
  deepEqual(group.epochAuthenticator, alice.group.epochAuthenticator)
  equal(group.members.length, 2)
})

test('a newcomer refuses a SelfRemove that was tampered with, or of another epoch', async () => {
  const [alice, bob, carol] = await threeOf()
  const leaving = await carol.group.propose(makeSelfRemove())
  const dave = await makePerson('dave', capable)
  const join = (groupInfo: Uint8Array, selfRemove: Uint8Array): Promise<unknown> =>
    Group.joinExternal({ config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf, selfRemoves: [selfRemove] })
  const forged = leaving.slice()
  const last = forged.length - 33 - 10
  forged[last] = (forged[last] ?? 0) ^ 1
  await rejects(join(await alice.group.groupInfo({ withTree: true, withExternalPub: true }), forged), { code: 'mls.message.bad_signature' })
  await commitAll(alice, [bob], { withPending: false })
  await rejects(join(await alice.group.groupInfo({ withTree: true, withExternalPub: true }), leaving), { code: 'mls.message.wrong_epoch' })
  await rejects(join(await alice.group.groupInfo({ withTree: true, withExternalPub: true }), await alice.group.protect(utf8('x'))), { code: 'mls.message.unexpected_kind' })
})
