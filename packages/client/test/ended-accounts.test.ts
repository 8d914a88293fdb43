/**
 * Accounts that an admin ended: out at the server at once, out of each conversation when somebody who decides there is online.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Client, ConversationId } from '@famichat/client'
import { Community, linkDevice, settle, textsOf, trio } from './support/community.js'
import { lieAboutPeople } from './support/lies.js'

test('S23: an account that is ended is out of every conversation with the next sync of who decides there, with all its devices', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const phone = await linkDevice(community, ben, 'ben-phone')
  const { conversationId: hers } = await cleo.createGroup('Garden', ['Ben', 'Ada'])
  const { conversationId: his } = await ada.createDirect('Ben')
  await settle(ben, phone, ada, cleo)
  await assert.rejects(cleo.community.endAccount('Ben'), { code: 'protocol.access.refused' })
  await ada.community.endAccount('Ben')
  for (const device of [ben, phone]) await assert.rejects(device.sync(), { code: 'client.device.revoked' })
  const namesIn = async (id: typeof hers): Promise<readonly string[]> => (await ada.info(id)).members.map(({ name }) => name).sort()
  // of a direct conversation each decides on the other's devices, in Cleo's group she does
  assert.deepEqual(await namesIn(his), ['Ada'])
  assert.equal((await ada.info(his)).name, 'Ben', 'it is still the conversation with him')
  assert.deepEqual(await namesIn(hers), ['Ada', 'Ben', 'Cleo'])
  await cleo.sync()
  await ada.sync()
  assert.deepEqual(await namesIn(hers), ['Ada', 'Cleo'])
  await cleo.send(hers, 'without Ben')
  await settle(ada)
  assert.deepEqual([await textsOf(ada, hers), await textsOf(ben, hers)], [['without Ben'], []])

  assert.deepEqual((await ada.community.audit())[0]?.act, 'accountEnded')
  for (const act of [() => cleo.createDirect('Ben'), () => cleo.add(hers, 'Ben'), () => ada.community.endAccount('Ben')]) await assert.rejects(act, { code: 'client.account.ended' })
  const { members = [] } = (await ada.community.families())[0] ?? {}
  assert.deepEqual(members.map(({ name }) => name).sort(), ['Ada', 'Cleo'])
  assert.deepEqual(cleo.people.map(({ name }) => name).sort(), ['Ada', 'Cleo'])
  // the family's conversation is made without them
  assert.deepEqual((await ada.membership.createFamily()).members.map(({ name, isAdmin }) => [name, isAdmin]), [['Ada', true], ['Cleo', true]])
  await assert.rejects(ada.community.endAccount('Ada'), { code: 'protocol.role.last_admin' })
})

/** Cleo's group with Ben and Ben's phone; Ada runs the community and is not in it. */
const cleosGroup = async (t: TestContext): Promise<{ community: Community; ada: Client; ben: Client; phone: Client; cleo: Client; id: ConversationId }> => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const phone = await linkDevice(community, ben, 'ben-phone')
  const { conversationId: id } = await cleo.createGroup('Garden', ['Ben'])
  await settle(ben, phone, cleo)
  return { community, ada, ben, phone, cleo, id }
}

const stateOf = async (client: Client, id: ConversationId): Promise<string> => (await client.info(id)).state

const leftIn = async (client: Client, id: ConversationId): Promise<readonly string[]> =>
  (await client.history(id)).flatMap((event) => (event.kind === 'membership' ? event.removed : []))

test('who leaves where only an ended account is left is out at once with all devices, says so, and gets nothing more', async (t) => {
  const { ada, ben, phone, id } = await cleosGroup(t)
  await ada.community.endAccount('Cleo')
  await settle(ben, phone)
  await ben.leave(id)
  assert.equal(await stateOf(ben, id), 'ended')
  assert.deepEqual(await leftIn(ben, id), [ben.identity.accountId])
  await assert.rejects(ben.send(id, 'anybody?'), { code: 'client.conversation.ended' })
  assert.deepEqual(await phone.sync(), [])
  assert.equal(await stateOf(phone, id), 'ended')
  for (const device of [ben, phone]) {
    assert.deepEqual(await device.sync(), [])
    assert.deepEqual((await device.info(id)).epochAuthenticator, new Uint8Array())
  }
})

test('who is on the way out when the last of the others is ended is out with the next sync; nobody who has not asked is', async (t) => {
  const { ada, ben, phone, id } = await cleosGroup(t)
  const { conversationId: direct } = await ben.createDirect('Cleo')
  await ben.leave(id)
  assert.equal(await stateOf(ben, id), 'leaving', 'Cleo may come and let Ben go')
  await ada.community.endAccount('Cleo')
  await ben.sync()
  await phone.sync()
  assert.deepEqual([await stateOf(ben, id), await stateOf(phone, id)], ['ended', 'ended'])
  assert.equal(await stateOf(ben, direct), 'active')
})

test('S23: a server that calls somebody ended who is not makes nobody drop a conversation', async (t) => {
  const { community, ben, phone, cleo, id } = await cleosGroup(t)
  await community.close(ben)
  const deceived = await community.deceive('Ben', lieAboutPeople((accounts) => accounts.map((account) => (account.accountName === 'Cleo'
    ? { ...account, isEnded: true, devices: account.devices.map((device) => ({ ...device, isRevoked: true })) } : account))))
  await deceived.sync()
  await deceived.sync()
  assert.equal(await stateOf(deceived, id), 'active', 'Ben has not asked to leave')
  await deceived.leave(id)
  assert.equal(await stateOf(deceived, id), 'leaving', 'a server that knows Cleo lets nobody go by themselves')
  // the wish is in the log, and Cleo follows it
  await cleo.sync()
  assert.deepEqual((await cleo.info(id)).members.map(({ name }) => name), ['Cleo'])
  await settle(deceived, phone)
  assert.deepEqual([await stateOf(deceived, id), await stateOf(phone, id)], ['ended', 'ended'])
})

test('the last admin who leaves makes somebody else one who is still there', async (t) => {
  const { ada, cleo, id } = await trio(t)
  await ada.community.endAccount('Ben')
  await ada.leave(id)
  await settle(cleo, ada)
  assert.deepEqual((await cleo.info(id)).members.map(({ name, isAdmin }) => [name, isAdmin]), [['Cleo', true]])
})
