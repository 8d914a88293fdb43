/**
 * Leaving without a commit: a device is removed by a commit of another member; where no other account has a device left that is not
 * revoked, nobody can make one, and the device says itself that nothing more is to be kept for it.
 */
import { type ConversationId, type Nothing, ProtocolError } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import { hasBeenIn } from './conversations.js'
import { dropReadd } from './readds.js'
import { dropWelcomes } from './welcomes.js'

/** Ends the calling device's time in a conversation. Doing it twice is harmless. @throws ProtocolError `protocol.access.refused` | `protocol.roster.refused` */
export const leaveConversation = (
  services: Services, { accountId, deviceId }: AuthenticatedDevice, { conversationId }: { readonly conversationId: ConversationId },
): Promise<Nothing> =>
  services.database.write.write(async (store, afterCommit) => {
    if (!(await hasBeenIn(store, conversationId, deviceId))) throw new ProtocolError('protocol.access.refused')
    const present = await store.selectFrom('memberships').innerJoin('devices', 'devices.device_id', 'memberships.device_id')
      .select(['devices.device_id', 'devices.account_id', 'devices.revoked_at_ms'])
      .where('memberships.conversation_id', '=', conversationId).where('memberships.until_seq', 'is', null).execute()
    if (!present.some(({ device_id }) => device_id === deviceId)) return {}
    const others = present.filter(({ account_id, revoked_at_ms }) => account_id !== accountId && revoked_at_ms === null).length
    if (others > 0) throw new ProtocolError('protocol.roster.refused', { devices: others })
    const { last_seq: seq } = await store.selectFrom('conversations').select('last_seq').where('conversation_id', '=', conversationId).executeTakeFirstOrThrow()
    await store.updateTable('memberships').set({ until_seq: seq })
      .where('conversation_id', '=', conversationId).where('device_id', '=', deviceId).where('until_seq', 'is', null).execute()
    await dropReadd(store, conversationId, deviceId)
    await dropWelcomes(store, conversationId, [deviceId])
    afterCommit(() => { services.events.rosterChanged({ conversationId, seq, added: [], removed: [deviceId] }) })
    return {}
  })
