/**
 * Requests to be added afresh: a device whose state of a conversation is broken says so, and members hear of it. The
 * server only passes it on: whether a device belongs there is for the members to judge.
 */
import { type AccountId, LIMITS, type Nothing, type ConversationId, type DeviceId, ProtocolError, type ReaddList } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'

/** The calling device asks the members of a conversation it is in, or was in before. @throws ProtocolError `protocol.access.refused` */
export const requestReadd = (services: Services, { deviceId }: AuthenticatedDevice, conversationId: ConversationId): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    await requireKnown(store, deviceId, conversationId)
    await store.insertInto('readds').values({ conversation_id: conversationId, device_id: deviceId, requested_at_ms: services.clock.nowMs() })
      .onConflict((conflict) => conflict.doNothing()).execute()
    return {}
  })

/** Whether somebody who was removed may come back, is for the members to judge. @throws ProtocolError `protocol.access.refused` */
const requireKnown = async (store: Store, deviceId: DeviceId, conversationId: ConversationId): Promise<void> => {
  const membership = await store.selectFrom('memberships').select('from_seq')
    .where('conversation_id', '=', conversationId).where('device_id', '=', deviceId).limit(1).executeTakeFirst()
  if (membership === undefined) throw new ProtocolError('protocol.access.refused')
}

/** A new device of an account asks the members of every conversation that a device of this account is in. */
export const requestEntry = async (store: Store, { accountId, deviceId }: { readonly accountId: AccountId; readonly deviceId: DeviceId }, nowMs: number): Promise<void> => {
  const conversations = await store.selectFrom('memberships').innerJoin('devices', 'devices.device_id', 'memberships.device_id')
    .select('memberships.conversation_id').distinct().where('devices.account_id', '=', accountId).where('memberships.until_seq', 'is', null).execute()
  for (const { conversation_id } of conversations) {
    await store.insertInto('readds').values({ conversation_id, device_id: deviceId, requested_at_ms: nowMs })
      .onConflict((conflict) => conflict.doNothing()).execute()
  }
}

/** Who asks, in the conversations the calling device is in. */
export const listReadds = async (services: Services, { deviceId }: AuthenticatedDevice): Promise<ReaddList> => {
  const rows = await services.database.read.selectFrom('readds')
    .innerJoin('memberships', 'memberships.conversation_id', 'readds.conversation_id')
    .select(['readds.conversation_id', 'readds.device_id'])
    .where('memberships.device_id', '=', deviceId).where('memberships.until_seq', 'is', null)
    .where('readds.device_id', '!=', deviceId).orderBy('readds.requested_at_ms').limit(LIMITS.devicesPerConversation).execute()
  return { requests: rows.map((row) => ({ conversationId: row.conversation_id, deviceId: row.device_id })) }
}

/** A commit removed the device's old leaf, or let the device in: the request is served, or void. */
export const dropReadd = async (store: Store, conversationId: ConversationId, deviceId: DeviceId): Promise<void> => {
  await store.deleteFrom('readds').where('conversation_id', '=', conversationId).where('device_id', '=', deviceId).execute()
}
