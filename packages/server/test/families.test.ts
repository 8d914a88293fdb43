/**
 * Families, roles and the devices of children, against a real server.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCodedError } from '@famichat/base'
import { AccountRole, AuditEvent, DeviceState, FamilyRole, type InviteFor, InvitePlace, LIFETIMES } from '@famichat/protocol'
import { TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice, TestDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const refused = (code: string, act: Promise<unknown>): Promise<void> =>
  assert.rejects(act, (error) => {
    assert.ok(isCodedError(error), String(error))
    assert.equal(error.code, code)
    return true
  })

const CHILD: InviteFor = { place: InvitePlace.ownFamily, familyRole: FamilyRole.child }
const GUARDIAN: InviteFor = { place: InvitePlace.ownFamily, familyRole: FamilyRole.admin }
const ADULT: InviteFor = { place: InvitePlace.ownFamily, familyRole: FamilyRole.adult }
const FAMILY: InviteFor = { place: InvitePlace.newFamily }

test('the first person heads the first family; a family invite makes another, with a head of its own', async (t) => {
  const server = await startTestServer(t)
  const ana = new TestDevice(server)
  const first = await ana.join(server.running.setupLink ?? '', 'Ana', 0, 'The Hills')
  assert.deepEqual([first.role, first.familyRole, first.deviceState], [AccountRole.admin, FamilyRole.admin, DeviceState.active])
  await ana.signIn()
  const ben = new TestDevice(server)
  const joined = await ben.join(await ana.invite(FAMILY), 'Ben')
  assert.deepEqual([joined.role, joined.familyRole], [AccountRole.member, FamilyRole.admin])
  assert.notEqual(joined.familyId, first.familyId)
  const cem = new TestDevice(server)
  assert.equal((await cem.join(await ana.invite(ADULT), 'Cem')).familyId, first.familyId)
  const { families, accounts } = await ana.call('directory', {})
  assert.deepEqual(families.map(({ familyName }) => familyName).sort(), ['Ben', 'The Hills'])
  const roles = new Map(accounts.map(({ accountName, familyRole }) => [accountName, familyRole]))
  assert.deepEqual(['Ana', 'Ben', 'Cem'].map((name) => roles.get(name)), [FamilyRole.admin, FamilyRole.admin, FamilyRole.adult])
})

test('who may invite whom: adults adults, guardians anybody into their family, admins of the community families, children nobody', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben', 0, FAMILY)
  const cem = await invitedDevice(ben, 'Cem', 0, ADULT)
  await ben.invite(GUARDIAN)
  await ben.invite(CHILD)
  await cem.invite(ADULT)
  for (const place of [GUARDIAN, CHILD, FAMILY]) await refused('protocol.access.refused', cem.invite(place))
  await refused('protocol.access.refused', ben.invite(FAMILY))
  const kid = await invitedDevice(ben, 'Kid', 0, CHILD)
  const { accounts } = await ben.call('directory', {})
  assert.equal(accounts.find(({ accountId }) => accountId === kid.account.accountId)?.devices[0]?.isPending, true)
  await ben.call('deviceApprove', { deviceId: kid.deviceId })
  for (const place of [ADULT, CHILD, GUARDIAN, FAMILY]) await refused('protocol.access.refused', kid.invite(place))
})

test('a child\'s device can ask for its state and nothing else until a guardian of its own family lets it in', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben', 0, FAMILY)
  const dora = await invitedDevice(ben, 'Dora', 0, ADULT)
  const kid = await invitedDevice(ben, 'Kid', 2, CHILD)
  assert.equal((await kid.call('deviceState', {})).state, DeviceState.pending)
  for (const route of ['directory', 'keyPackageCount', 'welcomeList', 'conversationList', 'inviteList'] as const) await refused('protocol.device.pending', kid.call(route, {}))
  await assert.rejects(TestChannel.open(kid))
  // the server hands out no KeyPackage of it either
  await refused('protocol.access.refused', ben.call('keyPackageClaim', { accountId: kid.account.accountId, deviceIds: [] }))
  for (const stranger of [ana, dora, kid]) {
    await refused(stranger === kid ? 'protocol.device.pending' : 'protocol.access.refused', stranger.call('deviceApprove', { deviceId: kid.deviceId }))
  }
  await ben.call('deviceApprove', { deviceId: kid.deviceId })
  await ben.call('deviceApprove', { deviceId: kid.deviceId })
  assert.equal((await kid.call('deviceState', {})).state, DeviceState.active)
  await kid.call('directory', {})
  assert.equal((await ben.call('keyPackageClaim', { accountId: kid.account.accountId, deviceIds: [] })).claimed.length, 1)
})

test('a further device of a child waits too, and a guardian can turn it away or shut it out later', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const kid = await invitedDevice(ana, 'Kid', 0, CHILD)
  await ana.call('deviceApprove', { deviceId: kid.deviceId })
  const tablet = await kid.addDevice()
  assert.equal((await tablet.call('deviceState', {})).state, DeviceState.pending)
  await ana.call('deviceRevoke', { deviceId: tablet.deviceId, deviceList: undefined })
  await refused('protocol.auth.refused', tablet.call('deviceState', {}))
  await refused('protocol.access.refused', ana.call('deviceApprove', { deviceId: tablet.deviceId }))
  await ana.call('deviceRevoke', { deviceId: kid.deviceId, deviceList: undefined })
  await refused('protocol.auth.refused', kid.call('directory', {}))
})

test('a guardian has no say over adults, nor over children of other families', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben', 0, FAMILY)
  const adult = await invitedDevice(ben, 'Cem', 0, ADULT)
  const kid = await invitedDevice(ben, 'Kid', 0, CHILD)
  for (const { deviceId } of [adult, kid]) await refused('protocol.access.refused', ana.call('deviceRevoke', { deviceId, deviceList: undefined }))
  await refused('protocol.access.refused', ben.call('deviceRevoke', { deviceId: adult.deviceId, deviceList: undefined }))
})

test('roles are two axes: the community\'s is given by its admins, the family\'s by its guardians, and one of each stays', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben', 0, FAMILY)
  const cem = await invitedDevice(ben, 'Cem', 0, ADULT)
  const change = (by: TestDevice, of: TestDevice, roles: { role?: AccountRole; familyRole?: FamilyRole }): Promise<unknown> =>
    by.call('roleChange', { accountId: of.account.accountId, role: roles.role, familyRole: roles.familyRole })
  await refused('protocol.access.refused', change(ben, ben, { role: AccountRole.admin }))
  await refused('protocol.access.refused', change(ana, cem, { familyRole: FamilyRole.admin }))
  await refused('protocol.role.last_admin', change(ana, ana, { role: AccountRole.member }))
  await refused('protocol.role.last_admin', change(ben, ben, { familyRole: FamilyRole.adult }))
  await refused('protocol.access.refused', change(cem, ben, {}))
  await change(ben, cem, { familyRole: FamilyRole.admin })
  const early = await ben.invite(GUARDIAN)
  await change(ben, ben, { familyRole: FamilyRole.adult })
  // an invite gives what its inviter may still give
  await refused('protocol.invite.revoked', new TestDevice(server).join(early, 'Dia'))
  await change(ana, cem, { role: AccountRole.admin })
  await change(cem, ana, { role: AccountRole.member })
  await refused('protocol.access.refused', change(ana, ben, { role: AccountRole.admin }))
})

test('the audit trail names acts by random ids, to admins of the community only', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Benjamin', 0, FAMILY)
  const kid = await invitedDevice(ben, 'Kid', 0, CHILD)
  await ben.call('deviceApprove', { deviceId: kid.deviceId })
  await refused('protocol.access.refused', ben.call('auditList', {}))
  const { entries } = await ana.call('auditList', {})
  assert.deepEqual(entries[0], { atMs: server.clock.nowMs(), event: AuditEvent.deviceApproved, actor: ben.account.accountId, subject: kid.deviceId })
  assert.deepEqual([...new Set(entries.map(({ event }) => event))].sort(), [AuditEvent.accountJoined, AuditEvent.deviceRegistered, AuditEvent.deviceApproved, AuditEvent.inviteMade, AuditEvent.familyMade].sort())
  assert.ok(entries.every(({ subject }) => /^[\w-]{22}$/.test(subject)))
})

test('a family invite ends after 72 hours like any other', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const link = await ana.invite(FAMILY)
  server.clock.advance(LIFETIMES.inviteMs)
  await refused('protocol.invite.expired', new TestDevice(server).join(link, 'Ben'))
})
