/**
 * A second device has what was said before it came: sealed, once, wherever either side is cut off, and nothing stays at the server.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, type ConversationId } from '@famichat/client'
import { openSqliteStore } from '@famichat/client/node'
import { decodeResponse, ROUTES } from '@famichat/protocol'
import { paddedHistory } from '../dist/archive/history-transfer.js'
import { Community, linkDevice, settle, textsOf } from './support/community.js'
import { lieAbout } from './support/lies.js'

const MESSAGES = 40

/** Ada has written with Ben in a direct conversation and in groups, and has verified him. */
const adasLife = async (community: Community): Promise<{ ada: Client; ben: Client; direct: ConversationId; groups: readonly ConversationId[] }> => {
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: direct } = await ada.createDirect('Ben')
  const groups: ConversationId[] = []
  for (const name of ['Garden', 'Cellar']) groups.push((await ada.createGroup(name, ['Ben'])).conversationId)
  await settle(ben)
  for (let i = 0; i < MESSAGES; i++) await (i % 2 === 0 ? ada : ben).send(direct, `message ${i.toString()}`)
  for (const id of groups) await ben.send(id, 'in the group')
  await ada.contacts.markVerified('Ben')
  await ada.sync()
  return { ada, ben, direct, groups }
}

const said = Array.from({ length: MESSAGES }, (_, i) => `message ${i.toString()}`)

const countRows = async (folder: string): Promise<number> => {
  const store = openSqliteStore({ folder })
  const rows = await store.list('transfers', { prefix: '' })
  await store.close()
  return rows.length
}

test('a linked laptop lists all conversations and past messages with their authors at once, without a gap, and goes on', async (t) => {
  const community = await Community.start(t)
  const { ada, ben, direct, groups } = await adasLife(community)
  const offering = await ada.offerLink()
  const progress: number[] = []
  const [, laptop] = await Promise.all([
    offering.complete({ onProgress: ({ doneBytes, totalBytes }) => { progress.push(doneBytes / totalBytes) } }),
    community.join(offering.link, '', 'laptop'),
  ])
  assert.equal(await laptop.transfers.isAwaited(), true)
  const received: number[] = []
  await laptop.transfers.receive({ onProgress: ({ doneBytes, totalBytes }) => { received.push(doneBytes / totalBytes) } })
  await laptop.sync()
  assert.equal(await laptop.transfers.isAwaited(), false)
  assert.deepEqual([progress.at(-1), received.at(-1)], [1, 1])
  assert.deepEqual((await laptop.conversations()).map(({ name, state }) => [name, state]).sort(), [['Ben', 'active'], ['Cellar', 'active'], ['Garden', 'active']])
  assert.deepEqual(await textsOf(laptop, direct), said)
  const authors = (await laptop.messages(direct)).map(({ accountId }) => accountId)
  assert.deepEqual(new Set(authors.filter((_, i) => i % 2 === 1)), new Set([ben.identity.accountId]))
  for (const id of groups) assert.deepEqual(await textsOf(laptop, id), ['in the group'])
  assert.deepEqual((await laptop.history(direct)).filter(({ kind }) => kind === 'notice'), [], 'nothing is missing')
  assert.deepEqual((await laptop.contacts.list()).map(({ state }) => state), ['verified'])
  await ben.send(direct, 'and now')
  await settle(laptop, ada)
  for (const client of [ada, laptop]) assert.deepEqual(await textsOf(client, direct), [...said, 'and now'])
  await ada.sync()
  for (const [client, name] of [[ada, 'Ada'], [laptop, 'laptop']] as const) {
    await community.close(client)
    assert.equal(await countRows(community.profile(name)), 0, 'nothing of it is kept')
  }
})

test('the blob is padded, unreadable, and gone once it was taken', async (t) => {
  const community = await Community.start(t)
  const { ada } = await adasLife(community)
  const offering = await ada.offerLink()
  const [, laptop] = await Promise.all([offering.complete(), community.join(offering.link, '', 'laptop')])
  await community.close(laptop)
  const seen: { blobId: string; blobBytes: number }[] = []
  const chunks: Uint8Array[] = []
  const watched = await community.deceive('laptop', (path, honest) => {
    if (path === ROUTES.blobInbox.path) seen.push(...decodeResponse('blobInbox', honest).blobs)
    if (path === ROUTES.blobRead.path) chunks.push(decodeResponse('blobRead', honest).chunk.slice())
    return undefined
  })
  await watched.transfers.receive()
  const [blob] = seen
  assert.ok(blob && chunks.length > 0)
  const plaintextBytes = paddedHistory(1)
  assert.equal(blob.blobBytes > plaintextBytes && blob.blobBytes < plaintextBytes + 512, true, 'one size for all small histories')
  assert.equal(chunks.some((chunk) => Buffer.from(chunk).includes('message 1')), false)
  // its sender asks the server for it, is refused, and forgets it
  await ada.sync()
  await community.close(ada)
  assert.equal(await countRows(community.profile('Ada')), 0)
})

test('what a server changes on the way is refused whole, and the device works without', async (t) => {
  const community = await Community.start(t)
  const { ada, direct } = await adasLife(community)
  const offering = await ada.offerLink()
  const [, laptop] = await Promise.all([offering.complete(), community.join(offering.link, '', 'laptop')])
  await community.close(laptop)
  const deceived = await community.deceive('laptop', lieAbout('blobRead', ({ chunk }) => ({ chunk: chunk.with(-20, (chunk.at(-20) ?? 0) ^ 1) })))
  await assert.rejects(deceived.transfers.receive(), { code: 'client.archive.damaged' })
  assert.equal(await deceived.transfers.isAwaited(), false)
  await deceived.sync()
  assert.deepEqual(await textsOf(deceived, direct), [])
  await deceived.send(direct, 'I am new here')
  await ada.sync()
  assert.deepEqual((await textsOf(ada, direct)).at(-1), 'I am new here')
})

test('cut off anywhere, both sides go on where they stopped', async (t) => {
  const community = await Community.start(t)
  const { ada, direct } = await adasLife(community)
  await community.close(ada)
  const stop = (at: string) => (point: string): void => { if (point === at) throw new Error('killed') }
  const host = await community.open('Ada', stop('transfer.sealed'))
  const offering = await host.offerLink()
  const [completed, joined] = await Promise.allSettled([offering.complete(), community.join(offering.link, '', 'laptop')])
  assert.deepEqual([completed.status, joined.status], ['rejected', 'fulfilled'])
  await community.close(host)
  const again = await community.open('Ada', stop('transfer.piece'))
  await assert.rejects(again.sync(), /killed/)
  await community.close(again)
  const finished = await community.open('Ada')
  await finished.sync()
  assert.ok(joined.status === 'fulfilled')
  await community.close(joined.value)
  for (const point of ['transfer.fetched', 'transfer.taken']) {
    const cut = await community.open('laptop', stop(point))
    await assert.rejects(cut.transfers.receive(), /killed/)
    await community.close(cut)
  }
  const laptop = await community.open('laptop')
  await laptop.sync()
  assert.equal(await laptop.transfers.isAwaited(), false)
  assert.deepEqual(await textsOf(laptop, direct), said)
})

test('a device that waits for what was said and gets nothing says so, and takes it later', async (t) => {
  const community = await Community.start(t)
  const { ada, direct } = await adasLife(community)
  await community.close(ada)
  const host = await community.open('Ada', (point) => { if (point === 'transfer.sealed') throw new Error('killed') })
  const offering = await host.offerLink()
  const [, joined] = await Promise.allSettled([offering.complete(), community.join(offering.link, '', 'laptop')])
  await community.close(host)
  assert.ok(joined.status === 'fulfilled')
  await community.close(joined.value)
  let nowMs = Date.parse('2026-11-25')
  const impatient = await Client.open({ ...community.options('laptop'), clock: { nowMs: () => (nowMs += 50_000) }, sleep: () => Promise.resolve() })
  await assert.rejects(impatient.transfers.receive(), { code: 'client.history.not_sent' })
  await impatient.close()
  const back = await community.open('Ada')
  await back.sync()
  const laptop = await community.open('laptop')
  await laptop.sync()
  assert.deepEqual(await textsOf(laptop, direct), said)
})

test('what was said between the other device\'s archive and this one\'s arrival is said to be missing', async (t) => {
  const community = await Community.start(t)
  const { ada, ben, direct } = await adasLife(community)
  const passphrase = 'correct horse battery'
  const pieces: Uint8Array[] = []
  for await (const piece of ada.archive.create({ passphrase })) pieces.push(piece)
  await ben.send(direct, 'in between')
  const linked = await linkDevice(community, ada, 'laptop')
  await community.close(linked)
  // this server hides what Ada's device has sent
  const laptop = await community.deceive('laptop', lieAbout('blobInbox', () => ({ blobs: [] })))
  await laptop.sync()
  const source = async function* () { yield* await Promise.resolve(pieces) }
  await laptop.archive.take(source, { type: 'passphrase', passphrase })
  assert.deepEqual(await textsOf(laptop, direct), said)
  const gaps = (await laptop.history(direct)).flatMap((event) => (event.kind === 'notice' && event.errorCode === 'client.history.gap' ? [event.count] : []))
  assert.equal(gaps.length, 1)
})
