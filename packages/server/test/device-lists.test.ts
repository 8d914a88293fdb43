/**
 * Device lists at the server: appended, never changed; each registration and each revocation holds to them.
 */
import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { test } from 'node:test'
import { decodeDeviceList, deviceListRequestTbs, encodeDeviceList } from '@famichat/protocol'
import { callRoute, firstDevice, invitedDevice, TestDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const refused = (code: string, act: Promise<unknown>): Promise<void> => assert.rejects(act, { code })

test('each change of an account\'s devices is one more signed version, told to everybody from any version on', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const phone = await ana.addDevice()
  await ana.revoke(phone.deviceId)
  const { accountId } = ana.account
  const { lists, hasMore } = await ben.call('deviceListRead', { accounts: [{ accountId, afterNumber: 0 }, { accountId: ben.account.accountId, afterNumber: 1 }] })
  assert.equal(hasMore, false)
  assert.deepEqual(lists.map((bytes) => decodeDeviceList(bytes)).map(({ number, devices }) => [number, devices.map(({ deviceId }) => deviceId)]),
    [[1, [ana.deviceId]], [2, [ana.deviceId, phone.deviceId]], [3, [ana.deviceId]]])
  const { accounts } = await ben.call('directory', {})
  assert.deepEqual(accounts.map(({ deviceListNumber }) => deviceListNumber).sort(), [1, 3])
})

test('a list that forks, skips, is of another account or drops a device on the side is not appended; the same one again is harmless', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const [phone, tablet] = [new TestDevice(server, ana.account), new TestDevice(server, ana.account)]
  const [withPhone, withTablet] = [ana.deviceList({ add: phone }), ana.deviceList({ add: tablet })]
  await refused('protocol.device_list.refused', ben.call('deviceListAppend', { deviceList: withPhone }))
  await ana.call('deviceListAppend', { deviceList: withPhone })
  await ana.call('deviceListAppend', { deviceList: withPhone })
  await refused('protocol.device_list.conflict', ana.call('deviceListAppend', { deviceList: withTablet }))
  await ana.keepList(withPhone)
  await refused('protocol.device_list.refused', ana.call('deviceListAppend', { deviceList: ana.deviceList({ remove: phone.deviceId }) }))
  const forged = decodeDeviceList(ana.deviceList({ add: tablet }))
  await refused('protocol.device_list.refused', ana.call('deviceListAppend', { deviceList: encodeDeviceList({ ...forged, createdAtMs: 1 }) }))
  await refused('protocol.device_list.refused', ana.call('deviceListAppend', { deviceList: withPhone.slice(1) }))
})

test('one\'s own device is revoked with a list that has it no more, and with nothing less; one that was listed and never came too', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const phone = await ana.addDevice()
  await refused('protocol.device_list.refused', ana.call('deviceRevoke', { deviceId: phone.deviceId, deviceList: undefined }))
  const other = new TestDevice(server, ana.account)
  await refused('protocol.device_list.refused', ana.call('deviceRevoke', { deviceId: phone.deviceId, deviceList: ana.deviceList({ add: other }) }))
  await phone.call('directory', {})
  await ana.revoke(phone.deviceId)
  await refused('protocol.auth.refused', phone.call('directory', {}))
  await ana.list(other)
  await ana.revoke(other.deviceId)
  const { lists } = await ana.call('deviceListRead', { accounts: [{ accountId: ana.account.accountId, afterNumber: 4 }] })
  assert.deepEqual(lists.map((bytes) => decodeDeviceList(bytes).devices.map(({ deviceId }) => deviceId)), [[ana.deviceId]])
})

test('who holds the account\'s key reads its list without a device; nobody else does', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const ask = async ({ privateKey }: typeof ana.account.key) => {
    const { nonce } = await callRoute(server, 'tokenChallenge', {})
    const { accountId } = ana.account
    const signature = sign(null, deviceListRequestTbs({ origin: ana.origin, nonce, accountId }), privateKey)
    return callRoute(server, 'deviceListRecover', { accountId, afterNumber: 0, nonce, signature })
  }
  assert.equal((await ask(ana.account.key)).lists.length, 1)
  await refused('protocol.access.refused', ask(ben.account.key))
})

test('a blob for one device is in that device\'s inbox and no other, and only for devices of the account', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const phone = await ana.addDevice()
  const create = (forDevice: typeof phone.deviceId) => ana.call('blobCreate', { conversationId: undefined, forDevice, blobBytes: 3 })
  await refused('protocol.access.refused', create(ben.deviceId))
  const { blobId } = await create(phone.deviceId)
  assert.deepEqual((await phone.call('blobInbox', {})).blobs, [{ blobId, blobBytes: 3, storedBytes: 0, chunks: 0 }])
  await ana.call('blobAppend', { blobId, index: 0, chunk: Uint8Array.of(1, 2, 3) })
  assert.deepEqual((await phone.call('blobRead', { blobId, index: 0 })).chunk, Uint8Array.of(1, 2, 3))
  for (const other of [ana, ben]) assert.deepEqual((await other.call('blobInbox', {})).blobs, [])
  await phone.call('blobDelete', { blobId })
  assert.deepEqual((await phone.call('blobInbox', {})).blobs, [])
})
