/**
 * Stories of faults that were found by reading: each test tells how one came about.
 */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { present, toHex, utf8 } from '@famichat/base'
import { makeAdd, makeExternalPsk, makeReInit, makeRemove, type Signer } from '@famichat/mls'
import { encodeEncapsulateJob, makeJobRunner } from '../dist/crypto/jobs.js'
import { nodePrimitives } from '../dist/crypto/node-backend.js'
import { BATCH_BYTES, closeBatch, openControl, takeJob, takeResult, writeBatch } from '../dist/crypto/shared-batch.js'
import { aliceAndBob, commitAll, groupOf, keyPackageOf, makePerson, readText, RowStore, type Seat, stagedBy } from './builders.js'

test('no secret of an epoch stays in the store once it is past reading, however rarely the rows are written', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  await commitAll(alice, [bob])
  store.save(bob.group)
  equal(await readText(bob.group, await alice.group.protect(utf8('in the old epoch'))), 'in the old epoch')
  for (let commit = 0; commit < 5; commit++) await commitAll(alice, [bob])
  store.save(bob.group)
  const open = new Set([bob.group.epoch, ...[1n, 2n, 3n].map((back) => bob.group.epoch - back)].map((epoch) => `s${epoch.toString()}.`))
  const left = [...store.rows.keys()].filter((key) => key.startsWith('s') && ![...open].some((prefix) => key.startsWith(prefix)))
  deepEqual(left, [])
})

test('a removed member leaves no secret of its last epoch in the store', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const store = new RowStore()
  store.save(carol.group)
  equal(await readText(carol.group, await alice.group.protect(utf8('hello'))), 'hello')
  const { commit } = await commitAll(alice, [bob], { proposals: [makeRemove(carol.group.ownLeaf)] })
  carol.group.merge(await stagedBy(carol.group, commit))
  store.save(carol.group)
  deepEqual([...store.rows.keys()].filter((key) => key.startsWith('s')), [])
})

test('who leaves without a commit keeps no secret in the store either, nor a commit of its own, and can do nothing more', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  store.save(bob.group)
  equal(await readText(bob.group, await alice.group.protect(utf8('hello'))), 'hello')
  await bob.group.commit()
  store.save(bob.group)
  bob.group.abandon()
  store.save(bob.group)
  equal(bob.group.status, 'removed')
  deepEqual([...store.rows.keys()].filter((key) => key.startsWith('s') || key === 'pending'), [])
  await rejects(bob.group.protect(utf8('still here?')), { code: 'mls.group.inactive' })
  throws(() => { bob.group.abandon() }, { code: 'mls.group.inactive' })
})

test('an own Update survives the commit that was given up, and serves the one that wins', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const proposal = await bob.group.proposeUpdate()
  for (const { group } of [alice, carol]) await group.process(proposal)
  const lost = await alice.group.commit()
  const won = await carol.group.commit()
  const first = await stagedBy(bob.group, lost.commit)
  const second = await stagedBy(bob.group, won.commit)
  bob.group.discard(first)
  bob.group.merge(second)
  carol.group.merge(won.staged)
  deepEqual(bob.group.epochAuthenticator, carol.group.epochAuthenticator)
  equal(await readText(bob.group, await carol.group.protect(utf8('still here'))), 'still here')
})

test('a commit is merged or discarded once: a second call harms nothing', async () => {
  const { alice, bob } = await aliceAndBob()
  const { staged, commit } = await alice.group.commit()
  alice.group.merge(staged)
  alice.group.discard(staged)
  bob.group.merge(await stagedBy(bob.group, commit))
  equal(await readText(bob.group, await alice.group.protect(utf8('fine'))), 'fine')
  const given = await alice.group.commit()
  alice.group.discard(given.staged)
  throws(() => { alice.group.merge(given.staged) }, { code: 'mls.commit.epoch_left' })
  equal(alice.group.epoch, bob.group.epoch)
  await commitAll(alice, [bob])
})

test('a message that is overtaken by a removal is refused, not encrypted for the removed member', async () => {
  const { signer, release } = slowSigner()
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const slow = restoredWith(alice, signer)
  const { commit } = await bob.group.commit({ proposals: [makeRemove(carol.group.ownLeaf)] })
  const staged = await stagedBy(slow, commit)
  const sending = slow.protect(utf8('between us'))
  slow.merge(staged)
  release(alice.person.signer)
  await rejects(sending, { code: 'mls.message.wrong_epoch' })
})

test('a commit that is overtaken by another is given up, and leaves nothing pending', async () => {
  const { signer, release } = slowSigner()
  const { alice, bob } = await aliceAndBob()
  const slow = restoredWith(alice, signer)
  const { commit, staged: his } = await bob.group.commit()
  const staged = await stagedBy(slow, commit)
  const committing = slow.commit({ withPath: false, proposals: [makeAdd((await keyPackageOf(await makePerson('dave'))).keyPackage)] })
  await new Promise((resolve) => { setImmediate(resolve) })
  slow.merge(staged)
  release(alice.person.signer)
  await rejects(committing, { code: 'mls.commit.epoch_left' })
  equal(slow.pendingCommit, undefined)
  bob.group.merge(his)
  deepEqual(slow.epochAuthenticator, bob.group.epochAuthenticator)
})

test('a caller may use its buffers again at once', async () => {
  const { alice, bob } = await aliceAndBob()
  const text = utf8('mine to keep')
  const authenticatedData = utf8('seen by all')
  const sending = alice.group.protect(text, { authenticatedData })
  text.fill(0)
  authenticatedData.fill(0)
  const message = await sending
  const receiving = bob.group.process(message)
  message.fill(0)
  const received = await receiving
  ok(received.kind === 'application')
  deepEqual(received.applicationData, utf8('mine to keep'))
  deepEqual(received.authenticatedData, utf8('seen by all'))
})

test('a proposal nobody can commit does not keep the others from committing', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const impossible = await bob.group.propose(makeExternalPsk(bob.group.cipherSuite, utf8('held by nobody')))
  const closing = await bob.group.propose(makeReInit({ groupId: utf8('elsewhere'), cipherSuite: 3, extensions: [] }))
  for (const { group } of [alice, carol]) {
    await group.process(impossible)
    await group.process(closing)
  }
  await rejects(alice.group.commit(), { code: 'mls.psk.unknown' })
  await commitAll(alice, [carol], { withPending: false, proposals: [makeRemove(bob.group.ownLeaf)] })
  equal(await readText(carol.group, await alice.group.protect(utf8('without him'))), 'without him')
})

test('restored proposals keep their order: of two Updates of one member the later one is committed', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  store.save(alice.group)
  const first = await bob.group.proposeUpdate()
  const second = await bob.group.proposeUpdate()
  await alice.group.process(first)
  await alice.group.process(second)
  store.save(alice.group)
  for (const order of ['forward', 'backward']) {
    const rows = order === 'forward' ? store.all() : [...store.all()].reverse()
    const restored = new RowStore()
    for (const { key, value } of rows) restored.rows.set(key, present(value, 'stored'))
    const references = restored.restore(alice.person).pendingProposals.map(({ reference }) => reference)
    deepEqual(references, alice.group.pendingProposals.map(({ reference }) => reference))
  }
})

test('a job of a batch belongs to one thread, and a late thread finds nothing to take', () => {
  const run = makeJobRunner(nodePrimitives)
  const batch = openControl(new SharedArrayBuffer(BATCH_BYTES))
  const late = openControl(batch.memory)
  const jobs = Array.from({ length: 9 }, (_, index) => encodeEncapsulateJob(3, new Uint8Array(32).fill(index + 9)))
  const made = new Map<string, Uint8Array>()
  const noted = (job: Uint8Array): Uint8Array => {
    const result = run(job)
    equal(made.has(toHex(job)), false)
    made.set(toHex(job), result.slice())
    return result
  }
  equal(takeJob(late, noted), false)
  for (let round = 0; round < 3; round++) {
    made.clear()
    writeBatch(batch, jobs, 200)
    for (let turn = 0; takeJob(turn % 2 === 0 ? batch : late, noted); turn++) { /* until none is left */ }
    const results = jobs.map((_, index) => present(takeResult(batch, jobs.length, index), 'done'))
    deepEqual(results, jobs.map((job) => made.get(toHex(job))))
    equal(closeBatch(batch, jobs.length), true)
    equal(takeJob(late, noted), false)
    // what was secret is gone
    const left = Buffer.from(batch.bytes)
    deepEqual([...jobs, ...results].map((secret) => left.indexOf(secret)), [...jobs, ...results].map(() => -1))
  }
})

/** A signer that waits until it is told whose key to sign with. */
const slowSigner = (): { readonly signer: Signer['sign']; readonly release: (signer: Signer) => void } => {
  let release: (signer: Signer) => void = () => undefined
  const released = new Promise<Signer>((resolve) => { release = resolve })
  return { signer: async (message) => (await released).sign(message), release: (signer) => { release(signer) } }
}

const restoredWith = (seat: Seat, sign: Signer['sign']): Seat['group'] => {
  const store = new RowStore()
  store.save(seat.group)
  return store.restore({ ...seat.person, signer: { publicKey: seat.person.signer.publicKey, sign } })
}
