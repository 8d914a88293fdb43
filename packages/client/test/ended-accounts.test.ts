/**
 * Accounts that an admin ended: out at the server at once, out of each conversation when somebody who decides there is online.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Community, linkDevice, settle, textsOf } from './support/community.js'

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
