/**
 * Devices of the community: the directory, and revocation as one act.
 */
import { type DeviceId, type Directory, type Nothing, ProtocolError } from '@famichat/protocol'
import { dropUnreferencedBodies } from '../delivery/welcomes.js'
import type { AuthenticatedDevice, Services } from '../services.js'

type DirectoryDevice = Directory['accounts'][number]['devices'][number]

/** Everybody, with their devices' certificates; revoked devices are marked, so that members remove them. */
export const readDirectory = async (services: Services): Promise<Directory> => {
  const { read } = services.database
  const accounts = await read.selectFrom('accounts').selectAll().orderBy('created_at_ms').orderBy('account_id').execute()
  const rows = await read.selectFrom('devices').select(['device_id', 'account_id', 'certificate', 'revoked_at_ms'])
    .orderBy('created_at_ms').orderBy('device_id').execute()
  const devicesOf = new Map<string, DirectoryDevice[]>()
  for (const row of rows) {
    const devices = devicesOf.get(row.account_id) ?? []
    devices.push({ deviceId: row.device_id, certificate: row.certificate, isRevoked: row.revoked_at_ms !== null })
    devicesOf.set(row.account_id, devices)
  }
  return {
    accounts: accounts.map((row) => ({
      accountId: row.account_id, accountName: row.name, accountKey: row.account_key, role: row.role,
      devices: devicesOf.get(row.account_id) ?? [],
    })),
  }
}

/**
 * Revokes a device of the caller's account: its tokens, KeyPackages, links and waiting Welcomes go in one transaction,
 * then its channels are closed. Doing it twice is harmless.
 * @throws ProtocolError `protocol.access.refused` for a device that is not the account's
 */
export const revokeDevice = (services: Services, caller: AuthenticatedDevice, deviceId: DeviceId): Promise<Nothing> =>
  services.database.write.write(async (store, afterCommit) => {
    const device = await store.selectFrom('devices').select('revoked_at_ms').where('device_id', '=', deviceId)
      .where('account_id', '=', caller.accountId).executeTakeFirst()
    if (device === undefined) throw new ProtocolError('protocol.access.refused')
    if (device.revoked_at_ms !== null) return {}
    await store.updateTable('devices').set({ revoked_at_ms: services.clock.nowMs() }).where('device_id', '=', deviceId).execute()
    await store.deleteFrom('tokens').where('device_id', '=', deviceId).execute()
    await store.deleteFrom('key_packages').where('device_id', '=', deviceId).execute()
    await store.deleteFrom('links').where('device_id', '=', deviceId).execute()
    await store.deleteFrom('welcomes').where('device_id', '=', deviceId).execute()
    await dropUnreferencedBodies(store)
    afterCommit(() => { services.events.deviceRevoked(deviceId) })
    return {}
  })
