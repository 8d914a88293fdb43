/**
 * Entries that come back: a server restored from a backup lost the end of each log, devices that had taken it give it back.
 * They are appended in their order, each once, whoever brings it; MLS lets members tell what is authentic.
 */
import { equal, isCodedError } from '@famichat/base'
import { ContentType, type ConversationId, type DeviceId, Encryption, idToBytes, type LogReturn, type Nothing, ProtocolError } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { epochNumber, findAcceptance, insertEnvelope, inspectOrRefuse } from './append.js'
import { takeEpoch } from './commits.js'
import { readJoinedConversation } from './conversations.js'

type Returned = LogReturn['entries'][number]

/**
 * Appends what is missing; what is there already is passed over, and so is everything when nothing was lost.
 * @throws ProtocolError `protocol.message.malformed` | `protocol.access.refused`
 */
export const returnEntries = (services: Services, caller: AuthenticatedDevice, { conversationId, entries }: LogReturn): Promise<Nothing> => {
  for (const entry of entries) validateReturned(conversationId, entry)
  return services.database.write.write(async (store, afterCommit) => {
    await readJoinedConversation(store, caller.deviceId, conversationId)
    const restored = await store.selectFrom('conversations').select(['creator', 'restored_after_seq', 'resumes_after_seq'])
      .where('conversation_id', '=', conversationId).executeTakeFirstOrThrow()
    for (const { envelope: { header, message }, added, removed } of entries) {
      const isLost = header.seq > (restored.restored_after_seq ?? Infinity) && header.seq <= (restored.resumes_after_seq ?? 0)
      if (!isLost) continue
      // a device that came after the backup is not known any more; its entries are as good
      const senderDevice = await isKnown(store, header.senderDevice) ? header.senderDevice : restored.creator
      if (await findAcceptance(store, { senderDevice, messageId: header.messageId, conversationId, message }) !== undefined) continue
      const isCommit = header.contentType === ContentType.commit
      const seq = isCommit ? await takeOpenEpoch(store, conversationId, epochNumber(header.epoch)) : await takeSeq(store, conversationId)
      // the log took another course meanwhile: who cannot follow it asks to be added afresh, and says again what others cannot read
      if (seq === undefined) continue
      const appended = { ...header, seq, senderDevice, createdAtMs: Math.min(header.createdAtMs, services.clock.nowMs()) }
      await insertEnvelope(store, appended, message)
      if (isCommit) await changeRoster(store, { conversationId, seq, added, removed })
      afterCommit(() => {
        if (isCommit) services.events.rosterChanged({ conversationId, seq, added, removed })
        services.events.appended(appended, message, [])
      })
    }
    return {}
  })
}

/** The entry says of the message what the message says of itself. @throws ProtocolError `protocol.message.malformed` */
const validateReturned = (conversationId: ConversationId, { envelope: { header, message } }: Returned): void => {
  const isPlain = header.encryption === Encryption.none && header.contentType === ContentType.application && header.epoch === 0n
  const isGood = header.conversationId === conversationId && (isPlain || isItsMessage(conversationId, { header, message }))
  if (!isGood) throw new ProtocolError('protocol.message.malformed')
}

const isItsMessage = (conversationId: ConversationId, { header, message }: Returned['envelope']): boolean => {
  const inspected = inspectOrRefuse(message)
  return inspected.kind === 'private' && ContentType[inspected.contentType] === header.contentType && inspected.epoch === header.epoch
    && equal(inspected.groupId, idToBytes(conversationId))
}

const isKnown = async (store: Store, deviceId: DeviceId): Promise<boolean> =>
  await store.selectFrom('devices').select('device_id').where('device_id', '=', deviceId).executeTakeFirst() !== undefined

/** The place of a commit; nothing if another one ended its epoch, or one before it is missing. */
const takeOpenEpoch = async (store: Store, conversationId: ConversationId, epoch: number): Promise<number | undefined> => {
  try {
    return await takeEpoch(store, conversationId, epoch)
  } catch (error) {
    if (isCodedError(error, 'protocol.epoch.conflict') || isCodedError(error, 'protocol.epoch.unknown')) return undefined
    throw error
  }
}

const takeSeq = async (store: Store, conversationId: ConversationId): Promise<number> =>
  (await store.updateTable('conversations').set((eb) => ({ last_seq: eb('last_seq', '+', 1) }))
    .where('conversation_id', '=', conversationId).returning('last_seq').executeTakeFirstOrThrow()).last_seq

interface RosterReturn {
  readonly conversationId: ConversationId
  readonly seq: number
  readonly added: readonly DeviceId[]
  readonly removed: readonly DeviceId[]
}

/** Devices that the server does not know, or that are revoked, are left out: nothing is delivered to them. */
const changeRoster = async (store: Store, { conversationId, seq, added, removed }: RosterReturn): Promise<void> => {
  for (const deviceId of removed) {
    await store.updateTable('memberships').set({ until_seq: seq })
      .where('conversation_id', '=', conversationId).where('device_id', '=', deviceId).where('until_seq', 'is', null).execute()
  }
  for (const deviceId of added) {
    const device = await store.selectFrom('devices').select('device_id').where('device_id', '=', deviceId)
      .where('approved_at_ms', 'is not', null).where('revoked_at_ms', 'is', null).executeTakeFirst()
    if (device === undefined) continue
    await store.insertInto('memberships').values({ conversation_id: conversationId, device_id: deviceId, from_seq: seq + 1, until_seq: null })
      .onConflict((conflict) => conflict.doNothing()).execute()
  }
}
