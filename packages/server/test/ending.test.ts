/**
 * Ending an account: who may, and that it is one act.
 */
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { AccountRole, AuditEvent, FamilyRole, type InviteFor, InvitePlace, ServerFrameType } from '@famichat/protocol'
import { TestChannel } from './support/test-channel.js'
import { callRoute, firstDevice, invitedDevice, TestDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const refused = (code: string, act: Promise<unknown>): Promise<void> => assert.rejects(act, { code })
const inFamily = (familyRole: FamilyRole): InviteFor => ({ place: InvitePlace.ownFamily, familyRole })
const NEW_FAMILY: InviteFor = { place: InvitePlace.newFamily }

test('S23 an ended account: its sockets shut within a second, its tokens refused at once, and nothing of it opens the door again', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const phone = await ben.addDevice()
  const link = await ben.invite(inFamily(FamilyRole.adult))
  const sockets = [await TestChannel.open(ben), await TestChannel.open(phone)]
  const startedAt = performance.now()
  const { accountId } = ben.account
  await ana.call('accountEnd', { accountId })
  for (const device of [ben, phone]) {
    await refused('protocol.auth.refused', device.call('directory', {}))
    await refused('protocol.auth.refused', device.signIn())
    await refused('protocol.auth.refused', device.refresh())
  }
  for (const socket of sockets) {
    assert.equal((await socket.untilClosed()).at(-1)?.type, ServerFrameType.closing)
    assert.equal(await socket.closed, 4401)
  }
  const shutMs = performance.now() - startedAt
  t.diagnostic(`shut ${shutMs.toFixed(0)} ms after the call`)
  await refused('protocol.invite.revoked', new TestDevice(server).join(link, 'Dia'))
  // the account's key vouches for nothing any more
  const fresh = new TestDevice(server, ben.account)
  await refused('protocol.access.refused', callRoute(server, 'deviceRecover', fresh.registration(accountId)))
  const { accounts } = await ana.call('directory', {})
  const ended = accounts.find((account) => account.accountId === accountId)
  assert.deepEqual([ended?.isEnded, ended?.devices.map(({ isRevoked }) => isRevoked)], [true, [true, true]])
  await refused('protocol.access.refused', ana.call('keyPackageClaim', { accountId, deviceIds: [] }))
  await refused('protocol.name.taken', invitedDevice(ana, 'Ben'))
  await ana.call('accountEnd', { accountId })
  const { entries } = await ana.call('auditList', {})
  assert.deepEqual(entries.filter(({ event }) => event === AuditEvent.accountEnded).map(({ actor, subject }) => [actor, subject]), [[ana.account.accountId, accountId]])
  assert.ok(shutMs < 30_000)
})

test('admins of the community end anybody, guardians their family\'s people but its admins of the community; nobody else does, and one of each stays', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const end = (actor: TestDevice, of: TestDevice) => actor.call('accountEnd', { accountId: of.account.accountId })
  const guardian = await invitedDevice(ana, 'Gus', 0, inFamily(FamilyRole.admin))
  const [adult, other] = [await invitedDevice(ana, 'Ben'), await invitedDevice(ana, 'Cem')]
  const neighbour = await invitedDevice(ana, 'Nia', 0, NEW_FAMILY)
  const child = await invitedDevice(neighbour, 'Kim', 0, inFamily(FamilyRole.child))
  for (const actor of [adult, neighbour]) await refused('protocol.access.refused', end(actor, other))
  await refused('protocol.access.refused', end(guardian, child))
  await refused('protocol.access.refused', end(guardian, ana))
  await refused('protocol.role.last_admin', end(ana, ana))
  // the neighbours' child would have no guardian left
  await refused('protocol.role.last_admin', end(ana, neighbour))
  await end(guardian, adult)
  await end(neighbour, child)
  await end(ana, neighbour)
  await ana.call('roleChange', { accountId: other.account.accountId, role: AccountRole.admin, familyRole: undefined })
  await refused('protocol.access.refused', end(guardian, other))
  await end(other, ana)
  await refused('protocol.role.last_admin', end(other, other))
  await refused('protocol.access.refused', other.call('roleChange', { accountId: adult.account.accountId, role: AccountRole.admin, familyRole: undefined }))
})

test('an adult ends the own account, a child does not', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const adult = await invitedDevice(ana, 'Ben')
  const child = await invitedDevice(ana, 'Kim', 0, inFamily(FamilyRole.child))
  await ana.call('deviceApprove', { deviceId: child.deviceId })
  await refused('protocol.access.refused', child.call('accountEnd', { accountId: child.account.accountId }))
  await adult.call('accountEnd', { accountId: adult.account.accountId })
  await refused('protocol.auth.refused', adult.call('directory', {}))
  const { entries } = await ana.call('auditList', {})
  const ended = entries.find(({ event }) => event === AuditEvent.accountEnded)
  assert.deepEqual([ended?.actor, ended?.subject], [adult.account.accountId, adult.account.accountId])
})
