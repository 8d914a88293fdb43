/**
 * Families and guardians through the SDK: a child's device waits, is let in, and takes part like any other.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Community, textsOf } from './support/community.js'

test('a child waits for a guardian, is let in, and writes; nobody could write to the child before', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const kid = await community.join((await ada.invite('child')).link, 'Kid')
  assert.equal(await kid.community.isPending(), true)
  await assert.rejects(kid.sync(), { code: 'protocol.device.pending' })
  await ada.sync()
  await assert.rejects(ada.createDirect('Kid'), { code: 'client.member.unreachable' })
  const [waiting] = await ada.community.pendingDevices()
  assert.deepEqual([waiting?.name, waiting?.deviceId], ['Kid', kid.identity.deviceId])
  await assert.rejects(ada.community.approveDevice('nobody'), { code: 'client.device.unknown' })
  await ada.community.approveDevice(kid.identity.deviceId.slice(0, 8))
  assert.equal(await kid.community.isPending(), false)
  assert.deepEqual(await ada.community.pendingDevices(), [])
  const { conversationId } = await ada.createDirect('Kid')
  await kid.sync()
  await kid.send(conversationId, 'may I stay up?')
  await ada.sync()
  assert.deepEqual(await textsOf(ada, conversationId), ['may I stay up?'])
})

test('a device that a guardian turns away is shut out for good', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const kid = await community.join((await ada.invite('child')).link, 'Kid')
  await ada.community.refuseDevice(kid.identity.deviceId)
  await assert.rejects(kid.sync(), { code: 'client.device.revoked' })
  assert.deepEqual(await ada.community.pendingDevices(), [])
})

test('families come with their people, one\'s own first; a neighbour heads the family of the invite', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const cem = await community.join((await ada.invite('family')).link, 'Cem')
  await assert.rejects(cem.invite('family'), { code: 'protocol.access.refused' })
  const families = await cem.community.families()
  assert.deepEqual(families.map(({ name, isOwn }) => [name, isOwn]), [['Cem', true], ['Ada', false]])
  assert.deepEqual(families[1]?.members.map(({ name, familyRole, isCommunityAdmin }) => [name, familyRole, isCommunityAdmin]).sort(),
    [['Ada', 'guardian', true], ['Ben', 'adult', false]])
})

test('what the grown-ups of a child can do is told alike to the child and to them', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const kid = await community.join((await ada.invite('child')).link, 'Kid')
  const { accountId, deviceId } = kid.identity
  const { name, guardians, devices: [waiting] } = await ada.community.transparency(accountId)
  assert.deepEqual([name, guardians, waiting?.deviceId, waiting?.state], ['Kid', ['Ada'], deviceId, 'waiting'])
  assert.ok((waiting?.addedAtMs ?? 0) > 0)
  await ada.community.approveDevice(deviceId)
  const told = await kid.community.transparency(accountId)
  assert.deepEqual(told, { name: 'Kid', guardians: ['Ada'], devices: [{ deviceId, state: 'in', addedAtMs: waiting?.addedAtMs }] })
  assert.deepEqual(await ada.community.transparency(accountId), told)
  await assert.rejects(ada.community.transparency(ada.identity.accountId), { code: 'client.member.unknown' })
})

test('the audit trail names who let whom in, to admins of the community only', async (t) => {
  const community = await Community.start(t)
  const ada = await community.join(community.setupLink, 'Ada')
  const kid = await community.join((await ada.invite('child')).link, 'Kid')
  await ada.community.approveDevice(kid.identity.deviceId)
  const said = (await ada.community.audit()).map(({ act, actor, subjectName }) => [act, actor, subjectName])
  assert.deepEqual(said.slice(0, 4), [
    ['deviceApproved', 'Ada', 'Kid'], ['deviceRegistered', 'Kid', 'Kid'], ['accountJoined', 'Kid', 'Kid'], ['inviteMade', 'Ada', undefined],
  ])
  await assert.rejects(kid.community.audit(), { code: 'protocol.access.refused' })
})
