/**
 * Guests: devices that may read and write until a time that a member's commit named. When it is over, nothing more is
 * delivered to them, whether or not a member has removed them yet; commits are, so that they learn of it.
 */
import { type CommitSubmission, type ConversationId, type DeviceId, ProtocolError } from '@famichat/protocol'
import type { Store } from '../storage/open-database.js'
import { reusableQuery, type ValueOf } from '../storage/reusable-query.js'

const findExpired = reusableQuery((store, value: ValueOf<{ conversationId: ConversationId; nowMs: number }>) =>
  openGuests(store, value('conversationId')).select('guests.device_id').where('until_ms', '<=', value('nowMs')))

/** Devices of a conversation whose time is over. */
export const readExpired = async (store: Store, conversationId: ConversationId, nowMs: number): Promise<readonly DeviceId[]> => {
  const rows = await findExpired(store, { conversationId, nowMs })
  return rows.map(({ device_id }) => device_id)
}

/** @throws ProtocolError `protocol.access.refused` for a guest whose time is over */
export const refuseExpired = (expired: readonly DeviceId[], deviceId: DeviceId): void => {
  if (expired.includes(deviceId)) throw new ProtocolError('protocol.access.refused')
}

/** A commit says who is a guest now; others who are in are not any more. Who is out keeps the end of that period. */
export const storeGuests = async (store: Store, { conversationId, guests }: CommitSubmission): Promise<void> => {
  const before = await openGuests(store, conversationId).select(['guests.device_id', 'guests.from_seq']).execute()
  for (const { device_id, from_seq } of before) {
    await store.deleteFrom('guests').where('conversation_id', '=', conversationId).where('device_id', '=', device_id).where('from_seq', '=', from_seq).execute()
  }
  for (const { deviceId, untilMs } of guests) {
    await store.insertInto('guests').columns(['conversation_id', 'device_id', 'from_seq', 'until_ms'])
      .expression((eb) => eb.selectFrom('memberships').select(['conversation_id', 'device_id', 'from_seq', eb.val(untilMs).as('until_ms')])
        .where('conversation_id', '=', conversationId).where('device_id', '=', deviceId).where('until_seq', 'is', null))
      .onConflict((conflict) => conflict.doNothing()).execute()
  }
}

const openGuests = (store: Store, conversationId: ConversationId) =>
  store.selectFrom('guests').innerJoin('memberships', (join) => join.onRef('memberships.conversation_id', '=', 'guests.conversation_id')
    .onRef('memberships.device_id', '=', 'guests.device_id').onRef('memberships.from_seq', '=', 'guests.from_seq'))
    .where('guests.conversation_id', '=', conversationId).where('memberships.until_seq', 'is', null)
