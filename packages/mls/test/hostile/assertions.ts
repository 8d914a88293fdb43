/**
 * What every hostile test asserts: the typed refusal, the state unchanged, and the honest message accepted afterwards.
 */
import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { type BaseErrorCode, toHex } from '@famichat/base'
import type { Group, MlsErrorCode } from '@famichat/mls'
import { readText, RowStore, type Seat, stagedBy } from '../builders.js'

/** Every code a refusal can carry. */
export type Code = MlsErrorCode | BaseErrorCode

const stores = new WeakMap<Group, RowStore>()

/** All rows a group has written; the group's first call must be here, or nothing may have been taken before. */
export const rowsOf = (group: Group): RowStore => {
  const store = stores.get(group) ?? new RowStore()
  stores.set(group, store)
  store.save(group)
  return store
}

/** Tells that a group was restored from these rows. */
export const restoredFrom = (group: Group, store: RowStore): void => {
  stores.set(group, store)
}

/** A hash over everything a group stores and everything it shows. */
export const stateDigest = (group: Group): string => {
  const hash = createHash('sha256')
  for (const [key, value] of [...rowsOf(group).rows].sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${key}=${toHex(value)};`)
  hash.update(`${group.status} ${group.epoch.toString()} ${group.members.length.toString()} ${group.pendingProposals.length.toString()}`)
  hash.update(`${(group.pendingCommit?.epoch ?? -1n).toString()} ${group.status === 'removed' ? '' : toHex(group.epochAuthenticator)}`)
  return hash.digest('hex')
}

/** `act` is refused with `code`, and the group is as it was. */
export const refuses = async (group: Group, act: () => Promise<unknown>, code: Code): Promise<void> => {
  const before = stateDigest(group)
  await rejects(act, { code })
  equal(stateDigest(group), before, 'a refusal changes nothing')
}

/** A received message is refused with `code`, and the group is as it was. */
export const refusesMessage = (seat: Seat, message: Uint8Array, code: Code): Promise<void> =>
  refuses(seat.group, () => seat.group.process(message), code)

/** A function that does not wait is refused with `code`. */
export const refusesNow = (act: () => unknown, code: Code): void => {
  throws(act, { code })
}

/** The control: an honest commit goes through between two members, and they agree. */
export const honestCommitPasses = async (sender: Seat, ...receivers: readonly Seat[]): Promise<void> => {
  const { commit, staged } = await sender.group.commit()
  const stagedByOthers = await Promise.all(receivers.map(({ group }) => stagedBy(group, commit)))
  receivers.forEach(({ group }, index) => {
    const next = stagedByOthers[index]
    if (next !== undefined) group.merge(next)
  })
  sender.group.merge(staged)
  agree(sender, ...receivers)
}

/** The control: an honest message is read. */
export const honestMessagePasses = async (sender: Seat, receiver: Seat): Promise<void> => {
  equal(await readText(receiver.group, await sender.group.protect(new TextEncoder().encode('honest'))), 'honest')
}

/** All seats have the same epoch in every respect. */
export const agree = (...seats: readonly Seat[]): void => {
  const [first, ...others] = seats
  for (const { group } of others) {
    deepEqual(group.context, first?.group.context)
    deepEqual(group.epochAuthenticator, first?.group.epochAuthenticator)
  }
}
