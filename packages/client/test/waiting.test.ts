/**
 * What a person wrote and the server does not have yet, and a person's conversation with their own devices.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
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
