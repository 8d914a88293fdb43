/**
 * Whom this device knows by more than the server's word: people it invited, people it verified, people it shares a conversation
 * with. Only they are let into a family's conversation without anybody asking: a directory may name whomever it likes.
 */
import type { AccountId } from '@famichat/protocol'
import { readInvites } from '../identity/invite-secrets.js'
import { ConversationState, InviteState } from '../store/records.js'
import { membersOf } from './members.js'
import type { Workspace } from './workspace.js'

/** The accounts this device knows. */
export const readAcquaintances = async (workspace: Workspace): Promise<ReadonlySet<AccountId>> => {
  const { store } = workspace.context
  const known = new Set<AccountId>()
  for (const { key } of await store.list('verifications', { prefix: '' })) known.add(key as AccountId)
  for (const { record: { state, peer } } of await readInvites(store)) if ((state === InviteState.bound || state === InviteState.spent) && peer !== undefined) known.add(peer)
  for (const { conversationId, record } of await workspace.list()) {
    if (record.state !== ConversationState.active) continue
    const members = await workspace.turn('read', conversationId, ({ group }) => Promise.resolve(group?.status === 'active' ? membersOf(group) : []))
    for (const { accountId } of members) known.add(accountId)
  }
  return known
}
