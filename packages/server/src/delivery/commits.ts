/**
 * Accepting commits by compare-and-set on the epoch: the commit, its Welcomes, its GroupInfo and the roster change are
 * one transaction; exactly one commit ends each epoch, the others are told which (E1).
 */
import { equal } from '@famichat/base'
import {
  type Acceptance, type CommitSubmission, ContentType, type ConversationId, type DeviceId, Encryption, type EnvelopeHeader,
  idToBytes, isForOneAccount, LIMITS, makeEpochConflict, makeId, ProtocolError, type WelcomeId,
} from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { reusableQuery, type ValueOf } from '../storage/reusable-query.js'
import { epochNumber, findAcceptance, insertEnvelope, inspectOrRefuse } from './append.js'
import { hasBeenIn, type JoinedConversation, readJoinedConversation } from './conversations.js'
import { readExpired, refuseExpired, storeGuests } from './guests.js'
import { dropReadd } from './readds.js'
import { dropWelcomes } from './welcomes.js'

/**
 * Accepts the commit if its epoch is the conversation's; answered once durable. The same again gets the same answer.
 * @throws ProtocolError `protocol.epoch.conflict` with the winner | `protocol.epoch.unknown` | `protocol.roster.refused`
 *   | `protocol.message.malformed` | `protocol.access.refused`
 */
export const acceptCommit = (
  services: Services, sender: AuthenticatedDevice, submission: CommitSubmission,
): Promise<Acceptance> => {
  validateSubmission(submission, sender.deviceId)
  const { conversationId, messageId, commit, added, removed } = submission
  const epoch = epochNumber(submission.epoch)
  return services.database.write.write(async (store, afterCommit) => {
    const earlier = await findAcceptance(store, { senderDevice: sender.deviceId, messageId, conversationId, message: commit })
    if (earlier !== undefined) return earlier
    const conversation = await readJoinedConversation(store, sender.deviceId, conversationId)
    const nowMs = services.clock.nowMs()
    refuseExpired(await readExpired(store, conversationId, nowMs), sender.deviceId)
    const seq = await takeEpoch(store, conversationId, epoch)
    const header = {
      conversationId, seq, senderDevice: sender.deviceId, messageId, encryption: Encryption.mls10,
      contentType: ContentType.commit, epoch: submission.epoch, createdAtMs: nowMs,
    }
    await insertEnvelope(store, header, commit)
    await changeRoster(store, { submission, conversation, seq, sender })
    await storeGuests(store, submission)
    await storeWelcomes(services, store, submission, header)
    if (submission.groupInfo !== undefined) await storeGroupInfo(store, conversationId, epoch + 1, submission.groupInfo)
    afterCommit(() => {
      services.events.rosterChanged({ conversationId, seq, added, removed })
      services.events.appended(header, commit, [])
    })
    return { seq, createdAtMs: header.createdAtMs }
  })
}

const validateSubmission = (submission: CommitSubmission, sender: DeviceId): void => {
  const { conversationId, commit, welcome, groupInfo, epoch, added, removed } = submission
  const header = inspectOrRefuse(commit)
  const isItsCommit = header.kind === 'private' && header.contentType === 'commit'
    && equal(header.groupId, idToBytes(conversationId)) && header.epoch === epoch
  const isComplete = (welcome !== undefined) === (added.length > 0)
  const isDistinct = new Set(added).size === added.length && new Set(removed).size === removed.length
  if (!isItsCommit || !isComplete || !isDistinct || added.includes(sender) || removed.includes(sender)) {
    throw new ProtocolError('protocol.message.malformed')
  }
  if (welcome !== undefined && inspectOrRefuse(welcome).kind !== 'welcome') throw new ProtocolError('protocol.message.malformed')
  if (groupInfo !== undefined && inspectOrRefuse(groupInfo).kind !== 'groupInfo') throw new ProtocolError('protocol.message.malformed')
}

/** The compare-and-set. Returns the seq of the winner: this commit. */
export const takeEpoch = async (store: Store, conversationId: ConversationId, epoch: number): Promise<number> => {
  const taken = await store.updateTable('conversations')
    .set((eb) => ({ epoch: eb('epoch', '+', 1), last_seq: eb('last_seq', '+', 1) }))
    .where('conversation_id', '=', conversationId).where('epoch', '=', epoch).returning('last_seq').executeTakeFirst()
  if (taken !== undefined) return taken.last_seq
  const winner = await store.selectFrom('envelopes').select(['seq', 'epoch']).where('conversation_id', '=', conversationId)
    .where('epoch', '=', epoch).where('content_type', '=', ContentType.commit).executeTakeFirst()
  if (winner === undefined) throw new ProtocolError('protocol.epoch.unknown', { epoch })
  throw makeEpochConflict({ seq: winner.seq, epoch: BigInt(winner.epoch) })
}

interface RosterUpdate {
  readonly submission: CommitSubmission
  readonly conversation: JoinedConversation
  readonly seq: number
  readonly sender: AuthenticatedDevice
}

/** Removed devices read up to the commit, added ones from the next entry on. A device in both is added afresh. */
const changeRoster = async (store: Store, { submission, conversation, seq, sender }: RosterUpdate): Promise<void> => {
  const { conversationId, added, removed } = submission
  for (const deviceId of removed) {
    const { numUpdatedRows } = await store.updateTable('memberships').set({ until_seq: seq })
      .where('conversation_id', '=', conversationId).where('device_id', '=', deviceId).where('until_seq', 'is', null).executeTakeFirst()
    // the members may have in their group whom a restored server has forgotten, or who left by itself: it is out all the same
    const isOut = numUpdatedRows !== 1n
    if (isOut && !(await hasBeenIn(store, conversationId, deviceId)) && !(await wasRestored(store, conversationId))) throw new ProtocolError('protocol.roster.refused')
    await dropReadd(store, conversationId, deviceId)
  }
  for (const deviceId of added) {
    const device = await store.selectFrom('devices').select('account_id').where('device_id', '=', deviceId)
      .where('approved_at_ms', 'is not', null).where('revoked_at_ms', 'is', null).executeTakeFirst()
    const isForeign = isForOneAccount(conversation.kind) && device?.account_id !== sender.accountId
    if (device === undefined || isForeign) throw new ProtocolError('protocol.roster.refused')
    const { numInsertedOrUpdatedRows } = await store.insertInto('memberships')
      .values({ conversation_id: conversationId, device_id: deviceId, from_seq: seq + 1, until_seq: null })
      .onConflict((conflict) => conflict.doNothing()).executeTakeFirst()
    if (numInsertedOrUpdatedRows !== 1n) throw new ProtocolError('protocol.roster.refused')
    await refuseTooManyConversations(store, deviceId)
    await dropReadd(store, conversationId, deviceId)
  }
  if (added.length > 0) await refuseTooManyDevices(store, conversationId)
}

/** Others put a device into conversations without asking it: into no more than it can name when it resumes. */
const refuseTooManyConversations = async (store: Store, deviceId: DeviceId): Promise<void> => {
  const [row] = await countJoined(store, { deviceId })
  if (row !== undefined && row.joined > LIMITS.cursorsPerResume) throw new ProtocolError('protocol.roster.refused', { joined: row.joined })
}

const countJoined = reusableQuery((store, value: ValueOf<{ deviceId: DeviceId }>) =>
  store.selectFrom('memberships').select((eb) => eb.fn.countAll<number>().as('joined'))
    .where('device_id', '=', value('deviceId')).where('until_seq', 'is', null))

const wasRestored = async (store: Store, conversationId: ConversationId): Promise<boolean> =>
  ((await store.selectFrom('conversations').select('restored_after_seq').where('conversation_id', '=', conversationId).executeTakeFirst())?.restored_after_seq ?? null) !== null

const refuseTooManyDevices = async (store: Store, conversationId: ConversationId): Promise<void> => {
  const { devices } = await store.selectFrom('memberships').select((eb) => eb.fn.countAll<number>().as('devices'))
    .where('conversation_id', '=', conversationId).where('until_seq', 'is', null).executeTakeFirstOrThrow()
  if (devices > LIMITS.devicesPerConversation) throw new ProtocolError('protocol.roster.refused', { devices })
}

/** One body, one row per added device; a Welcome of an earlier period that was never fetched is dropped. */
const storeWelcomes = async (
  services: Services, store: Store, { conversationId, welcome, added, removed }: CommitSubmission, header: EnvelopeHeader,
): Promise<void> => {
  await dropWelcomes(store, conversationId, [...new Set([...added, ...removed])])
  if (welcome === undefined) return
  await store.insertInto('welcome_bodies').values({ conversation_id: conversationId, commit_seq: header.seq, welcome }).execute()
  await store.insertInto('welcomes').values(added.map((deviceId) => ({
    welcome_id: makeId<WelcomeId>(services.random), device_id: deviceId, conversation_id: conversationId,
    commit_seq: header.seq, sender_device: header.senderDevice, created_at_ms: header.createdAtMs,
  }))).execute()
}

const storeGroupInfo = async (store: Store, conversationId: ConversationId, epoch: number, groupInfo: Uint8Array): Promise<void> => {
  await store.insertInto('group_infos').values({ conversation_id: conversationId, epoch, group_info: groupInfo })
    .onConflict((conflict) => conflict.column('conversation_id').doUpdateSet({ epoch, group_info: groupInfo })).execute()
}
