/**
 * Conversations as the server knows them: an id, a kind, an epoch, a log, and which devices it delivers to.
 */
import {
  type ConversationCreation, type ConversationId, type ConversationKind, type ConversationList, type DeviceId, LIMITS,
  type Nothing, ProtocolError, type Roster, type StoredGroupInfo,
} from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { reusableQuery, type ValueOf } from '../storage/reusable-query.js'

/** What a job needs to know of a conversation its device is in. */
export interface JoinedConversation {
  readonly kind: ConversationKind
  readonly epoch: number
  readonly lastSeq: number
}

/** Makes a conversation whose only device is the caller's. @throws ProtocolError `protocol.conversation.exists` */
export const createConversation = (
  services: Services, caller: AuthenticatedDevice, { conversationId, kind }: ConversationCreation,
): Promise<Nothing> =>
  services.database.write.write(async (store, afterCommit) => {
    const existing = await store.selectFrom('conversations').select(['creator', 'kind'])
      .where('conversation_id', '=', conversationId).executeTakeFirst()
    if (existing !== undefined) {
      if (existing.creator === caller.deviceId && existing.kind === kind) return {}
      throw new ProtocolError('protocol.conversation.exists')
    }
    const { joined } = await store.selectFrom('memberships').select((eb) => eb.fn.countAll<number>().as('joined'))
      .where('device_id', '=', caller.deviceId).where('until_seq', 'is', null).executeTakeFirstOrThrow()
    if (joined >= LIMITS.cursorsPerResume) throw new ProtocolError('protocol.rate.limited', { joined })
    await store.insertInto('conversations').values({
      conversation_id: conversationId, kind, epoch: 0, last_seq: 0, creator: caller.deviceId, created_at_ms: services.clock.nowMs(),
    }).execute()
    await store.insertInto('memberships').values({
      conversation_id: conversationId, device_id: caller.deviceId, from_seq: 1, until_seq: null,
    }).execute()
    afterCommit(() => { services.events.conversationCreated(conversationId, caller.deviceId) })
    return {}
  })

const findJoined = reusableQuery((store, value: ValueOf<{ deviceId: DeviceId; conversationId: ConversationId }>) =>
  store.selectFrom('memberships')
    .innerJoin('conversations', 'conversations.conversation_id', 'memberships.conversation_id')
    .innerJoin('devices', 'devices.device_id', 'memberships.device_id')
    .select(['conversations.kind', 'conversations.epoch', 'conversations.last_seq'])
    .where('memberships.conversation_id', '=', value('conversationId')).where('memberships.device_id', '=', value('deviceId'))
    .where('memberships.until_seq', 'is', null).where('devices.revoked_at_ms', 'is', null))

/**
 * The conversation, if this device is in it now and is not revoked.
 * @throws ProtocolError `protocol.access.refused`, the same for one that does not exist
 */
export const readJoinedConversation = async (
  store: Store, deviceId: DeviceId, conversationId: ConversationId,
): Promise<JoinedConversation> => {
  const [row] = await findJoined(store, { deviceId, conversationId })
  if (row === undefined) throw new ProtocolError('protocol.access.refused')
  return { kind: row.kind, epoch: row.epoch, lastSeq: row.last_seq }
}

/** True for a device that is in a conversation, or was. */
export const hasBeenIn = async (store: Store, conversationId: ConversationId, deviceId: DeviceId): Promise<boolean> =>
  await store.selectFrom('memberships').select('from_seq').where('conversation_id', '=', conversationId)
    .where('device_id', '=', deviceId).limit(1).executeTakeFirst() !== undefined

/** The device's conversations, each with its latest period in it. */
export const listConversations = async (services: Services, { deviceId }: AuthenticatedDevice): Promise<ConversationList> => {
  const rows = await services.database.read.selectFrom('memberships')
    .innerJoin('conversations', 'conversations.conversation_id', 'memberships.conversation_id')
    .leftJoin('cursors', (join) => join.onRef('cursors.conversation_id', '=', 'memberships.conversation_id')
      .onRef('cursors.device_id', '=', 'memberships.device_id'))
    .select([
      'conversations.conversation_id', 'conversations.kind', 'conversations.epoch', 'conversations.last_seq',
      'memberships.from_seq', 'memberships.until_seq', 'cursors.acknowledged_seq', 'conversations.restored_after_seq', 'conversations.resumes_after_seq',
    ])
    .where('memberships.device_id', '=', deviceId).orderBy('memberships.from_seq').execute()
  const latest = new Map(rows.map((row) => [row.conversation_id, row]))
  // where the device is comes first: what it left does not push that out
  const ordered = [...latest.values()].sort((a, b) => Number(a.until_seq !== null) - Number(b.until_seq !== null))
  return {
    conversations: ordered.slice(0, LIMITS.cursorsPerResume).map((row) => ({
      conversationId: row.conversation_id, kind: row.kind, epoch: BigInt(row.epoch), lastSeq: row.until_seq ?? row.last_seq,
      fromSeq: row.from_seq, untilSeq: row.until_seq ?? undefined, acknowledgedSeq: row.acknowledged_seq ?? 0,
      restored: row.restored_after_seq === null || row.resumes_after_seq === null ? undefined
        : { afterSeq: row.restored_after_seq, resumesAfterSeq: row.resumes_after_seq },
    })),
  }
}

/** The devices the server delivers to. @throws ProtocolError `protocol.access.refused` */
export const readRoster = async (
  services: Services, caller: AuthenticatedDevice, conversationId: ConversationId,
): Promise<Roster> => {
  const { read } = services.database
  const { epoch } = await readJoinedConversation(read, caller.deviceId, conversationId)
  const rows = await read.selectFrom('memberships').innerJoin('devices', 'devices.device_id', 'memberships.device_id')
    .select(['devices.device_id', 'devices.account_id', 'memberships.from_seq'])
    .where('conversation_id', '=', conversationId).where('until_seq', 'is', null).orderBy('from_seq').execute()
  return {
    epoch: BigInt(epoch),
    devices: rows.map((row) => ({ deviceId: row.device_id, accountId: row.account_id, fromSeq: row.from_seq })),
  }
}

/** The latest GroupInfo, for any device of an account that has a device in the conversation. @throws ProtocolError `protocol.access.refused` */
export const readGroupInfo = async (
  services: Services, caller: AuthenticatedDevice, conversationId: ConversationId,
): Promise<StoredGroupInfo> => {
  const row = await services.database.read.selectFrom('group_infos').select(['epoch', 'group_info'])
    .where('conversation_id', '=', conversationId)
    .where((eb) => eb.exists(eb.selectFrom('memberships').innerJoin('devices', 'devices.device_id', 'memberships.device_id')
      .select('memberships.device_id').whereRef('memberships.conversation_id', '=', 'group_infos.conversation_id')
      .where('memberships.until_seq', 'is', null).where('devices.account_id', '=', caller.accountId)))
    .executeTakeFirst()
  if (row === undefined) throw new ProtocolError('protocol.access.refused')
  return { epoch: BigInt(row.epoch), groupInfo: row.group_info }
}
