/**
 * Devices of the community: the directory, and revocation as one act.
 */
import { type AccountId, AuditEvent, type DeviceId, type DeviceRevocation, type Directory, listedDevices, type Nothing, ProtocolError } from '@famichat/protocol'
import { dropUnreferencedBodies } from '../delivery/welcomes.js'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'
import type { AfterCommit } from '../storage/write-queue.js'
import { recordAudit } from './audit.js'
import { appendDeviceList, countDeviceLists } from './device-lists.js'
import { isGuardianOf } from './families.js'
import { dropTokens } from './tokens.js'

type DirectoryDevice = Directory['accounts'][number]['devices'][number]

/** Everybody, with their devices' certificates; revoked devices are marked, so that members remove them. */
export const readDirectory = async (services: Services): Promise<Directory> => {
  const { read } = services.database
  const accounts = await read.selectFrom('accounts').selectAll().orderBy('created_at_ms').orderBy('account_id').execute()
  const rows = await read.selectFrom('devices').select(['device_id', 'account_id', 'certificate', 'approved_at_ms', 'revoked_at_ms'])
    .orderBy('created_at_ms').orderBy('device_id').execute()
  const families = await read.selectFrom('families').selectAll().orderBy('created_at_ms').orderBy('family_id').execute()
  const listNumbers = await countDeviceLists(read)
  const devicesOf = new Map<string, DirectoryDevice[]>()
  for (const row of rows) {
    const devices = devicesOf.get(row.account_id) ?? []
    devices.push({ deviceId: row.device_id, certificate: row.certificate, isRevoked: row.revoked_at_ms !== null, isPending: row.approved_at_ms === null })
    devicesOf.set(row.account_id, devices)
  }
  return {
    families: families.map(({ family_id, name }) => ({ familyId: family_id, familyName: name })),
    accounts: accounts.map((row) => ({
      accountId: row.account_id, accountName: row.name, accountKey: row.account_key, deviceListNumber: listNumbers.get(row.account_id) ?? 0, role: row.role,
      familyId: row.family_id, familyRole: row.family_role, isEnded: row.ended_at_ms !== null,
      devices: devicesOf.get(row.account_id) ?? [],
    })),
  }
}

/**
 * Revokes a device of the caller's account, whose next device list has it no more, or of a child the caller is the guardian
 * of: its tokens, KeyPackages, links and waiting Welcomes go in one transaction, then its channels are closed. Doing it twice
 * is harmless. A device that was listed and never came is taken off the list.
 * @throws ProtocolError `protocol.access.refused` for any other device | `protocol.device_list.*`
 */
export const revokeDevice = (services: Services, caller: AuthenticatedDevice, { deviceId, deviceList }: DeviceRevocation): Promise<Nothing> =>
  services.database.write.write(async (store, afterCommit) => {
    if (deviceList !== undefined) await unlist(store, caller, deviceId, deviceList)
    const device = deviceList === undefined ? await readDevice(store, deviceId) : await findDevice(store, deviceId)
    if (device === undefined) return {}
    const isOwn = device.account_id === caller.accountId
    if (!isOwn && !(await isGuardianOf(store, caller, device.account_id))) throw new ProtocolError('protocol.access.refused')
    if (isOwn && deviceList === undefined && device.revoked_at_ms === null) throw new ProtocolError('protocol.device_list.refused')
    if (device.revoked_at_ms !== null) return {}
    await recordAudit(store, { atMs: services.clock.nowMs(), event: AuditEvent.deviceRevoked, actor: caller.accountId, subject: deviceId })
    await shutOut(services, { store, afterCommit }, [deviceId])
    return {}
  })

/** Ends what devices have at the server, in the transaction of the act: tokens, KeyPackages, links, waiting Welcomes, then their channels. */
export const shutOut = async (
  services: Services, { store, afterCommit }: { readonly store: Store; readonly afterCommit: AfterCommit }, deviceIds: readonly DeviceId[],
): Promise<void> => {
  if (deviceIds.length === 0) return
  await store.updateTable('devices').set({ revoked_at_ms: services.clock.nowMs() }).where('device_id', 'in', deviceIds).execute()
  for (const deviceId of deviceIds) await dropTokens(store, deviceId)
  for (const table of ['key_packages', 'links', 'welcomes'] as const) await store.deleteFrom(table).where('device_id', 'in', deviceIds).execute()
  await dropUnreferencedBodies(store)
  afterCommit(() => { for (const deviceId of deviceIds) services.events.signedOut(deviceId) })
}

/**
 * Lets a child's device in. Doing it twice is harmless.
 * @throws ProtocolError `protocol.access.refused` unless the caller is a guardian of the child
 */
export const approveDevice = (services: Services, caller: AuthenticatedDevice, deviceId: DeviceId): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    const device = await readDevice(store, deviceId)
    if (device.revoked_at_ms !== null || !(await isGuardianOf(store, caller, device.account_id))) throw new ProtocolError('protocol.access.refused')
    if (device.approved_at_ms !== null) return {}
    const nowMs = services.clock.nowMs()
    await store.updateTable('devices').set({ approved_at_ms: nowMs }).where('device_id', '=', deviceId).execute()
    await recordAudit(store, { atMs: nowMs, event: AuditEvent.deviceApproved, actor: caller.accountId, subject: deviceId })
    return {}
  })

/** The caller's next list has this device no more. */
const unlist = async (store: Store, { accountId }: AuthenticatedDevice, deviceId: DeviceId, deviceList: Uint8Array): Promise<void> => {
  const { account_key: accountKey } = await store.selectFrom('accounts').select('account_key').where('account_id', '=', accountId).executeTakeFirstOrThrow()
  const state = await appendDeviceList(store, { accountId, accountKey }, deviceList, deviceId)
  if (listedDevices(state).some((device) => device.deviceId === deviceId)) throw new ProtocolError('protocol.device_list.refused')
}

interface DeviceRow {
  readonly account_id: AccountId
  readonly approved_at_ms: number | null
  readonly revoked_at_ms: number | null
}

const findDevice = (store: Store, deviceId: DeviceId): Promise<DeviceRow | undefined> =>
  store.selectFrom('devices').select(['account_id', 'approved_at_ms', 'revoked_at_ms']).where('device_id', '=', deviceId).executeTakeFirst()

const readDevice = async (store: Store, deviceId: DeviceId): Promise<DeviceRow> => {
  const device = await findDevice(store, deviceId)
  if (device === undefined) throw new ProtocolError('protocol.access.refused')
  return device
}
