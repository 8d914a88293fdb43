/**
 * Ending an account: who may, and that it is one act.
 */
import assert from 'node:assert/strict'
import { performance } from 'node:perf_hooks'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import { AccountRole, AuditEvent, type ConversationId, ConversationKind, FamilyRole, type InviteFor, InvitePlace, makeId, ServerFrameType } from '@famichat/protocol'
import { makeCommit, TestChannel } from './support/test-channel.js'
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

test('who is left with ended accounts alone is delivered nothing more once it says so; while anybody else is there, only a commit lets it go', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const [ben, cem] = [await invitedDevice(ana, 'Ben'), await invitedDevice(ana, 'Cem')]
  const phone = await ben.addDevice()
  const conversationId = makeId<ConversationId>(systemRandom)
  await ben.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  await ben.call('conversationCommit', makeCommit(conversationId, 0n, { added: [cem.deviceId, phone.deviceId] }))
  await refused('protocol.roster.refused', ben.call('conversationLeave', { conversationId }))
  await refused('protocol.access.refused', ana.call('conversationLeave', { conversationId }))
  await ana.call('accountEnd', { accountId: cem.account.accountId })
  const channel = await TestChannel.open(ben)
  for (let times = 0; times < 2; times++) await ben.call('conversationLeave', { conversationId })
  const [summary] = (await ben.call('conversationList', {})).conversations
  assert.deepEqual([summary?.untilSeq, summary?.lastSeq], [1, 1])
  await refused('protocol.access.refused', ben.call('conversationCommit', makeCommit(conversationId, 1n)))
  channel.close()
  // whoever still has its leaf in the tree may remove it, though it is out
  await phone.call('conversationCommit', makeCommit(conversationId, 1n, { removed: [ben.deviceId] }))
  assert.deepEqual((await phone.call('conversationRoster', { conversationId })).devices.map(({ deviceId }) => deviceId).sort(), [phone.deviceId, cem.deviceId].sort())
  await phone.call('conversationCommit', makeCommit(conversationId, 2n, { added: [ben.deviceId] }))
  assert.equal((await ben.call('conversationList', {})).conversations[0]?.untilSeq, undefined)
})
