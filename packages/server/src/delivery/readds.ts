/**
 * Requests to be added afresh: a device whose state of a conversation is broken says so, and members hear of it. The
 * server only passes it on: whether a device belongs there is for the members to judge.
 */
import { LIMITS, type Nothing, type ConversationId, type DeviceId, type ReaddList } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { readJoinedConversation } from './conversations.js'

/** The calling device asks the members of a conversation it is in. @throws ProtocolError `protocol.access.refused` */
export const requestReadd = (services: Services, { deviceId }: AuthenticatedDevice, conversationId: ConversationId): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    await readJoinedConversation(store, deviceId, conversationId)
    await store.insertInto('readds').values({ conversation_id: conversationId, device_id: deviceId, requested_at_ms: services.clock.nowMs() })
      .onConflict((conflict) => conflict.doNothing()).execute()
    return {}
  })

/** Who asks, in the conversations the calling device is in. */
export const listReadds = async (services: Services, { deviceId }: AuthenticatedDevice): Promise<ReaddList> => {
  const rows = await services.database.read.selectFrom('readds')
    .innerJoin('memberships', 'memberships.conversation_id', 'readds.conversation_id')
    .select(['readds.conversation_id', 'readds.device_id'])
    .where('memberships.device_id', '=', deviceId).where('memberships.until_seq', 'is', null)
    .where('readds.device_id', '!=', deviceId).orderBy('readds.requested_at_ms').limit(LIMITS.devicesPerConversation).execute()
  return { requests: rows.map((row) => ({ conversationId: row.conversation_id, deviceId: row.device_id })) }
}

/** A commit removed the device's old leaf: the request is served, or void. */
export const dropReadd = async (store: Store, conversationId: ConversationId, deviceId: DeviceId): Promise<void> => {
  await store.deleteFrom('readds').where('conversation_id', '=', conversationId).where('device_id', '=', deviceId).execute()
}
