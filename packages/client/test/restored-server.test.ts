/**
 * A server restored from an older backup under real clients: what it forgot comes back, each message once, and nobody has to
 * do anything (product.md, idea 3).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client, ConversationId } from '@famichat/client'
import { backUp } from './support/backups.js'
import { Community, settle, textsOf, trio } from './support/community.js'

/** What each shows, in any order: whoever was behind sees what came back behind what was new. */
const agreeOn = async (clients: readonly Client[], id: ConversationId, texts: readonly string[]): Promise<void> => {
  for (const client of clients) {
    assert.deepEqual([...await textsOf(client, id)].sort(), [...texts].sort(), client.identity.deviceId)
    const history = await client.history(id)
    assert.deepEqual(history.filter(({ kind }) => kind === 'unreadable'), [])
    const notices = history.flatMap((event) => (event.kind === 'notice' ? [event.errorCode] : []))
    assert.deepEqual(notices.filter((code) => code !== 'client.server.restored'), [])
  }
  const authenticators = await Promise.all(clients.map(async (client) => Buffer.from((await client.info(id)).epochAuthenticator).toString('hex')))
  assert.equal(new Set(authenticators).size, 1)
}

test('S13: a server restored from an older backup gets its log back from its clients: no message lost, none twice, all go on', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo, dora] = await community.people('Ada', 'Ben', 'Cleo', 'Dora')
  assert.ok(ada && ben && cleo && dora)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await settle(ben, cleo)
  await ada.send(id, 'one')
  await settle(ben, cleo)
  const putBack = backUp(community, 'first')
  // the server forgets this: messages, a change of who is in, and a message of a newcomer
  await ben.send(id, 'two')
  await settle(ada, cleo)
  await ada.add(id, 'Dora')
  await settle(dora, cleo)
  await dora.send(id, 'three')
  await settle(ada, cleo)
  await ada.send(id, 'four')
  await putBack()
  // Ben has none of it; Cleo has all but the last
  const problems = await ada.sync()
  assert.deepEqual([...new Set(problems.map(({ code }) => code))], ['client.server.restored'])
  await ben.send(id, 'five')
  await settle(cleo, dora, ada, ben)
  await dora.send(id, 'six')
  await settle(ada, ben, cleo, dora)
  await agreeOn([ada, ben, cleo], id, ['one', 'two', 'three', 'four', 'five', 'six'])
  await agreeOn([dora], id, ['three', 'four', 'five', 'six'])
  // the same accident again
  await putBack()
  await settle(ben, ada, cleo, dora)
  await ada.send(id, 'seven')
  await settle(ada, ben, cleo, dora)
  await agreeOn([ada, ben, cleo], id, ['one', 'two', 'three', 'four', 'five', 'six', 'seven'])
})

test('whoever was behind and writes first does not harm what the others bring back', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  const putBack = backUp(community, 'first')
  for (const text of ['one', 'two', 'three']) await ada.send(id, text)
  await cleo.sync()
  await putBack()
  await ben.send(id, 'new already')
  await settle(ben)
  assert.deepEqual(await textsOf(ben, id), ['new already'])
  // two bring back the same at once
  await Promise.all([ada.sync(), cleo.sync()])
  await settle(ada, ben, cleo)
  await agreeOn([ada, ben, cleo], id, ['one', 'two', 'three', 'new already'])
})

test('a change made by somebody who was behind wins, and those who were ahead come back in by themselves', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo, dora] = await community.people('Ada', 'Ben', 'Cleo', 'Dora')
  assert.ok(ada && ben && cleo && dora)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await ada.membership.appoint(id, 'Ben')
  await settle(ben, cleo)
  const putBack = backUp(community, 'first')
  await ada.send(id, 'ahead')
  await ada.remove(id, 'Cleo')
  await putBack()
  // Ben never heard of that, and brings Dora in at the same epoch
  await dora.sync()
  await ben.add(id, 'Dora')
  await settle(dora, ben)
  await ada.sync()
  await settle(ben, ada, ben, ada)
  assert.equal((await ada.info(id)).state, 'active')
  await ada.send(id, 'back')
  await settle(ben, dora)
  for (const client of [ada, ben, dora]) assert.deepEqual((await textsOf(client, id)).at(-1), 'back')
  assert.deepEqual(await textsOf(ben, id), ['ahead', 'back'])
})

test('no KeyPackage is used twice after a restore: devices leave new ones, and newcomers come in with them', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const putBack = backUp(community, 'first')
  const { conversationId: before } = await ada.createGroup('Before', ['Ben'])
  await ben.sync()
  await putBack()
  await settle(ben, ada)
  const { conversationId: after } = await ada.createGroup('After', ['Ben'])
  await ben.sync()
  await ben.send(after, 'here')
  await ada.sync()
  assert.deepEqual(await textsOf(ada, after), ['here'])
  assert.ok((await ben.conversations()).some(({ conversationId }) => conversationId === before))
})
