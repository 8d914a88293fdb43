/**
 * Device lists: each account's signed versions, appended one after the other and never changed. The server holds them against
 * each other, so that an honest one serves no fork; that nobody else's key signed them is for clients to know (E13).
 */
import { equal } from '@famichat/base'
import {
  type AccountId, type DeviceCertificate, type DeviceId, type DeviceListAppend, type DeviceListRead, type DeviceListRecovery, deviceListRequestTbs,
  type DeviceLists, type DeviceListState, followDeviceList, listedDevices, LIMITS, type Nothing, ProtocolError,
} from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import { sha256, verifyEd25519 } from '../signatures.js'
import type { Store } from '../storage/open-database.js'
import type { ChallengeBook } from './tokens.js'

/** Signatures and hashes as this platform has them. */
export const DEVICE_LIST_CHECKS = { verify: verifyEd25519, digest: sha256 }

/** The account whose list it must be. */
interface Owner {
  readonly accountId: AccountId
  readonly accountKey: Uint8Array
}

/**
 * Adds a version. One that is there already is harmless: the answer may have been lost, or the list has gone on since.
 * @param mayGo the only device that may be in it no more
 * @throws ProtocolError `protocol.device_list.conflict` | `protocol.device_list.refused`
 */
export const appendDeviceList = async (store: Store, owner: Owner, bytes: Uint8Array, mayGo?: DeviceId): Promise<DeviceListState> => {
  const versions = (await store.selectFrom('device_lists').select('list').where('account_id', '=', owner.accountId).orderBy('number').execute()).map(({ list }) => list)
  let state: DeviceListState | undefined
  for (const version of versions) state = await followDeviceList(state, version, DEVICE_LIST_CHECKS)
  if (state !== undefined && versions.some((version) => equal(version, bytes))) return state
  const next = await followDeviceList(state, bytes, DEVICE_LIST_CHECKS)
  if (next.accountId !== owner.accountId || !equal(next.accountKey, owner.accountKey)) throw new ProtocolError('protocol.device_list.refused')
  const gone = next.devices.filter(({ removedIn }) => removedIn === next.number)
  if (gone.some(({ deviceId }) => deviceId !== mayGo)) throw new ProtocolError('protocol.device_list.refused')
  await store.insertInto('device_lists').values({ account_id: owner.accountId, number: next.number, list: bytes }).execute()
  return next
}

/** A device of the account lists one that is to come. @throws ProtocolError `protocol.device_list.*` */
export const extendDeviceList = (services: Services, caller: AuthenticatedDevice, { deviceList }: DeviceListAppend): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    const { account_key: accountKey } = await store.selectFrom('accounts').select('account_key').where('account_id', '=', caller.accountId).executeTakeFirstOrThrow()
    await appendDeviceList(store, { accountId: caller.accountId, accountKey }, deviceList)
    return {}
  })

/** Refuses a device that is not in the list under its key since the version its certificate names. @throws ProtocolError `protocol.device_list.refused` */
export const requireListed = (state: DeviceListState, { deviceId, deviceSignatureKey, listNumber }: DeviceCertificate): void => {
  const isListed = listedDevices(state).some((device) =>
    device.deviceId === deviceId && device.listedIn === listNumber && equal(device.deviceSignatureKey, deviceSignatureKey))
  if (!isListed) throw new ProtocolError('protocol.device_list.refused')
}

/** The state after the last version. @throws ProtocolError `protocol.device_list.refused` when there is none */
export const readDeviceListState = async (store: Store, accountId: AccountId): Promise<DeviceListState> => {
  let state: DeviceListState | undefined
  for (const { list } of await store.selectFrom('device_lists').select('list').where('account_id', '=', accountId).orderBy('number').execute()) {
    state = await followDeviceList(state, list, DEVICE_LIST_CHECKS)
  }
  if (state === undefined) throw new ProtocolError('protocol.device_list.refused')
  return state
}

/** Versions after those that the caller knows. */
export const readDeviceLists = async (services: Services, { accounts }: Pick<DeviceListRead, 'accounts'>): Promise<DeviceLists> => {
  const lists: Uint8Array[] = []
  for (const { accountId, afterNumber } of accounts) {
    const room = LIMITS.deviceListsPerRead - lists.length
    const rows = await services.database.read.selectFrom('device_lists').select('list').where('account_id', '=', accountId)
      .where('number', '>', afterNumber).orderBy('number').limit(room + 1).execute()
    lists.push(...rows.slice(0, room).map(({ list }) => list))
    if (rows.length > room) return { lists, hasMore: true }
  }
  return { lists, hasMore: false }
}

/** The same for one account, for who holds its key. @throws ProtocolError `protocol.access.refused` */
export const recoverDeviceLists = async (
  services: Services, challenges: ChallengeBook, { accountId, afterNumber, nonce, signature }: DeviceListRecovery, origins: readonly string[],
): Promise<DeviceLists> => {
  const nowMs = services.clock.nowMs()
  const account = await services.database.read.selectFrom('accounts').select('account_key').where('account_id', '=', accountId).executeTakeFirst()
  const isProved = account !== undefined && challenges.isFresh(nonce, nowMs) && origins.some((origin) =>
    verifyEd25519(account.account_key, deviceListRequestTbs({ origin, nonce, accountId }), signature))
  if (!isProved) throw new ProtocolError('protocol.access.refused')
  challenges.spend(nonce, nowMs)
  return readDeviceLists(services, { accounts: [{ accountId, afterNumber }] })
}

/** How many versions each account has. */
export const countDeviceLists = async (store: Store): Promise<ReadonlyMap<AccountId, number>> => {
  const rows = await store.selectFrom('device_lists').select(['account_id', (eb) => eb.fn.max('number').as('last')]).groupBy('account_id').execute()
  return new Map(rows.map(({ account_id, last }) => [account_id, last]))
}
