/**
 * How far each device has read: stored when it acknowledges, the start of delivery when it resumes.
 */
import type { ConversationId, DeviceId } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { reusableQuery, type ValueOf } from '../storage/reusable-query.js'

/** A conversation to deliver to a device. */
export interface Subscription {
  readonly conversationId: ConversationId
  /** The last entry there is for this device; the end of its last period if it was removed. */
  readonly lastSeq: number
  /** Set when the device is not in the conversation any more. */
  readonly untilSeq: number | undefined
  readonly acknowledgedSeq: number
}

/** Never backwards. */
const moveCursor = reusableQuery((store, value: ValueOf<{ deviceId: DeviceId; conversationId: ConversationId; seq: number }>) =>
  store.insertInto('cursors').values({ device_id: value('deviceId'), conversation_id: value('conversationId'), acknowledged_seq: value('seq') })
    .onConflict((conflict) => conflict.columns(['device_id', 'conversation_id'])
      .doUpdateSet({ acknowledged_seq: value('seq') }).where('cursors.acknowledged_seq', '<', value('seq'))))

/** Stores that the device has everything up to `seq`; going backwards or beyond the log changes nothing. */
export const acknowledge = (
  services: Services, { deviceId }: AuthenticatedDevice, { conversationId, seq }: { conversationId: ConversationId; seq: number },
): Promise<void> =>
  services.database.write.write(async (store) => {
    const periods = await findPeriods(store, { deviceId, conversationId })
    const lastSeq = subscriptionsOf(periods)[0]?.lastSeq ?? 0
    if (seq < 1 || seq > lastSeq) return
    await moveCursor(store, { deviceId, conversationId, seq })
  })

/** All conversations the device is or was in. */
export const readSubscriptions = async (store: Store, deviceId: DeviceId): Promise<readonly Subscription[]> =>
  subscriptionsOf(await selectPeriods(store, deviceId).execute())

const selectPeriods = (store: Store, deviceId: DeviceId) => store.selectFrom('memberships')
  .innerJoin('conversations', 'conversations.conversation_id', 'memberships.conversation_id')
  .leftJoin('cursors', (join) => join.onRef('cursors.conversation_id', '=', 'memberships.conversation_id')
    .onRef('cursors.device_id', '=', 'memberships.device_id'))
  .select(['memberships.conversation_id', 'memberships.until_seq', 'conversations.last_seq', 'cursors.acknowledged_seq'])
  .where('memberships.device_id', '=', deviceId).orderBy('memberships.from_seq')

const findPeriods = reusableQuery((store, value: ValueOf<{ deviceId: DeviceId; conversationId: ConversationId }>) =>
  selectPeriods(store, value('deviceId')).where('memberships.conversation_id', '=', value('conversationId')))

interface Period {
  readonly conversation_id: ConversationId
  readonly until_seq: number | null
  readonly last_seq: number
  readonly acknowledged_seq: number | null
}

/** The latest period in each conversation counts. */
const subscriptionsOf = (periods: readonly Period[]): readonly Subscription[] => {
  const latest = new Map(periods.map((row) => [row.conversation_id, row]))
  return [...latest.values()].map((row) => ({
    conversationId: row.conversation_id, lastSeq: row.until_seq ?? row.last_seq, untilSeq: row.until_seq ?? undefined,
    acknowledgedSeq: row.acknowledged_seq ?? 0,
  }))
}
