/**
 * Welcomes: one row per added device, kept until the device acknowledges it; the bytes are stored once per commit.
 */
import { sql } from 'kysely'
import { type ConversationId, type DeliveredWelcome, type DeviceId, isInScope, LIMITS, ProtocolError, type WelcomeHeader, type WelcomeId } from '@famichat/protocol'
import { conversationOfWelcome } from '../accounts/token-scopes.js'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'

/** What waits for a device, oldest first. */
export const listWelcomes = async (store: Store, deviceId: DeviceId): Promise<readonly WelcomeHeader[]> => {
  const rows = await waiting(store, deviceId).orderBy('welcomes.created_at_ms').orderBy('welcomes.commit_seq')
    .limit(LIMITS.cursorsPerResume).execute()
  return rows.map(headerOf)
}

/** One Welcome with its bytes. @throws ProtocolError `protocol.access.refused` */
export const readWelcome = async (store: Store, deviceId: DeviceId, welcomeId: WelcomeId): Promise<DeliveredWelcome> => {
  const row = await waiting(store, deviceId).select('welcome_bodies.welcome').where('welcome_id', '=', welcomeId).executeTakeFirst()
  if (row === undefined) throw new ProtocolError('protocol.access.refused')
  return { header: headerOf(row), welcome: row.welcome }
}

/** The device has it; the bytes go with the last device. Acknowledging twice is harmless. */
export const acknowledgeWelcome = (services: Services, { deviceId, scope }: AuthenticatedDevice, welcomeId: WelcomeId): Promise<void> =>
  services.database.write.write(async (store) => {
    if (scope !== undefined && !isInScope(scope, await conversationOfWelcome(store, deviceId, welcomeId), 'read')) return
    await store.deleteFrom('welcomes').where('welcome_id', '=', welcomeId).where('device_id', '=', deviceId).execute()
    await dropUnreferencedBodies(store)
  })

/** Drops what waits for devices of an earlier time in a conversation. */
export const dropWelcomes = async (store: Store, conversationId: ConversationId, deviceIds: readonly DeviceId[]): Promise<void> => {
  if (deviceIds.length === 0) return
  await store.deleteFrom('welcomes').where('conversation_id', '=', conversationId).where('device_id', 'in', deviceIds).execute()
  await dropUnreferencedBodies(store)
}

/** Deletes the bytes of Welcomes that wait for nobody; to be called after rows of `welcomes` were deleted. */
export const dropUnreferencedBodies = async (store: Store): Promise<void> => {
  await store.deleteFrom('welcome_bodies').where((eb) => eb.not(eb.exists(eb.selectFrom('welcomes').select('welcome_id')
    .whereRef('welcomes.conversation_id', '=', 'welcome_bodies.conversation_id')
    .whereRef('welcomes.commit_seq', '=', 'welcome_bodies.commit_seq')))).execute()
}

const waiting = (store: Store, deviceId: DeviceId) =>
  store.selectFrom('welcomes')
    .innerJoin('welcome_bodies', (join) => join.onRef('welcome_bodies.conversation_id', '=', 'welcomes.conversation_id')
      .onRef('welcome_bodies.commit_seq', '=', 'welcomes.commit_seq'))
    .innerJoin('conversations', 'conversations.conversation_id', 'welcomes.conversation_id')
    .select([
      'welcomes.welcome_id', 'welcomes.conversation_id', 'conversations.kind', 'welcomes.commit_seq', 'welcomes.sender_device',
      'welcomes.created_at_ms', sql<number>`length(welcome_bodies.welcome)`.as('welcome_bytes'),
    ])
    .where('welcomes.device_id', '=', deviceId)

type WaitingRow = Awaited<ReturnType<ReturnType<typeof waiting>['executeTakeFirstOrThrow']>>

const headerOf = (row: WaitingRow): WelcomeHeader => ({
  welcomeId: row.welcome_id, conversationId: row.conversation_id, kind: row.kind, fromSeq: row.commit_seq + 1,
  senderDevice: row.sender_device, createdAtMs: row.created_at_ms, welcomeBytes: row.welcome_bytes,
})
