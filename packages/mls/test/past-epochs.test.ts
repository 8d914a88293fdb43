/**
 * The window of past epochs (RFC 9420 §15.3): how many and for how long their application messages are read.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { present, utf8 } from '@famichat/base'
import { makeRemove } from '@famichat/mls'
import { aliceAndBob, commitAll, groupOf, readText, RowStore, type Seat } from './builders.js'

const HOUR_MS = 3600 * 1000

/** A message of each of the next epochs, oldest first; all are late when they arrive. */
const lateMessages = async (sender: Seat, receiver: Seat, epochs: number): Promise<readonly Uint8Array[]> => {
  const messages: Uint8Array[] = []
  for (let epoch = 0; epoch < epochs; epoch++) {
    messages.push(await sender.group.protect(utf8(`epoch ${epoch.toString()}`)))
    await commitAll(sender, [receiver])
  }
  return messages
}

test('F02 messages of the last three epochs are read, of the fourth no more', async () => {
  const { alice, bob } = await aliceAndBob()
  const messages = await lateMessages(alice, bob, 4)
  await rejects(bob.group.process(present(messages[0], 'oldest')), { code: 'mls.message.wrong_epoch' })
  for (const index of [1, 2, 3]) {
    equal(await readText(bob.group, present(messages[index], 'late')), `epoch ${index.toString()}`)
  }
})

test('K06 a past epoch is read for 48 hours to the millisecond, then its keys are gone', async () => {
  const { alice, bob } = await aliceAndBob()
  const [first, second] = [await alice.group.protect(utf8('in time')), await alice.group.protect(utf8('too late'))]
  await commitAll(alice, [bob])
  bob.person.clock.advance(48 * HOUR_MS)
  equal(await readText(bob.group, first), 'in time')
  bob.person.clock.advance(1)
  await rejects(bob.group.process(second), { code: 'mls.message.wrong_epoch' })
  // turning the clock back does not bring back what was deleted
  bob.person.clock.advance(-HOUR_MS)
  await rejects(bob.group.process(second), { code: 'mls.message.wrong_epoch' })
})

test('K06 what has left the window is deleted from the store, and does not come back with a restart', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  store.save(bob.group)
  const [first, late] = [await alice.group.protect(utf8('first')), await alice.group.protect(utf8('late'))]
  await commitAll(alice, [bob])
  store.save(bob.group)
  equal(await readText(store.restore(bob.person), first), 'first')
  bob.person.clock.advance(48 * HOUR_MS + 1)
  await rejects(store.restore(bob.person).process(late), { code: 'mls.message.wrong_epoch' })
  await rejects(bob.group.process(late), { code: 'mls.message.wrong_epoch' })
  store.save(bob.group)
  deepEqual([...store.rows.keys()].filter((key) => key.startsWith('e') || key.startsWith('s0.')), [])
})

test('a quiet group deletes past epochs when it is told to', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  const late = await alice.group.protect(utf8('late'))
  await commitAll(alice, [bob])
  store.save(bob.group)
  bob.person.clock.advance(48 * HOUR_MS + 1)
  bob.group.expirePastEpochs()
  store.save(bob.group)
  equal([...store.rows.keys()].some((key) => key.startsWith('e')), false)
  await rejects(bob.group.process(late), { code: 'mls.message.wrong_epoch' })
})

test('policy narrows the window: one epoch, and one hour', async () => {
  const { alice, bob } = await aliceAndBob({ policy: { maxPastEpochs: 1, maxPastEpochAgeMs: HOUR_MS } })
  const [older, newer] = await lateMessages(alice, bob, 2)
  await rejects(bob.group.process(present(older, 'older')), { code: 'mls.message.wrong_epoch' })
  equal(await readText(bob.group, present(newer, 'newer')), 'epoch 1')
  const last = await alice.group.protect(utf8('last'))
  await commitAll(alice, [bob])
  bob.person.clock.advance(HOUR_MS + 1)
  await rejects(bob.group.process(last), { code: 'mls.message.wrong_epoch' })
})

test('policy closes the window: an epoch that is over is not read at all', async () => {
  const { alice, bob } = await aliceAndBob({ policy: { maxPastEpochs: 0 } })
  const [late] = await lateMessages(alice, bob, 1)
  await rejects(bob.group.process(present(late, 'late')), { code: 'mls.message.wrong_epoch' })
})

test('policy widens the window', async () => {
  const { alice, bob } = await aliceAndBob({ policy: { maxPastEpochs: 6 } })
  const messages = await lateMessages(alice, bob, 6)
  equal(await readText(bob.group, present(messages[0], 'oldest')), 'epoch 0')
})

test('F02 handshakes of a past epoch are refused whatever the window', async () => {
  const { alice, bob } = await aliceAndBob()
  const proposal = await alice.group.proposeUpdate()
  const lost = await bob.group.commit()
  bob.group.discard(lost.staged)
  await commitAll(alice, [bob], { withPending: false })
  await rejects(bob.group.process(proposal), { code: 'mls.message.wrong_epoch' })
  await rejects(alice.group.process(lost.commit), { code: 'mls.message.wrong_epoch' })
})

test('F23 a late message of a member that has left since is read as what it was', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const late = await carol.group.protect(utf8('my last words'))
  const leaf = carol.group.member(carol.group.ownLeaf)
  await commitAll(alice, [bob], { proposals: [makeRemove(carol.group.ownLeaf)] })
  const processed = await bob.group.process(late)
  equal(processed.kind, 'application')
  deepEqual(processed.sender.leafNode, leaf)
})
