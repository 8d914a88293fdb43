/**
 * Caps that need many rows to reach (E30): how many conversations a device can be in, and be put into by others, and what is remembered.
 */
import assert from 'node:assert/strict'
import { sign } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { sql } from 'kysely'
import { present, systemClock } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import { ConversationKind, type ConversationId, FamilyRole, type InviteId, InvitePlace, LIMITS, makeId, tokenRefreshTbs } from '@famichat/protocol'
import { createInvite } from '../dist/accounts/invites.js'
import { RefreshBook, refreshToken } from '../dist/accounts/refresh-tokens.js'
import { authenticateToken, storePair } from '../dist/accounts/tokens.js'
import { createBlob } from '../dist/blobs/blobs.js'
import { acceptCommit } from '../dist/delivery/commits.js'
import { createConversation, listConversations } from '../dist/delivery/conversations.js'
import type { AuthenticatedDevice } from '../dist/services.js'
import { openDatabase } from '../dist/storage/open-database.js'
import { makeFleet } from './load/fleet.js'
import { makeCommit } from './support/test-channel.js'
import { sha256 } from './support/test-device.js'
import { temporaryFolder } from './support/test-server.js'
import { bareServices } from './support/bare-services.js'

/** Accounts' devices on an open database, without a server around it. */
const scene = async (t: TestContext, plan: { readonly devices: number; readonly conversations: readonly (readonly number[])[] }) => {
  const dataDir = temporaryFolder(t)
  const random = insecureSeededRandom(49)
  const { devices, conversations } = await makeFleet({ dataDir, random, ...plan })
  const database = await openDatabase({ dataDir, keys: {}, random })
  t.after(() => database.close())
  const services = bareServices({ database, random })
  const accounts = await database.read.selectFrom('devices').select(['device_id', 'account_id']).execute()
  const callers = devices.map(({ deviceId }) => ({
    deviceId, accountId: present(accounts.find(({ device_id }) => device_id === deviceId), 'its account').account_id, signatureKey: new Uint8Array(32),
  }))
  return { database, random, services, devices, callers, conversations }
}

test('S49 nobody is put into more conversations than a device can resume; what it left makes room, and does not hide where it is', async (t) => {
  const full = Array.from({ length: LIMITS.cursorsPerResume }, () => [0, 1])
  const { services, random, callers, conversations } = await scene(t, { devices: 3, conversations: [...full, [2]] })
  const [ana, ben, eve] = [0, 1, 2].map((at) => present(callers[at], 'a device')) as [AuthenticatedDevice, AuthenticatedDevice, AuthenticatedDevice]
  const [first, eves] = [present(conversations[0], 'a conversation'), present(conversations.at(-1), 'the last one')]
  const addBen = () => acceptCommit(services, eve, makeCommit(eves, 0n, { added: [ben.deviceId] }))
  await assert.rejects(addBen(), { code: 'protocol.roster.refused' })
  await assert.rejects(createConversation(services, ben, { conversationId: makeId<ConversationId>(random), kind: ConversationKind.group }), { code: 'protocol.rate.limited' })
  await acceptCommit(services, ana, makeCommit(first, 0n, { removed: [ben.deviceId] }))
  await addBen()
  const listed = (await listConversations(services, ben)).conversations
  assert.equal(listed.length, LIMITS.cursorsPerResume)
  assert.ok(listed.some(({ conversationId }) => conversationId === eves))
  assert.ok(listed.every(({ untilSeq }) => untilSeq === undefined))
})

test('S49 an account has no more blobs than the cap, however small they are', async (t) => {
  const { services, database, callers } = await scene(t, { devices: 1, conversations: [] })
  const ana = present(callers[0], 'a device')
  const rows = LIMITS.blobsPerAccount - 1
  await database.write.write((store) => sql`insert into blobs (blob_id, account_id, conversation_id, for_device, blob_bytes, stored_bytes, chunks, created_at_ms)
    with recursive counted(n) as (select 1 union all select n + 1 from counted where n < ${rows}) select 'blob ' || n, ${ana.accountId}, null, null, 1, 1, 1, ${systemClock.nowMs()} from counted`.execute(store))
  const make = () => createBlob(services, ana, { conversationId: undefined, forDevice: undefined, blobBytes: 1 })
  await make()
  await assert.rejects(make(), { code: 'protocol.blob.quota' })
})

test('S49 invites that are made and revoked without end are forgotten, the oldest first; open ones stay', async (t) => {
  const { services, database, random, callers } = await scene(t, { devices: 1, conversations: [] })
  const ana = present(callers[0], 'a device')
  await database.write.write((store) => sql`insert into invites (invite_id, inviter, place, family_id, family_role, proof_hash, created_at_ms, expires_at_ms, used_by, revoked_at_ms)
    with recursive counted(n) as (select 1 union all select n + 1 from counted where n < ${LIMITS.invitesPerAccount}) select 'invite ' || n, ${ana.accountId}, 1, null, null, x'00', n, ${systemClock.nowMs() + 1000}, null,
    iif(n = 1, null, 2) from counted`.execute(store))
  const inviteId = makeId<InviteId>(random)
  await createInvite(services, ana, { inviteId, proofHash: random(32), invited: { place: InvitePlace.ownFamily, familyRole: FamilyRole.adult } })
  const left = (await database.read.selectFrom('invites').select('invite_id').where('inviter', '=', ana.accountId).execute()).map(({ invite_id }) => String(invite_id))
  assert.equal(left.length, LIMITS.invitesPerAccount)
  assert.deepEqual([left.includes('invite 1'), left.includes('invite 2'), left.includes('invite 3'), left.includes(inviteId)], [true, false, true, true])
})

test('S22 of a device that refreshes without end the oldest used tokens are forgotten, one for one: what lives goes on, and the next oldest still tells of a copy', async (t) => {
  const { services, database, random, devices } = await scene(t, { devices: 1, conversations: [] })
  const { deviceId, key } = present(devices[0], 'a device')
  const origin = 'http://caps.test'
  const refresh = (token: Uint8Array): ReturnType<typeof refreshToken> =>
    refreshToken(services, book, { deviceId, refreshToken: token, signature: sign(null, tokenRefreshTbs({ origin, refreshToken: token, deviceId }), key) }, [origin])
  const book = new RefreshBook(random)
  const nowMs = systemClock.nowMs()
  const used = [random(32), random(32)] as const
  const living = { token: random(32), refreshToken: random(32) }
  await database.write.write(async (store) => {
    for (const [at, token] of used.entries()) {
      await store.insertInto('refresh_tokens').values({ token_hash: sha256(token), device_id: deviceId, expires_at_ms: nowMs + 60_000 + at, used_at_ms: 1 }).execute()
    }
    await sql`insert into refresh_tokens (token_hash, device_id, expires_at_ms, used_at_ms)
      with recursive counted(n) as (select 1 union all select n + 1 from counted where n < ${LIMITS.refreshTokensPerDevice - 3}) select cast(n as blob), ${deviceId}, ${nowMs + 70_000} + n, 1 from counted`.execute(store)
    await storePair(store, { deviceId, scope: null }, living, nowMs)
  })
  const held = async (): Promise<number> => (await database.read.selectFrom('refresh_tokens').select((eb) => eb.fn.countAll<number>().as('held')).executeTakeFirstOrThrow()).held
  assert.equal(await held(), LIMITS.refreshTokensPerDevice)
  const next = await refresh(living.refreshToken)
  assert.equal(await held(), LIMITS.refreshTokensPerDevice)
  await assert.rejects(refresh(used[0]), { code: 'protocol.auth.refused' })
  for (const { token } of [living, next]) assert.equal((await authenticateToken(database.read, token, systemClock.nowMs())).deviceId, deviceId)
  await assert.rejects(refresh(used[1]), { code: 'protocol.auth.refused' })
  await assert.rejects(authenticateToken(database.read, next.token, systemClock.nowMs()), { code: 'protocol.auth.refused' }, 'this one was remembered, so it was copied')
})
