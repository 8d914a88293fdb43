/**
 * Devices of an account through the SDK: each of an adult's links and revokes, what the list says counts, and a server that hides
 * a revocation or shows a device of its own is caught.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, type ConversationId, type Fetch, type Problem } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { ROUTES } from '@famichat/protocol'
import { readDeviceList } from '../dist/identity/device-lists.js'
import { childWithTablet, Community, linkDevice, settle, textsOf } from './support/community.js'
import { answer, lieAboutPeople } from './support/lies.js'

const devicesOf = async (client: Client, id: ConversationId, name: string): Promise<readonly string[]> =>
  (await client.info(id)).members.find((member) => member.name === name)?.deviceIds ?? []

/** Somebody's client publishes the list without a device, and goes before it removes the device itself. */
const hastyRevocation = async (community: Community, owner: Client, device: Client): Promise<void> => {
  const { origin, accountName } = owner.identity
  await community.close(owner)
  const { network } = nodePlatform
  const refusing: Fetch = (url, init) => url === origin + ROUTES.conversationCommit.path
    ? Promise.resolve(new Response(JSON.stringify({ code: 'protocol.server.unavailable' }), { status: 503 })) : network.fetch(url, init)
  const hasty = await Client.open({ ...community.options(accountName), network: { ...network, fetch: refusing }, sleep: () => Promise.resolve() })
  await hasty.revokeDevice(device.identity.deviceId).catch(() => undefined)
  await hasty.close()
}

const aboutDevices = (problems: readonly Problem[]): readonly (readonly unknown[])[] =>
  problems.map(({ code, deviceId, conversations }) => [code, deviceId, conversations?.in, conversations?.of])

test('each device of an adult links further ones and revokes any; what is revoked leaves every conversation', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ben.sync()
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(phone, ben)
  const tablet = await linkDevice(community, phone, 'ben-tablet')
  await settle(ada, tablet, ben, phone)
  assert.equal((await devicesOf(ada, id, 'Ben')).length, 3)
  // the first device is lost: a linked one shuts it out
  await tablet.revokeDevice(ben.identity.deviceId)
  await settle(ada, phone, tablet)
  assert.deepEqual([...await devicesOf(ada, id, 'Ben')].sort(), [phone.identity.deviceId, tablet.identity.deviceId].sort())
  await assert.rejects(ben.sync(), { code: 'client.device.revoked' })
  await ada.send(id, 'without the lost one')
  await settle(phone, tablet)
  for (const client of [phone, tablet]) assert.deepEqual(await textsOf(client, id), ['without the lost one'])
  assert.deepEqual(await textsOf(ben, id), [])
})

test('two devices that link at once both succeed: who comes second signs again on top', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const phone = await linkDevice(community, ada, 'phone')
  const [tablet, laptop] = await Promise.all([linkDevice(community, ada, 'tablet'), linkDevice(community, phone, 'laptop')])
  assert.equal((await ada.devices()).filter(({ isRevoked }) => !isRevoked).length, 4)
  const { conversationId: id } = await ada.createSelf()
  await settle(phone, tablet, laptop, ada)
  assert.equal((await devicesOf(laptop, id, 'Ada')).length, 4)
})

test('a child\'s linked device has no account key: it links and revokes nobody', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const { kid, tablet } = await childWithTablet(community, ada)
  await assert.rejects(tablet.offerLink(), { code: 'client.account.no_key' })
  await assert.rejects(tablet.revokeDevice(kid.identity.deviceId), { code: 'client.account.no_key' })
  await kid.revokeDevice(tablet.identity.deviceId)
  await assert.rejects(tablet.sync(), { code: 'client.device.revoked' })
})

test('a revocation that the directory hides takes effect all the same: the account\'s own list says it, and a member removes the device', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ben.sync()
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(phone, ada)
  const asIfNothing = lieAboutPeople((accounts) => accounts.map((account) => ({ ...account, devices: account.devices.map((device) => ({ ...device, isRevoked: false })) })))
  await community.close(ada)
  const deceived = await community.deceive('Ada', asIfNothing)
  await deceived.sync()
  assert.deepEqual(await deceived.sync(), [])
  const { deviceId } = ben.identity
  await hastyRevocation(community, ben, phone)
  assert.equal((await devicesOf(deceived, id, 'Ben')).length, 2)
  await deceived.sync()
  assert.deepEqual(await devicesOf(deceived, id, 'Ben'), [deviceId])
})

test('a list that the server shows shorter than before, or does not show, is said; messages carry how far it goes', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ben.sync()
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(phone, ada)
  await community.close(ada)
  const older = await community.deceive('Ada', lieAboutPeople((accounts) => accounts.map((account) => ({ ...account, deviceListNumber: 1 }))))
  assert.deepEqual((await older.sync()).map(({ code, accountId }) => [code, accountId]), [['client.device_list.rolled_back', ben.identity.accountId]])
  await community.close(older)
  await ben.revokeDevice(phone.identity.deviceId)
  await ben.send(id, 'the phone is gone')
  // this server hides the new version altogether: the message gives it away
  const hiding = await community.deceive('Ada', (path, honest) => {
    if (path === ROUTES.deviceListRead.path) return answer('deviceListRead', { lists: [], hasMore: false })
    return lieAboutPeople((accounts) => accounts.map((account) => ({
      ...account, deviceListNumber: account.accountId === ben.identity.accountId ? 2 : 1, devices: account.devices.map((device) => ({ ...device, isRevoked: false })),
    })))(path, honest)
  })
  assert.deepEqual((await hiding.sync()).map(({ code }) => code), ['client.device_list.withheld'])
  await community.close(hiding)
  const honest = await community.open('Ada')
  assert.deepEqual(await honest.sync(), [])
  const store = openSqliteStore({ folder: community.profile('Ada') })
  assert.equal((await readDeviceList(store, ben.identity.accountId))?.number, 3)
  await store.close()
})

test('a device in conversations that the directory does not show is said, with where it is', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  await ada.createDirect('Ben')
  await ben.sync()
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(phone, ada)
  await ben.createGroup('Garden', ['Ada'])
  await settle(phone, ada)
  await community.close(ada)
  const deceived = await community.deceive('Ada', lieAboutPeople((accounts) => accounts.map((account) => ({
    ...account, devices: account.devices.filter(({ deviceId }) => deviceId !== phone.identity.deviceId),
  }))))
  assert.deepEqual(aboutDevices(await deceived.sync()), [['client.device.hidden', phone.identity.deviceId, 2, 2]])
})

test('a revoked device that nobody online may remove is said, with where it is, until an admin has removed it', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  const { conversationId: id } = await cleo.createGroup('Garden', ['Ada', 'Ben'])
  await ada.createDirect('Ben')
  await ben.sync()
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(cleo, ada, phone)
  await hastyRevocation(community, ben, phone)
  // Ada decides in the direct conversation, not in Cleo's group
  assert.deepEqual(aboutDevices(await ada.sync()), [['client.device.unlisted', phone.identity.deviceId, 1, 2]])
  await cleo.sync()
  assert.deepEqual(aboutDevices(await ada.sync()), [])
  assert.deepEqual(await devicesOf(ada, id, 'Ben'), [ben.identity.deviceId])
})
