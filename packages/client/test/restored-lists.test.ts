/**
 * Device lists after a server was restored from an older backup: whoever has seen the versions that it lost gives them back, and
 * nobody takes anything for it.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client, Problem } from '@famichat/client'
import { backUp } from './support/backups.js'
import { Community, linkDevice, settle, textsOf } from './support/community.js'

const listProblems = (problems: readonly Problem[]): readonly string[] => problems.map(({ code }) => code).filter((code) => code.startsWith('client.device_list.'))
const namesOf = async (client: Client): Promise<readonly string[]> => (await client.devices()).filter(({ isRevoked }) => !isRevoked).map(({ deviceId }) => deviceId).sort()

test('S13: an account whose device list the server lost links and revokes as before: the versions come back from its own devices', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  await ada.createDirect('Ben')
  await ben.sync()
  const putBack = backUp(community, 'first')
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(ada, ben)
  await putBack()
  const tablet = await linkDevice(community, ben, 'ben-tablet')
  assert.deepEqual(listProblems(await ben.sync()), [])
  assert.deepEqual(listProblems(await ada.sync()), [])
  // the server never heard of the phone: it is listed, so it can be revoked
  assert.deepEqual(await namesOf(ben), [ben, phone, tablet].map(({ identity }) => identity.deviceId).sort())
  await ben.revokeDevice(phone.identity.deviceId)
  assert.deepEqual(await namesOf(tablet), [ben, tablet].map(({ identity }) => identity.deviceId).sort())
  await settle(ada, ben, tablet)
  // its leaf goes too, though the server's roster does not have it
  for (const client of [ada, ben, tablet]) assert.deepEqual(await client.sync(), [])
})

test('S13: a device that came after the backup registers again by itself, and members let it in afresh', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ben.sync()
  const putBack = backUp(community, 'first')
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(phone, ada, ben)
  await ada.send(id, 'before')
  await settle(phone, ben)
  await putBack()
  await ada.sync()
  await phone.sync()
  assert.deepEqual(await namesOf(ben), [ben, phone].map(({ identity }) => identity.deviceId).sort())
  await settle(ben, ada, phone, ben, ada)
  assert.equal((await phone.info(id)).state, 'active')
  await ada.send(id, 'after')
  await phone.send(id, 'here again')
  await settle(ben, ada, phone)
  for (const client of [ada, ben, phone]) assert.deepEqual([...await textsOf(client, id)].sort(), ['after', 'before', 'here again'])
  const codes = await Promise.all([ada, ben, phone].map(async (client) => Buffer.from((await client.info(id)).epochAuthenticator).toString('hex')))
  assert.equal(new Set(codes).size, 1)
  // once is enough: a device that is really shut out stays out
  await ben.revokeDevice(phone.identity.deviceId)
  for (let again = 0; again < 2; again++) await assert.rejects(phone.sync(), { code: 'client.device.revoked' })
})

test('S13: what was revoked after the backup is shut out again as soon as anybody comes who has seen it', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  await ada.createDirect('Ben')
  await ben.sync()
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(ada, phone)
  const putBack = backUp(community, 'first')
  await ben.revokeDevice(phone.identity.deviceId)
  await ada.sync()
  await assert.rejects(phone.sync(), { code: 'client.device.revoked' })
  await putBack()
  // the server has forgotten it
  await phone.sync()
  // Ada, who is somebody else, brings back what Ben signed
  assert.deepEqual(listProblems(await ada.sync()), [])
  await assert.rejects(phone.sync(), { code: 'client.device.revoked' })
  await ben.sync()
  assert.deepEqual(await namesOf(ben), [ben.identity.deviceId])
})

test('S13: a list that took another course before the first one came back is said to be forked, and what was known stays', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  await ada.createDirect('Ben')
  await ben.sync()
  const phone = await linkDevice(community, ben, 'ben-phone')
  await settle(ada, phone, ben)
  const putBack = backUp(community, 'first')
  for (const profile of ['ben-tablet', 'ben-laptop']) await linkDevice(community, ben, profile)
  await ada.sync()
  await putBack()
  // the phone has not heard of either, and links one itself
  await linkDevice(community, phone, 'ben-watch')
  assert.deepEqual(listProblems(await ada.sync()), ['client.device_list.forked'])
  assert.deepEqual(listProblems(await ben.sync()), ['client.device_list.forked'])
  await assert.rejects(ben.offerLink().then((offering) => Promise.all([offering.complete(), community.join(offering.link, '', 'ben-other')])), { code: 'protocol.device_list.conflict' })
})
