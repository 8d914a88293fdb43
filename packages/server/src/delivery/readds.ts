/**
 * Requests to be added afresh: a device whose state of a conversation is broken says so, and members hear of it: those who are
 * connected at once, others when they sync. The server only passes it on: whether a device belongs there is for the members to judge.
 */
import type { Clock } from '@famichat/base'
import { type AccountId, LIMITS, type Nothing, type ConversationId, type DeviceId, ProtocolError, type ReaddList, type ReaddRequest } from '@famichat/protocol'
import { type Rate, type RateLimits, TokenBuckets } from '../rate-limits.js'
import type { AuthenticatedDevice, DeliveryEvents, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { reusableQuery, type ValueOf } from '../storage/reusable-query.js'
import { hasBeenIn } from './conversations.js'
import { storeRefusal } from './refusals.js'

/** Members of a conversation are told no more often than this, however many ask: they fetch who asks a while later (`readdRequested`). */
const TOLD_RATE: Rate = { burst: 1, perSecond: 1 }

/** Who asks for what. */
export interface Asking {
  readonly conversationId: ConversationId
  readonly deviceId: DeviceId
}

/** Tells connected members of requests that are new, so often and no more (S49): the others wait in the list until members sync. */
export class ReaddCalls {
  readonly #events: DeliveryEvents
  readonly #asking: TokenBuckets
  readonly #told: TokenBuckets

  constructor({ events, clock, rateLimits }: { readonly events: DeliveryEvents; readonly clock: Clock; readonly rateLimits: RateLimits }) {
    this.#events = events
    this.#asking = new TokenBuckets(clock, rateLimits.readd)
    this.#told = new TokenBuckets(clock, TOLD_RATE)
  }

  /** What has just become durable. */
  tell(requests: readonly Asking[]): void {
    for (const { conversationId, deviceId } of requests) {
      if (this.#asking.take(`${conversationId} ${deviceId}`) && this.#told.take(conversationId)) this.#events.readdRequested(conversationId, deviceId)
    }
  }
}

/** The calling device asks the members of a conversation it is in, or was in before. @throws ProtocolError `protocol.access.refused` */
export const requestReadd = (
  services: Services, { deviceId }: AuthenticatedDevice, { request, calls }: { readonly request: ReaddRequest; readonly calls: ReaddCalls },
): Promise<Nothing> =>
  services.database.write.write(async (store, afterCommit) => {
    const { conversationId, refusal } = request
    // whether somebody who was removed may come back, is for the members to judge
    if (!(await hasBeenIn(store, conversationId, deviceId))) throw new ProtocolError('protocol.access.refused')
    const nowMs = services.clock.nowMs()
    if (refusal !== undefined) await storeRefusal(store, { conversationId, deviceId }, refusal, nowMs)
    const isNew = await insertReadd(store, { conversationId, deviceId }, nowMs)
    if (isNew) afterCommit(() => { calls.tell([{ conversationId, deviceId }]) })
    return {}
  })

/** @returns false when it asks already */
const insertReadd = async (store: Store, { conversationId, deviceId }: Asking, nowMs: number): Promise<boolean> => {
  const { numInsertedOrUpdatedRows } = await store.insertInto('readds')
    .values({ conversation_id: conversationId, device_id: deviceId, requested_at_ms: nowMs })
    .onConflict((conflict) => conflict.doNothing()).executeTakeFirstOrThrow()
  return numInsertedOrUpdatedRows === 1n
}

/** A new device of an account asks the members of every conversation that a device of this account is in. @returns what is new */
export const requestEntry = async (
  store: Store, { accountId, deviceId }: { readonly accountId: AccountId; readonly deviceId: DeviceId }, nowMs: number,
): Promise<readonly Asking[]> => {
  const conversations = await store.selectFrom('memberships').innerJoin('devices', 'devices.device_id', 'memberships.device_id')
    .select('memberships.conversation_id').distinct().where('devices.account_id', '=', accountId).where('memberships.until_seq', 'is', null).execute()
  const requests = conversations.map(({ conversation_id }): Asking => ({ conversationId: conversation_id, deviceId }))
  const fresh: Asking[] = []
  for (const request of requests) if (await insertReadd(store, request, nowMs)) fresh.push(request)
  return fresh
}

/** Who asks, in the conversations the calling device is in. */
export const listReadds = async (services: Services, { deviceId }: AuthenticatedDevice): Promise<ReaddList['requests']> => {
  const rows = await services.database.read.selectFrom('readds')
    .innerJoin('memberships', 'memberships.conversation_id', 'readds.conversation_id')
    .select(['readds.conversation_id', 'readds.device_id'])
    .where('memberships.device_id', '=', deviceId).where('memberships.until_seq', 'is', null)
    .where('readds.device_id', '!=', deviceId).orderBy('readds.requested_at_ms').limit(LIMITS.devicesPerConversation).execute()
  return rows.map((row) => ({ conversationId: row.conversation_id, deviceId: row.device_id }))
}

const findAsked = reusableQuery((store, value: ValueOf<{ deviceId: DeviceId }>) =>
  store.selectFrom('readds').innerJoin('memberships', 'memberships.conversation_id', 'readds.conversation_id').select('readds.conversation_id').distinct()
    .where('memberships.device_id', '=', value('deviceId')).where('memberships.until_seq', 'is', null).where('readds.device_id', '!=', value('deviceId')))

/** Where somebody asks, of the conversations a device is in; asked for whenever one connects. */
export const listAsked = async (store: Store, deviceId: DeviceId): Promise<readonly ConversationId[]> =>
  (await findAsked(store, { deviceId })).map(({ conversation_id }) => conversation_id)

/** A commit removed the device's old leaf, or let the device in: the request is served, or void. */
export const dropReadd = async (store: Store, conversationId: ConversationId, deviceId: DeviceId): Promise<void> => {
  await store.deleteFrom('readds').where('conversation_id', '=', conversationId).where('device_id', '=', deviceId).execute()
}
