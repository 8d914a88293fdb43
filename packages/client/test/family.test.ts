/**
 * A family's conversation follows the household: whoever of its adults is online lets in who joined, and lets go whose account is ended. The directory alone moves nobody.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client, ConversationId } from '@famichat/client'
import { type Directory, type FamilyId, makeId } from '@famichat/protocol'
import { systemRandom } from '@famichat/base'
import { Community, type Lie, settle, textsOf } from './support/community.js'
import { lieAboutPeople } from './support/lies.js'

const namesIn = async (client: Client, id: ConversationId): Promise<readonly string[]> => (await client.info(id)).members.map(({ name }) => name).sort()
const adminsIn = async (client: Client, id: ConversationId): Promise<readonly string[]> =>
  (await client.info(id)).members.filter(({ isAdmin }) => isAdmin).map(({ name }) => name).sort()

test('who joins the family comes in, with every device that a guardian lets in; children decide nothing', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id, kind, name } = await ada.membership.createFamily()
  assert.deepEqual([kind, name], [3, 'Ada'])
  assert.equal((await ada.membership.createFamily()).conversationId, id)
  await settle(ben)
  assert.deepEqual(await adminsIn(ben, id), ['Ada', 'Ben'])

  // a child joins: its device waits for a guardian first, then for an adult who is online
  const kid = await community.join((await ada.invite('child')).link, 'Kid')
  await ada.community.approveDevice(kid.identity.deviceId)
  await kid.sync()
  await assert.rejects(kid.membership.createFamily(), { code: 'client.family.not_adult' })
  const cleo = await community.join((await ada.invite('adult')).link, 'Cleo')
  await cleo.sync()
  await ben.sync()
  assert.deepEqual(await namesIn(ben, id), ['Ada', 'Ben'], 'Ben did not invite them, and has the server\'s word alone')
  await ada.sync()
  await settle(kid, cleo)
  assert.deepEqual(await namesIn(kid, id), ['Ada', 'Ben', 'Cleo', 'Kid'])
  assert.deepEqual(await adminsIn(cleo, id), ['Ada', 'Ben', 'Cleo'])
  await kid.send(id, 'hello all')
  await cleo.sync()
  assert.deepEqual(await textsOf(cleo, id), ['hello all'])

  // the child's client sees who is missing, and can do nothing about it
  const dora = await community.join((await ben.invite('adult')).link, 'Dora')
  await dora.sync()
  await kid.sync()
  assert.equal((await kid.info(id)).waitingDevices, 1)
  assert.deepEqual(await namesIn(kid, id), ['Ada', 'Ben', 'Cleo', 'Kid'])
  await cleo.sync()
  await kid.sync()
  assert.equal((await kid.info(id)).waitingDevices, 1, 'who came with Ben\'s invite, Ben lets in')
  await ben.sync()
  await kid.sync()
  assert.equal((await kid.info(id)).waitingDevices, 0)
  assert.deepEqual(await namesIn(kid, id), ['Ada', 'Ben', 'Cleo', 'Dora', 'Kid'])
})

test('whose account is ended goes, and reads nothing that follows', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const { conversationId: id } = await ada.membership.createFamily()
  await settle(ben, cleo)
  await ada.community.endAccount('Cleo')
  await ada.send(id, 'without Cleo')
  await ben.sync()
  assert.deepEqual(await textsOf(ben, id), ['without Cleo'])
  for (const client of [ada, ben]) assert.deepEqual([await namesIn(client, id), await adminsIn(client, id)], [['Ada', 'Ben'], ['Ada', 'Ben']])
  assert.equal((await ben.info(id)).waitingDevices, 0)
  await assert.rejects(cleo.sync(), { code: 'client.device.revoked' })
  assert.deepEqual(await textsOf(cleo, id), [])
})

test('S12: a directory that moves somebody to another family, leaves them out, or calls their device revoked puts nobody out of anything', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const { conversationId: family } = await ada.membership.createFamily()
  const { conversationId: group } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await settle(ben, cleo)
  await community.close(ada)
  const elsewhere = makeId<FamilyId>(systemRandom)
  const ofCleo = (change: (account: Directory['accounts'][number]) => readonly Directory['accounts'][number][]): Lie =>
    lieAboutPeople((accounts) => accounts.flatMap((account) => (account.accountName === 'Cleo' ? change(account) : [account])))
  const lies: readonly Lie[] = [
    ofCleo((account) => [{ ...account, familyId: elsewhere }]),
    ofCleo(() => []),
    ofCleo((account) => [{ ...account, devices: account.devices.map((device) => ({ ...device, isRevoked: true })) }]),
  ]
  for (const lie of lies) {
    const deceived = await community.deceive('Ada', lie)
    await deceived.sync()
    await deceived.sync()
    for (const id of [family, group]) {
      assert.deepEqual(await namesIn(deceived, id), ['Ada', 'Ben', 'Cleo'])
      await deceived.send(id, 'still all of us')
    }
    await community.close(deceived)
  }
  await cleo.sync()
  for (const id of [family, group]) assert.equal((await textsOf(cleo, id)).length, lies.length)
})
