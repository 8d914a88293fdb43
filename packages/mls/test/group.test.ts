/**
 * A group from its creation to its end, as an application sees it.
 */
import { deepEqual, equal, notDeepEqual, rejects, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { present, utf8 } from '@famichat/base'
import { decodeKeyPackage, Group, makeAdd, makeExternalPsk, makeGroupContextExtensions, makeRemove, makeResumptionPsk, supportedCipherSuites } from '@famichat/mls'
import { inspectKeyPackage } from '@famichat/mls/inspect'
import { encodeMessage } from '../dist/wire/message.js'
import { LeafNodeSource, WireFormat } from '../dist/wire/registries.js'
import { addAll, aliceAndBob, commitAll, createGroup, groupOf, keyPackageOf, makePerson, readText, RowStore, type Seat, stagedBy } from './builders.js'

const agree = (seats: readonly Seat[]): void => {
  for (const { group } of seats) {
    deepEqual(group.epochAuthenticator, seats[0]?.group.epochAuthenticator)
    deepEqual(group.context, seats[0]?.group.context)
  }
}

for (const suiteId of supportedCipherSuites) {
  test(`suite ${suiteId.toString()}: a message goes both ways between two members`, async () => {
    const { alice, bob } = await aliceAndBob({ suiteId })
    equal(await readText(bob.group, await alice.group.protect(utf8('hello bob'))), 'hello bob')
    equal(await readText(alice.group, await bob.group.protect(utf8('hello alice'))), 'hello alice')
    agree([alice, bob])
  })
}

test('a member alone can commit, and the group goes on', async () => {
  const alice = await makePerson('alice')
  const group = await createGroup(alice)
  await commitAll({ person: alice, group }, [])
  equal(group.epoch, 1n)
})

test('everybody agrees after adds, updates, removals and empty commits', async () => {
  const seats = [...await groupOf(6)]
  agree(seats)
  const [alice, bob, carol, dave, erin, frank] = seats as [Seat, Seat, Seat, Seat, Seat, Seat]
  await commitAll(carol, [alice, bob, dave, erin, frank])
  agree(seats)
  const proposal = await bob.group.proposeUpdate()
  for (const { group } of [alice, carol, dave, erin, frank]) await group.process(proposal)
  await commitAll(dave, [alice, bob, carol, erin, frank])
  agree(seats)
  await commitAll(erin, [alice, bob, carol, dave], { proposals: [makeRemove(frank.group.ownLeaf)] })
  agree([alice, bob, carol, dave, erin])
  const [grace, heidi] = await addAll(bob, [alice, carol, dave, erin], [await makePerson('grace'), await makePerson('heidi')]) as [Seat, Seat]
  agree([alice, bob, carol, dave, erin, grace, heidi])
  for (const sender of [alice, bob, carol, dave, erin, grace, heidi]) {
    const message = await sender.group.protect(utf8(`from ${sender.person.name}`))
    for (const receiver of [alice, bob, carol, dave, erin, grace, heidi]) {
      if (receiver === sender) continue
      equal(await readText(receiver.group, message), `from ${sender.person.name}`)
    }
  }
})

test('a removed member learns that it is out, and reads nothing that follows', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const { commit } = await commitAll(alice, [bob], { proposals: [makeRemove(carol.group.ownLeaf)] })
  const staged = await stagedBy(carol.group, commit)
  equal(staged.next, undefined)
  const before = await carol.group.protect(utf8('still here'))
  carol.group.merge(staged)
  equal(carol.group.status, 'removed')
  equal(await readText(bob.group, before), 'still here')
  const after = await alice.group.protect(utf8('she is gone'))
  await rejects(carol.group.process(after), { code: 'mls.group.inactive' })
  await rejects(carol.group.protect(utf8('hello?')), { code: 'mls.group.inactive' })
})

test('a member leaves by a proposal that another commits', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const leaving = await carol.group.propose(makeRemove(carol.group.ownLeaf))
  await alice.group.process(leaving)
  await bob.group.process(leaving)
  await rejects(alice.group.protect(utf8('too early')), { code: 'mls.proposal.pending' })
  const { commit } = await commitAll(alice, [bob])
  equal((await stagedBy(carol.group, commit)).next, undefined)
  equal(alice.group.members.length, 2)
})

test('messages out of order, and of epochs just past, are read; a replayed one is not', async () => {
  const { alice, bob } = await aliceAndBob()
  const messages = [await alice.group.protect(utf8('0')), await alice.group.protect(utf8('1')), await alice.group.protect(utf8('2'))] as const
  equal(await readText(bob.group, messages[2]), '2')
  await commitAll(bob, [alice])
  equal(await readText(bob.group, messages[0]), '0')
  equal(await readText(bob.group, messages[1]), '1')
  await rejects(bob.group.process(messages[1]), { code: 'mls.message.key_consumed' })
})

test('external and resumption PSKs enter the key schedule', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  for (const { person } of [alice, bob]) person.psks.set('shared', utf8('a secret from elsewhere'))
  const suite = alice.group.cipherSuite
  const proposals = [makeExternalPsk(suite, utf8('shared')), makeResumptionPsk(suite, alice.group.groupId, alice.group.epoch)]
  const bundle = await alice.group.commit({ proposals })
  bob.group.merge(await stagedBy(bob.group, bundle.commit))
  await rejects(carol.group.process(bundle.commit), { code: 'mls.psk.unknown' })
  alice.group.merge(bundle.staged)
  agree([alice, bob])
})

test('a commit that lost the race is discarded, and the winner is followed', async () => {
  const { alice, bob } = await aliceAndBob()
  const lost = await alice.group.commit()
  const won = await bob.group.commit()
  bob.group.merge(won.staged)
  alice.group.discard(lost.staged)
  alice.group.merge(await stagedBy(alice.group, won.commit))
  agree([alice, bob])
  await commitAll(alice, [bob])
  agree([alice, bob])
})

test('an own commit that comes back is recognised, and entered once', async () => {
  const { alice, bob } = await aliceAndBob()
  const { commit, staged } = await alice.group.commit()
  equal(await stagedBy(alice.group, commit), staged)
  alice.group.merge(staged)
  bob.group.merge(await stagedBy(bob.group, commit))
  agree([alice, bob])
  const message = await alice.group.protect(utf8('hi'))
  deepEqual((await alice.group.process(message)).kind, 'own')
})

test('a newcomer adds itself by external commit, and a member that lost its state comes back', async () => {
  const policy = { acceptExternalCommits: true }
  const { alice, bob } = await aliceAndBob({ policy })
  const join = async (name: string, removes?: Seat): Promise<Seat> => {
    const person = removes?.person ?? await makePerson(name, { policy })
    const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
    const { group, commit } = await Group.joinExternal({
      config: person.config, signer: person.signer, groupInfo, leaf: person.leaf, ...(removes ? { removes: removes.group.ownLeaf } : {}),
    })
    for (const seat of [alice, ...(removes === bob ? [] : [bob])]) seat.group.merge(await stagedBy(seat.group, commit))
    return { person, group }
  }
  const carol = await join('carol')
  agree([alice, bob, carol])
  equal(await readText(bob.group, await carol.group.protect(utf8('I am in'))), 'I am in')
  for (const { group } of [alice, bob, carol]) equal(group.members.length, 3)
})

test('the group context extensions are replaced for everybody', async () => {
  const { alice, bob } = await aliceAndBob()
  const extensions = [{ extensionType: 3, extensionData: Uint8Array.of(0, 0, 2, 0, 1) }]
  await commitAll(alice, [bob], { proposals: [makeGroupContextExtensions(extensions)] })
  deepEqual(bob.group.context.extensions, extensions)
  agree([alice, bob])
})

test('exported secrets are equal for members and differ by label, context and epoch', async () => {
  const { alice, bob } = await aliceAndBob()
  const exported = (group: Group, label: string, context: string): Uint8Array => group.exportSecret(label, utf8(context), 32).expose().slice()
  deepEqual(exported(alice.group, 'a', 'x'), exported(bob.group, 'a', 'x'))
  notDeepEqual(exported(alice.group, 'a', 'x'), exported(alice.group, 'b', 'x'))
  notDeepEqual(exported(alice.group, 'a', 'x'), exported(alice.group, 'a', 'y'))
  const before = exported(alice.group, 'a', 'x')
  await commitAll(alice, [bob])
  notDeepEqual(exported(alice.group, 'a', 'x'), before)
})

test('a member restored from its rows goes on where it stopped', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  store.save(bob.group)
  const early = await alice.group.protect(utf8('early'))
  equal(await readText(bob.group, await alice.group.protect(utf8('one'))), 'one')
  store.save(bob.group)
  let restored = store.restore(bob.person)
  equal(await readText(restored, early), 'early')
  equal(await readText(restored, await alice.group.protect(utf8('two'))), 'two')
  equal(await readText(alice.group, await restored.protect(utf8('back'))), 'back')
  store.save(restored)
  await commitAll(alice, [{ person: bob.person, group: restored }])
  store.save(restored)
  restored = store.restore(bob.person)
  equal(await readText(restored, await alice.group.protect(utf8('three'))), 'three')
  deepEqual(restored.epochAuthenticator, alice.group.epochAuthenticator)
})

test('a commit that waits for its acceptance survives a restart', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  store.save(alice.group)
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol)
  const { commit, welcome } = await alice.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
  store.save(alice.group)
  const restored = store.restore(alice.person)
  const staged = await stagedBy(restored, commit)
  equal(staged.isOwn, true)
  restored.merge(staged)
  bob.group.merge(await stagedBy(bob.group, commit))
  const joined = await Group.join({ config: carol.config, signer: carol.signer, welcome: present(welcome, 'there is a newcomer'), keyPackages: [bundle] })
  agree([{ person: alice.person, group: restored }, bob, { person: carol, group: joined.group }])
  store.save(restored)
  deepEqual(store.restore(alice.person).epochAuthenticator, bob.group.epochAuthenticator)
})

test('what is read as a published KeyPackage is one: another message is refused, and a leaf that belongs in a tree', async () => {
  const { alice } = await aliceAndBob()
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  for (const read of [decodeKeyPackage, inspectKeyPackage]) throws(() => read(groupInfo), { code: 'mls.message.unexpected_kind' })
  const { keyPackage } = await keyPackageOf(alice.person)
  const leafNode = { ...keyPackage.leafNode, source: { leafNodeSource: LeafNodeSource.update } } as const
  const misplaced = encodeMessage({ wireFormat: WireFormat.keyPackage, keyPackage: { ...keyPackage, leafNode } })
  throws(() => inspectKeyPackage(misplaced), { code: 'mls.leaf.wrong_source' })
})
