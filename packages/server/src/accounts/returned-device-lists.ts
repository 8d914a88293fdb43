/**
 * Device lists that come back: a server restored from a backup lost the last versions, devices that have seen them give them back.
 * Each has to follow from the one before and to be signed by the account: nobody can bring in anything that the account did not say.
 */
import {
  type AccountId, AuditEvent, decodeDeviceList, type DeviceListReturn, type DeviceListState, followDeviceList, listedDevices, type Nothing,
} from '@famichat/protocol'
import type { Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import { recordAudit } from './audit.js'
import { DEVICE_LIST_CHECKS, readDeviceListState } from './device-lists.js'
import { shutOut } from './devices.js'

/**
 * Appends what is missing, and shuts out what the lists have no more; what is there already is passed over, and so are accounts
 * that are not known any more.
 * @throws ProtocolError `protocol.device_list.conflict` | `protocol.device_list.refused`
 */
export const returnDeviceLists = (services: Services, { lists }: DeviceListReturn): Promise<Nothing> =>
  services.database.write.write(async (store, afterCommit) => {
    const states = new Map<AccountId, DeviceListState>()
    for (const list of lists) {
      const { accountId, number } = decodeDeviceList(list)
      if (!(await isKnown(store, accountId))) continue
      const state = states.get(accountId) ?? await readDeviceListState(store, accountId)
      if (number <= state.number) continue
      states.set(accountId, await followDeviceList(state, list, DEVICE_LIST_CHECKS))
      await store.insertInto('device_lists').values({ account_id: accountId, number, list }).execute()
    }
    for (const state of states.values()) await shutOutUnlisted(services, { store, afterCommit }, state)
    return {}
  })

const isKnown = async (store: Store, accountId: AccountId): Promise<boolean> =>
  await store.selectFrom('accounts').select('account_id').where('account_id', '=', accountId).executeTakeFirst() !== undefined

/** What was revoked after the backup is revoked again. */
const shutOutUnlisted = async (services: Services, transaction: Parameters<typeof shutOut>[1], state: DeviceListState): Promise<void> => {
  const { store } = transaction
  const listed = new Set(listedDevices(state).map(({ deviceId }) => deviceId))
  const devices = await store.selectFrom('devices').select('device_id').where('account_id', '=', state.accountId).where('revoked_at_ms', 'is', null).execute()
  const unlisted = devices.map(({ device_id }) => device_id).filter((deviceId) => !listed.has(deviceId))
  for (const deviceId of unlisted) {
    await recordAudit(store, { atMs: services.clock.nowMs(), event: AuditEvent.deviceRevoked, actor: state.accountId, subject: deviceId })
  }
  await shutOut(services, transaction, unlisted)
}
