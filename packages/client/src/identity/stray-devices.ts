/**
 * Stray devices: those in conversations that their account has revoked, or that the server's directory hides. Said in words, and
 * the revoked ones are removed (E18).
 */
import { type AccountId, type DeviceId, listedDevices } from '@famichat/protocol'
import type { ClientErrorCode } from '../client-error.js'
import { type MemberDevice, membersOf } from '../conversation/members.js'
import type { Workspace } from '../conversation/workspace.js'
import { ConversationState } from '../store/records.js'
import type { Store } from '../store/store.js'
import { deviceListsVersion, readDeviceList } from './device-lists.js'
import type { People } from './directory.js'

/** A device that is not as its account or the server says. */
export interface StrayDevice {
  readonly accountId: AccountId
  readonly deviceId: DeviceId
  readonly code: Extract<ClientErrorCode, 'client.device.unlisted' | 'client.device.hidden'>
  /** In how many conversations it is, of how many with this person. */
  readonly conversations: { readonly in: number; readonly of: number }
}

const known = new WeakMap<readonly MemberDevice[], { readonly version: number; readonly unlisted: ReadonlySet<DeviceId> }>()

/** Of some devices those that their account had on its list and has not any more; asked before every message, read when a list or the array is new. */
export const unlistedDevices = async (store: Pick<Store, 'get' | 'version'>, members: readonly MemberDevice[]): Promise<ReadonlySet<DeviceId>> => {
  const version = await deviceListsVersion(store)
  const kept = known.get(members)
  if (kept?.version === version) return kept.unlisted
  const lists = new Map<AccountId, ReadonlySet<DeviceId> | undefined>()
  for (const accountId of new Set(members.map((member) => member.accountId))) {
    const state = await readDeviceList(store, accountId)
    lists.set(accountId, state && new Set(listedDevices(state).map(({ deviceId }) => deviceId)))
  }
  const unlisted = new Set(members.filter(({ accountId, deviceId }) => lists.get(accountId)?.has(deviceId) === false).map(({ deviceId }) => deviceId))
  known.set(members, { version, unlisted })
  return unlisted
}

/** Looks through every conversation that this device is in. */
export const findStrayDevices = async (workspace: Workspace, people: People): Promise<readonly StrayDevice[]> => {
  const seen = await seatsOf(workspace)
  const unlisted = await unlistedDevices(workspace.context.store, [...seen.devices.values()].map(({ device }) => device))
  const shown = new Set(people.accounts.flatMap(({ devices }) => devices.map(({ deviceId }) => deviceId)))
  const { deviceId: ownDevice } = workspace.context.identity
  return [...seen.devices.values()].flatMap(({ device: { accountId, deviceId }, count }): readonly StrayDevice[] => {
    if (deviceId === ownDevice || (!unlisted.has(deviceId) && shown.has(deviceId))) return []
    const code = unlisted.has(deviceId) ? 'client.device.unlisted' : 'client.device.hidden'
    return [{ accountId, deviceId, code, conversations: { in: count, of: seen.accounts.get(accountId) ?? count } }]
  })
}

interface Seats {
  readonly devices: Map<DeviceId, { readonly device: MemberDevice; count: number }>
  readonly accounts: Map<AccountId, number>
}

const seatsOf = async (workspace: Workspace): Promise<Seats> => {
  const seats: Seats = { devices: new Map(), accounts: new Map() }
  for (const { conversationId, record } of await workspace.list()) {
    if (record.state !== ConversationState.active) continue
    const members = await workspace.turn('read', conversationId, ({ group }) => Promise.resolve(group?.status === 'active' ? membersOf(group) : []))
    for (const device of members) {
      const seat = seats.devices.get(device.deviceId) ?? { device, count: 0 }
      seat.count++
      seats.devices.set(device.deviceId, seat)
    }
    for (const accountId of new Set(members.map((member) => member.accountId))) seats.accounts.set(accountId, (seats.accounts.get(accountId) ?? 0) + 1)
  }
  return seats
}
