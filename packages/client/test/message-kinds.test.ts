/**
 * Every kind of message between clients on a real server, files with interruptions, and what nobody may do to others.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concat, systemRandom, toHex } from '@famichat/base'
import { Client, type ConversationId, type FileSource, type MessageId, PIECE_BYTES } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import { decodeResponse, encodeResponse, ROUTES } from '@famichat/protocol'
import { Community, settle } from './support/community.js'

const sourceOf = (bytes: Uint8Array, fileName = 'photo.jpg'): FileSource => ({
  fileName, mediaType: 'image/jpeg', fileBytes: bytes.length, read: (offset, length) => Promise.resolve(bytes.slice(offset, offset + length)),
})

const readWhole = async (pieces: AsyncIterable<Uint8Array>): Promise<Uint8Array> => {
  const all: Uint8Array[] = []
  for await (const piece of pieces) all.push(piece.slice())
  return concat(...all)
}

const pair = async (community: Community): Promise<readonly [Client, Client, ConversationId]> => {
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId } = await ada.createDirect('Ben')
  await ben.sync()
  return [ada, ben, conversationId]
}

const bodies = async (client: Client, id: ConversationId) =>
  (await client.messages(id)).map(({ content, isEdited, reactions }) => [content.type, 'body' in content ? content.body : '', isEdited, [...reactions.keys()].join('')])

test('replies, letters, reactions, edits and deletions look the same on both sides', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, id] = await pair(community)
  const { messageId: first } = await ada.send(id, 'Dinner at seven?')
  await ben.sync()
  const to = { accountId: ada.identity.accountId, messageId: first }
  await ben.send(id, { type: 'reply', to, body: 'Yes' })
  await ben.send(id, { type: 'reaction', to, emoji: '👍', isRemoved: false })
  await ben.send(id, { type: 'letter', subject: 'Summer', body: 'A long text. '.repeat(2000) })
  const { messageId: slip } = await ben.send(id, 'oops')
  await settle(ada, ben)
  await ada.send(id, { type: 'edit', messageId: first, body: 'Dinner at eight?' })
  await ben.send(id, { type: 'delete', messageId: slip })
  await settle(ada, ben)
  const expected = [
    ['text', 'Dinner at eight?', true, '👍'], ['reply', 'Yes', false, ''], ['letter', 'A long text. '.repeat(2000), false, ''],
  ]
  for (const person of [ada, ben]) {
    assert.deepEqual(await bodies(person, id), expected)
    const events = await person.history(id)
    assert.ok(!JSON.stringify(events, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)).includes('oops'), 'what was taken back is not kept')
    assert.equal(events.filter(({ kind }) => kind === 'deleted').length, 1)
    assert.ok(!events.some(({ kind }) => kind === 'notice' || kind === 'unreadable'))
  }
})

test('A09: only who wrote a message changes it or takes it back, and a message must be there', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, id] = await pair(community)
  const { messageId } = await ada.send(id, 'mine')
  await ben.sync()
  await assert.rejects(ben.send(id, { type: 'delete', messageId }), { code: 'client.message.not_own' })
  await assert.rejects(ben.send(id, { type: 'edit', messageId, body: 'x' }), { code: 'client.message.not_own' })
  const nothing = ben.identity.deviceId as unknown as MessageId
  await assert.rejects(ben.send(id, { type: 'delete', messageId: nothing }), { code: 'client.message.unknown' })
  await assert.rejects(ben.send(id, { type: 'reply', to: { accountId: ada.identity.accountId, messageId: nothing }, body: 'x' }), { code: 'client.message.unknown' })
  await settle(ada, ben)
  assert.deepEqual(await bodies(ada, id), [['text', 'mine', false, '']])
})

test('receipts are sent by nobody who did not ask for it', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, id] = await pair(community)
  await ada.send(id, 'read me')
  await ben.sync()
  const { seq } = await ben.info(id)
  await ben.markRead(id, seq)
  await ada.sync()
  assert.deepEqual((await ada.messages(id)).map(({ readBy }) => readBy), [[]])
  await ben.setReceipts(true)
  await ben.markRead(id, seq)
  await ada.sync()
  assert.deepEqual((await ada.messages(id)).map(({ readBy }) => readBy), [[ben.identity.accountId]])
})

test('a file arrives as it was sent, in sealed pieces, with progress, from any piece on', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, id] = await pair(community)
  const bytes = systemRandom(2 * PIECE_BYTES + 12_345)
  const progress: number[] = []
  const { messageId } = await ada.sendFile(id, sourceOf(bytes), { caption: 'Summer', onProgress: ({ doneBytes }) => { progress.push(doneBytes) } })
  assert.deepEqual(progress, [PIECE_BYTES, 2 * PIECE_BYTES, bytes.length])
  await ben.sync()
  const [message] = await ben.messages(id)
  assert.deepEqual(message?.content, { type: 'attachment', caption: 'Summer', attachment: { fileName: 'photo.jpg', mediaType: 'image/jpeg', fileBytes: bytes.length, picture: undefined } })
  const reference = { accountId: ada.identity.accountId, messageId }
  assert.equal(toHex(await readWhole(ben.readFile(id, reference))), toHex(bytes))
  assert.equal(toHex(await readWhole(ben.readFile(id, reference, { fromPiece: 2 }))), toHex(bytes.slice(2 * PIECE_BYTES)))
  await assert.rejects(readWhole(ben.readFile(id, { accountId: ada.identity.accountId, messageId: ada.identity.deviceId as unknown as MessageId })), { code: 'client.message.unknown' })
  await ada.send(id, { type: 'delete', messageId })
  await assert.rejects(readWhole(ben.readFile(id, reference)), { code: 'client.file.gone' })
  const empty = await ada.sendFile(id, sourceOf(new Uint8Array(0), 'empty.txt'))
  await ben.sync()
  assert.equal((await readWhole(ben.readFile(id, { ...reference, messageId: empty.messageId }))).length, 0)
})

test('a file whose sending was cut off goes on with the next piece after a restart, and a changed file starts over', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, id] = await pair(community)
  await community.close(ada)
  const bytes = systemRandom(3 * PIECE_BYTES)
  let pieces = 0
  const dying = await community.open('Ada', (point) => { if (point === 'file.piece' && ++pieces === 2) throw new Error('crash') })
  await assert.rejects(dying.sendFile(id, sourceOf(bytes)), /crash/)
  await community.close(dying)
  const sent: string[] = []
  const { network } = nodePlatform
  const counting = await Client.open({
    ...community.options('Ada'),
    network: { ...network, fetch: (url, init) => { sent.push(new URL(url).pathname); return network.fetch(url, init) } },
  })
  const { messageId } = await counting.sendFile(id, sourceOf(bytes))
  assert.equal(sent.filter((path) => path === ROUTES.blobAppend.path).length, 2, 'padding makes four pieces, two were there')
  let firstReads = 0
  const changing = { ...sourceOf(bytes, 'other.jpg'), read: (offset: number, length: number) =>
    Promise.resolve(offset === 0 && ++firstReads === 2 ? bytes.slice(0, length).fill(0, 0, 9) : bytes.slice(offset, offset + length)) }
  await assert.rejects(counting.sendFile(id, changing), { code: 'client.file.changed' })
  await counting.close()
  await ben.sync()
  assert.equal(toHex(await readWhole(ben.readFile(id, { accountId: counting.identity.accountId, messageId }))), toHex(bytes))
})

test('A12: a piece that is exchanged, cut or of another file is refused before any of it is given out', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, id] = await pair(community)
  const { messageId } = await ada.sendFile(id, sourceOf(systemRandom(2 * PIECE_BYTES)))
  await ben.sync()
  await community.close(ben)
  const reference = { accountId: ada.identity.accountId, messageId }
  for (const [index, garble] of [(chunk: Uint8Array) => chunk.with(20, (chunk[20] ?? 0) ^ 1), (chunk: Uint8Array) => chunk.slice(0, -1)].entries()) {
    const deceived = await community.deceive('Ben', (path, honest) => (path === ROUTES.blobRead.path ? new Response(garbleAnswer(honest, garble) as Uint8Array<ArrayBuffer>) : undefined))
    await assert.rejects(readWhole(deceived.readFile(id, reference)), { code: 'client.file.damaged' }, String(index))
    await community.close(deceived)
  }
  await assert.rejects(ada.sendFile(id, { ...sourceOf(new Uint8Array(1)), fileBytes: 101 * 1024 * 1024 }), { code: 'client.file.too_large' })
  await assert.rejects(ada.sendFile(id, sourceOf(new Uint8Array(1), '../x')), { code: 'client.file.name_refused' })
})

const garbleAnswer = (honest: Uint8Array, garble: (chunk: Uint8Array) => Uint8Array): Uint8Array => {
  const { chunk } = decodeResponse('blobRead', honest)
  return encodeResponse('blobRead', { chunk: garble(chunk.slice()) })
}
