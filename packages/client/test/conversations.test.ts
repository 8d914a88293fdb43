/**
 * Conversations between clients on a real server: made, joined, changed, left, and caught up with.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '@famichat/base'
import type { Client, ConversationId } from '@famichat/client'
import { Community, settle, textsOf } from './support/community.js'

const authenticatorOf = async (client: Client, id: ConversationId): Promise<string> => {
  const { epoch, epochAuthenticator } = await client.info(id)
  return `${epoch.toString()} ${toHex(epochAuthenticator)}`
}

const assertAgreed = async (id: ConversationId, ...people: Client[]): Promise<void> => {
  const [first, ...others] = await Promise.all(people.map((person) => authenticatorOf(person, id)))
  for (const other of others) assert.equal(other, first)
}

test('two people talk in a direct conversation, in order and once each', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId } = await ada.createDirect('Ben')
  await ada.send(conversationId, 'one')
  await ada.send(conversationId, 'two')
  await ben.sync()
  await ben.send(conversationId, 'three')
  await settle(ada, ben)
  assert.deepEqual(await textsOf(ada, conversationId), ['one', 'two', 'three'])
  assert.deepEqual(await textsOf(ben, conversationId), ['one', 'two', 'three'])
  await assertAgreed(conversationId, ada, ben)
  assert.equal((await ben.conversation('Ada')).conversationId, conversationId)
  assert.equal((await ben.createDirect('Ada')).conversationId, conversationId)
})

test('members are added and removed; a removed person reads nothing that follows', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const { conversationId } = await ada.createGroup('Garden', ['Ben'])
  await ada.membership.appoint(conversationId, 'Ben')
  await ada.send(conversationId, 'before Cleo')
  await ben.sync()
  await ben.add(conversationId, 'Cleo')
  await settle(ada, ben, cleo)
  await assertAgreed(conversationId, ada, ben, cleo)
  assert.equal((await cleo.info(conversationId)).name, 'Garden')
  await cleo.send(conversationId, 'hello from Cleo')
  await settle(ada, ben, cleo)
  await ada.remove(conversationId, 'Ben')
  await ada.send(conversationId, 'without Ben')
  await settle(ada, ben, cleo)
  await assertAgreed(conversationId, ada, cleo)
  assert.deepEqual(await textsOf(cleo, conversationId), ['hello from Cleo', 'without Ben'])
  assert.deepEqual(await textsOf(ben, conversationId), ['before Cleo', 'hello from Cleo'])
  assert.equal((await ben.info(conversationId)).state, 'ended')
  await assert.rejects(ben.send(conversationId, 'still here?'), { code: 'client.conversation.ended' })
})

test('whoever leaves is let go by another member, and may be added again', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const { conversationId } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await settle(ben, cleo)
  await ben.leave(conversationId)
  await assert.rejects(ben.send(conversationId, 'no'), { code: 'client.conversation.ended' })
  await settle(cleo, ada, ben)
  assert.equal((await ben.info(conversationId)).state, 'ended')
  await assertAgreed(conversationId, ada, cleo)
  await ada.add(conversationId, 'Ben')
  await ada.send(conversationId, 'welcome back')
  await settle(cleo, ben)
  await assertAgreed(conversationId, ada, ben, cleo)
  assert.deepEqual(await textsOf(ben, conversationId), ['welcome back'])
})

test('a second device comes into every conversation, and a revoked one reads nothing that follows', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId } = await ada.createDirect('Ben')
  await ben.sync()
  const offering = await ben.offerLink()
  const [deviceId, phone] = await Promise.all([offering.complete(), community.join(offering.link, '', 'ben-phone')])
  assert.equal(phone.identity.deviceId, deviceId)
  assert.equal(phone.identity.accountName, 'Ben')
  await phone.sync()
  await phone.send(conversationId, 'from the phone')
  await ada.sync()
  await ada.send(conversationId, 'seen')
  await settle(ada, ben, phone)
  for (const client of [ada, ben, phone]) assert.deepEqual(await textsOf(client, conversationId), ['from the phone', 'seen'])
  await assertAgreed(conversationId, ada, ben, phone)
  await ben.revokeDevice(phone.identity.deviceId)
  await ada.sync()
  await ada.send(conversationId, 'after the phone was lost')
  await settle(ada, ben)
  await assertAgreed(conversationId, ada, ben)
  await assert.rejects(phone.sync(), { code: 'client.device.revoked' })
  assert.deepEqual(await textsOf(phone, conversationId), ['from the phone', 'seen'])
})

test('commits of several members at once all take effect', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo, dora, emil] = await community.people('Ada', 'Ben', 'Cleo', 'Dora', 'Emil')
  assert.ok(ada && ben && cleo && dora && emil)
  const { conversationId } = await ada.createGroup('Race', ['Ben', 'Cleo'])
  await ada.membership.appoint(conversationId, 'Ben')
  await settle(ben, cleo)
  await Promise.all([ada.add(conversationId, 'Dora'), ben.add(conversationId, 'Emil'), cleo.send(conversationId, 'meanwhile')])
  await settle(ada, ben, cleo, dora, emil)
  await assertAgreed(conversationId, ada, ben, cleo, dora, emil)
  assert.equal((await ada.info(conversationId)).members.length, 5)
})
