/**
 * Clients that are limited to some conversations: they ask for tokens that do no more, and the server holds them to it (E17).
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Client, type ClientScope } from '@famichat/client'
import { Community, settle, textsOf } from './support/community.js'

const narrowed = async (t: TestContext, community: Community, scope: ClientScope): Promise<Client> => {
  const client = await Client.open({ ...community.options('Bot'), scope })
  t.after(() => client.close().catch(() => undefined))
  return client
}

test('S24: a bot that is limited to one conversation reads and writes there; of everything else the server gives it nothing', async (t) => {
  const community = await Community.start(t)
  const [ada, bot, ben] = await community.people('Ada', 'Bot', 'Ben')
  assert.ok(ada && bot && ben)
  const { conversationId: garden } = await ada.createGroup('Garden', ['Bot', 'Ben'])
  const { conversationId: kitchen } = await ada.createGroup('Kitchen', ['Bot'])
  await settle(bot, ben)
  await ada.send(garden, 'hello bot')
  await ada.send(kitchen, 'secret recipe')
  await community.close(bot)
  const limited = await narrowed(t, community, { access: 'write', conversations: ['Garden'] })
  assert.deepEqual(await limited.sync(), [])
  assert.deepEqual([await textsOf(limited, garden), await textsOf(limited, kitchen)], [['hello bot'], []])
  await limited.send(garden, 'hello Ada')
  await ada.sync()
  assert.deepEqual(await textsOf(ada, garden), ['hello bot', 'hello Ada'])
  // what the client refuses itself
  for (const act of [() => limited.send(kitchen, 'no'), () => limited.createDirect('Ben'), () => limited.createGroup('Shed', []), () => limited.leave(garden)]) {
    await assert.rejects(act, { code: 'client.scope.refused' })
  }
  // what it asks for, and the server refuses
  for (const act of [() => limited.invite(), () => limited.offerLink(), () => limited.passkeys.list()]) await assert.rejects(act, { code: 'protocol.access.refused' })
  // keys are renewed, and others' proposals committed, with such a token too
  await ben.leave(garden)
  await settle(limited)
  assert.ok(!(await limited.info(garden)).members.some(({ name }) => name === 'Ben'))
  await limited.close()
  const whole = await community.open('Bot')
  await whole.sync()
  assert.deepEqual(await textsOf(whole, kitchen), ['secret recipe'])
})

test('a client that is limited to reading takes what is said and writes nothing; live too', async (t) => {
  const community = await Community.start(t)
  const [ada, bot] = await community.people('Ada', 'Bot')
  assert.ok(ada && bot)
  const { conversationId } = await ada.createGroup('Garden', ['Bot'])
  await bot.sync()
  await community.close(bot)
  const reader = await narrowed(t, community, { access: 'read', conversations: [conversationId] })
  await assert.rejects(reader.send(conversationId, 'no'), { code: 'client.scope.refused' })
  const stop = new AbortController()
  const incoming = reader.incoming('reader', stop.signal)
  const first = incoming.next()
  await ada.send(conversationId, 'read this')
  const { value } = await first as { value: { content: { body: string } } }
  assert.equal(value.content.body, 'read this')
  stop.abort()
  await incoming.return(undefined)
  assert.deepEqual(await reader.waiting(conversationId), [])
  await assert.rejects(narrowed(t, community, { access: 'read', conversations: ['Nowhere'] }), { code: 'client.conversation.unknown' })
})
