/**
 * How far each device has read: stored when it acknowledges, the start of delivery when it resumes.
 */
import type { ConversationId, DeviceId } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'

/** A conversation to deliver to a device. */
export interface Subscription {
  readonly conversationId: ConversationId
  /** The last entry there is for this device; the end of its last period if it was removed. */
  readonly lastSeq: number
  /** Set when the device is not in the conversation any more. */
  readonly untilSeq: number | undefined
  readonly acknowledgedSeq: number
}

/** Stores that the device has everything up to `seq`; going backwards or beyond the log changes nothing. */
export const acknowledge = (
  services: Services, { deviceId }: AuthenticatedDevice, { conversationId, seq }: { conversationId: ConversationId; seq: number },
): Promise<void> =>
  services.database.write.write(async (store) => {
    const subscriptions = await readSubscriptions(store, deviceId, conversationId)
    const lastSeq = subscriptions[0]?.lastSeq ?? 0
    if (seq < 1 || seq > lastSeq) return
    await store.insertInto('cursors').values({ device_id: deviceId, conversation_id: conversationId, acknowledged_seq: seq })
      .onConflict((conflict) => conflict.columns(['device_id', 'conversation_id'])
        .doUpdateSet({ acknowledged_seq: seq }).where('cursors.acknowledged_seq', '<', seq)).execute()
  })

/** All conversations the device is or was in, or the one asked for. */
export const readSubscriptions = async (
  store: Store, deviceId: DeviceId, only?: ConversationId,
): Promise<readonly Subscription[]> => {
  const rows = await store.selectFrom('memberships')
    .innerJoin('conversations', 'conversations.conversation_id', 'memberships.conversation_id')
    .leftJoin('cursors', (join) => join.onRef('cursors.conversation_id', '=', 'memberships.conversation_id')
      .onRef('cursors.device_id', '=', 'memberships.device_id'))
    .select(['memberships.conversation_id', 'memberships.until_seq', 'conversations.last_seq', 'cursors.acknowledged_seq'])
    .where('memberships.device_id', '=', deviceId)
    .$if(only !== undefined, (query) => query.where('memberships.conversation_id', '=', only ?? ('' as ConversationId)))
    .orderBy('memberships.from_seq').execute()
  const latest = new Map(rows.map((row) => [row.conversation_id, row]))
  return [...latest.values()].map((row) => ({
    conversationId: row.conversation_id, lastSeq: row.until_seq ?? row.last_seq, untilSeq: row.until_seq ?? undefined,
    acknowledgedSeq: row.acknowledged_seq ?? 0,
  }))
}
