/**
 * Commits that a device could not take: it says so, signed, with its request to be added afresh, and whoever made the commit hears of it
 * (E3b). The server passes it on to that device alone; what it says is for that device to judge.
 */
import { type CommitRefusal, type ConversationId, type DeviceId, LIFETIMES, LIMITS, type ReaddList } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { epochNumber } from './append.js'

/** Keeps the last one of each device in each conversation. */
export const storeRefusal = async (
  store: Store, { conversationId, deviceId }: { readonly conversationId: ConversationId; readonly deviceId: DeviceId }, { seq, epoch, commitHash, signature }: CommitRefusal, nowMs: number,
): Promise<void> => {
  const row = { seq, epoch: epochNumber(epoch), commit_hash: commitHash, signature, refused_at_ms: nowMs }
  await store.insertInto('refusals').values({ conversation_id: conversationId, device_id: deviceId, ...row })
    .onConflict((conflict) => conflict.columns(['conversation_id', 'device_id']).doUpdateSet(row)).execute()
}

/** Who could not take what the calling device committed, as long as messages are kept, newest first. */
export const listRefusals = async ({ database, clock }: Services, { deviceId }: AuthenticatedDevice): Promise<ReaddList['refusals']> => {
  const rows = await database.read.selectFrom('refusals')
    .innerJoin('envelopes', (join) => join.onRef('envelopes.conversation_id', '=', 'refusals.conversation_id').onRef('envelopes.seq', '=', 'refusals.seq'))
    .select(['refusals.conversation_id', 'refusals.device_id', 'refusals.seq', 'refusals.epoch', 'refusals.commit_hash', 'refusals.signature'])
    .where('envelopes.sender_device', '=', deviceId).where('refusals.device_id', '!=', deviceId)
    .where('refusals.refused_at_ms', '>', clock.nowMs() - LIFETIMES.messageMs)
    .orderBy('refusals.refused_at_ms', 'desc').limit(LIMITS.refusalsListed).execute()
  return rows.map(({ conversation_id: conversationId, device_id, seq, epoch, commit_hash: commitHash, signature }) =>
    ({ conversationId, deviceId: device_id, refusal: { seq, epoch: BigInt(epoch), commitHash, signature } }))
}
