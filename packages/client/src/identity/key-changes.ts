/**
 * Keys that changed: the server shows another account key for somebody than the one this device knows. It is written down
 * until a person acknowledges it, whatever the server shows later.
 */
import { equal } from '@famichat/base'
import type { AccountId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { decodeRecord, encodeRecord, KeyChangeRecord, PinRecord, VerificationRecord } from '../store/records.js'
import type { Change, Store } from '../store/store.js'
import type { AccountIdentity } from './safety-number.js'

/** The accounts whose keys changed and are not acknowledged. */
export const readKeyChanges = async (store: Store): Promise<ReadonlySet<AccountId>> =>
  new Set((await store.list('keyChanges', { prefix: '' })).map(({ key }) => key as AccountId))

/** How and when a person was verified on this device. */
export const readVerification = async (store: Store, accountId: AccountId): Promise<VerificationRecord | undefined> => {
  const stored = await store.get('verifications', accountId)
  return stored && decodeRecord(VerificationRecord, stored)
}

/** Compares a directory with the keys that are pinned. @returns what to write, and whose key is seen to have changed now */
export const findKeyChanges = async (
  store: Store, accounts: readonly AccountIdentity[], nowMs: number,
): Promise<{ readonly changes: readonly Change[]; readonly changed: readonly AccountId[] }> => {
  const known = await readKeyChanges(store)
  const pins = new Map((await store.list('pins', { prefix: '' })).map(({ key, value }) => [key, decodeRecord(PinRecord, value).accountKey]))
  const changed = accounts.filter(({ accountId, accountKey }) => {
    const pinned = pins.get(accountId)
    return !known.has(accountId) && pinned !== undefined && !equal(pinned, accountKey)
  }).map(({ accountId }) => accountId)
  const value = encodeRecord(KeyChangeRecord, { seenAtMs: nowMs })
  return { changed, changes: changed.map((key) => ({ table: 'keyChanges', key, value })) }
}

/** Refuses to say anything to people whose verified key changed (E16). @throws ClientError `client.member.key_changed` */
export const requireUnchanged = async (store: Store, accounts: readonly AccountId[]): Promise<void> => {
  const changed = await readKeyChanges(store)
  if (changed.size === 0) return
  for (const accountId of accounts) {
    if (changed.has(accountId) && await readVerification(store, accountId) !== undefined) throw new ClientError('client.member.key_changed', { accountId })
  }
}
