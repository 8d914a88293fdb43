/**
 * What a person wrote and the server does not have yet, and a person's conversation with their own devices.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decodeResponse, encodeResponse, ROUTES } from '@famichat/protocol'
import { Community, textsOf } from './support/community.js'

test('what was written without a server waits, in order, and is sent once the server is back', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId } = await ada.createDirect('Ben')
  await community.stopServer()
  for (const body of ['one', 'two']) await assert.rejects(ada.send(conversationId, body), { code: 'client.server.unreachable' })
  assert.deepEqual((await ada.waiting(conversationId)).map(({ content }) => 'body' in content && content.body), ['one', 'two'])
  await community.startServer()
  await ada.sync()
  assert.deepEqual(await ada.waiting(conversationId), [])
  await ben.sync()
  assert.deepEqual(await textsOf(ben, conversationId), ['one', 'two'])
})

test('a message that the server took and has dropped by the time its author hears of it is shown in its place, and waits no more', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId } = await ada.createDirect('Ben')
  await ben.sync()
  await community.close(ben)
  const dying = await community.open('Ben', (point) => { if (point === 'send.accepted') throw new Error('crash') })
  await assert.rejects(dying.send(conversationId, 'just before the lights went out'), /crash/)
  await community.close(dying)
  await ada.send(conversationId, 'are you there?')
  const { seq: prunedSeq } = await ada.info(conversationId)
  // a month later: nothing of that time is kept
  const later = await community.deceive('Ben', (path, honest) => {
    if (path !== ROUTES.logRead.path) return undefined
    const { envelopes, hasMore } = decodeResponse('logRead', honest)
    return new Response(encodeResponse('logRead', { envelopes: envelopes.filter(({ header: { seq } }) => seq > prunedSeq), hasMore, prunedSeq }) as Uint8Array<ArrayBuffer>)
  })
  await later.sync()
  assert.deepEqual(await later.waiting(conversationId), [])
  assert.deepEqual(await textsOf(later, conversationId), ['just before the lights went out'])
  await later.send(conversationId, 'back again')
  await ada.sync()
  assert.deepEqual(await textsOf(ada, conversationId), ['just before the lights went out', 'are you there?', 'back again'])
})

test('the conversation with oneself is made once, and the history of it can be read in parts', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const { conversationId } = await ada.createSelf()
  for (const body of ['milk', 'bread', 'eggs']) await ada.send(conversationId, body)
  assert.equal((await ada.createSelf()).conversationId, conversationId)
  const [first] = await ada.history(conversationId, 0, 1)
  assert.ok(first?.kind === 'message' && first.content.type === 'text')
  assert.equal(first.content.body, 'milk')
  const rest = await ada.history(conversationId, first.seq, 5)
  assert.deepEqual(rest.map((event) => (event.kind === 'message' && event.content.type === 'text' ? event.content.body : event.kind)), ['bread', 'eggs'])
})
