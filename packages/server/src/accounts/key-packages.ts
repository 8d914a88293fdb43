/**
 * KeyPackages: checked on upload, handed out once each (a last-resort one excepted), atomically (E19).
 */
import { equal, isCodedError } from '@famichat/base'
import {
  type ClaimedKeyPackages, type DeviceId, type KeyPackageClaim, type KeyPackageCount, LIFETIMES, LIMITS, ProtocolError,
} from '@famichat/protocol'
import { inspectKeyPackage, type InspectedKeyPackage } from '@famichat/mls/inspect'
import type { AuthenticatedDevice, Services } from '../services.js'
import { sha256 } from '../signatures.js'
import type { Store } from '../storage/open-database.js'

/** The suites whose signatures are Ed25519, as device keys are. */
const SUITES: readonly number[] = [1, 3]

/** A KeyPackage that may be stored for its device. */
export interface CheckedKeyPackage {
  readonly hash: Uint8Array
  readonly bytes: Uint8Array
  readonly isLastResort: boolean
  readonly notAfterMs: number
}

/** Checks suite, owner and lifetime of each. @throws ProtocolError `protocol.key_package.refused` */
export const checkKeyPackages = (
  keyPackages: readonly Uint8Array[], signatureKey: Uint8Array, nowMs: number,
): readonly CheckedKeyPackage[] =>
  keyPackages.map((bytes) => {
    const { cipherSuite, signatureKey: named, notBefore, notAfter, isLastResort } = inspect(bytes)
    const notAfterMs = Number(notAfter) * 1000
    const notBeforeMs = Number(notBefore) * 1000
    const isTimely = notBeforeMs <= nowMs + LIFETIMES.clockSkewMs && notAfterMs > nowMs
      && notAfterMs - notBeforeMs <= LIFETIMES.keyPackageMs
    if (!SUITES.includes(cipherSuite) || !equal(named, signatureKey) || !isTimely) {
      throw new ProtocolError('protocol.key_package.refused', { cipherSuite, isTimely })
    }
    return { hash: sha256(bytes), bytes, isLastResort, notAfterMs }
  })

/** Stores checked KeyPackages. One seen before, even if handed out since, is not stored again. */
export const storeKeyPackages = async (
  store: Store, deviceId: DeviceId, checked: readonly CheckedKeyPackage[], nowMs: number,
): Promise<KeyPackageCount> => {
  await store.deleteFrom('key_packages').where('device_id', '=', deviceId).where('not_after_ms', '<=', nowMs).execute()
  for (const { hash, bytes, isLastResort, notAfterMs } of checked) {
    if (isLastResort) {
      await store.deleteFrom('key_packages').where('device_id', '=', deviceId).where('is_last_resort', '=', 1).execute()
    }
    await store.insertInto('key_packages').values({
      key_package_hash: hash, device_id: deviceId, key_package: bytes, is_last_resort: isLastResort ? 1 : 0,
      not_after_ms: notAfterMs, created_at_ms: nowMs,
    }).onConflict((conflict) => conflict.doNothing()).execute()
  }
  const count = await countKeyPackages(store, deviceId, nowMs)
  if (count.available > LIMITS.keyPackagesPerDevice) throw new ProtocolError('protocol.key_package.too_many', { available: count.available })
  return count
}

/** Adds KeyPackages of the calling device. */
export const uploadKeyPackages = (
  services: Services, caller: AuthenticatedDevice, keyPackages: readonly Uint8Array[],
): Promise<KeyPackageCount> => {
  const nowMs = services.clock.nowMs()
  const checked = checkKeyPackages(keyPackages, caller.signatureKey, nowMs)
  return services.database.write.write((store) => storeKeyPackages(store, caller.deviceId, checked, nowMs))
}

/** What a device has left. */
export const countKeyPackages = async (store: Store, deviceId: DeviceId, nowMs: number): Promise<KeyPackageCount> => {
  const rows = await store.selectFrom('key_packages').select(['is_last_resort', (eb) => eb.fn.countAll<number>().as('rows')])
    .where('device_id', '=', deviceId).where('key_package', 'is not', null).where('not_after_ms', '>', nowMs)
    .groupBy('is_last_resort').execute()
  const of = (isLastResort: number): number => rows.find((row) => row.is_last_resort === isLastResort)?.rows ?? 0
  return { available: of(0), hasLastResort: of(1) > 0 }
}

/** Takes one KeyPackage for each wanted device of an account. @throws ProtocolError `protocol.access.refused` for no such account */
export const claimKeyPackages = (
  services: Services, caller: AuthenticatedDevice, { accountId, deviceIds }: KeyPackageClaim,
): Promise<ClaimedKeyPackages> => {
  const nowMs = services.clock.nowMs()
  return services.database.write.write(async (store) => {
    const devices = await store.selectFrom('devices').select('device_id').where('account_id', '=', accountId)
      .where('approved_at_ms', 'is not', null).where('revoked_at_ms', 'is', null).orderBy('created_at_ms').execute()
    const active = devices.map((row) => row.device_id)
    const wanted = deviceIds.length === 0 ? active.filter((id) => id !== caller.deviceId) : [...new Set(deviceIds)]
    if (active.length === 0 || wanted.some((id) => !active.includes(id))) throw new ProtocolError('protocol.access.refused')
    const claimed: ClaimedKeyPackages['claimed'][number][] = []
    const exhausted: DeviceId[] = []
    for (const deviceId of wanted) {
      const taken = await takeOne(store, deviceId, nowMs)
      if (taken === undefined) exhausted.push(deviceId)
      else claimed.push({ deviceId, ...taken })
    }
    return { claimed, exhausted }
  })
}

const takeOne = async (
  store: Store, deviceId: DeviceId, nowMs: number,
): Promise<{ keyPackage: Uint8Array; isLastResort: boolean } | undefined> => {
  const row = await store.selectFrom('key_packages').selectAll().where('device_id', '=', deviceId)
    .where('key_package', 'is not', null).where('not_after_ms', '>', nowMs)
    .orderBy('is_last_resort').orderBy('created_at_ms').orderBy('key_package_hash').limit(1).executeTakeFirst()
  if (row?.key_package === undefined || row.key_package === null) return undefined
  const isLastResort = row.is_last_resort === 1
  if (!isLastResort) {
    await store.updateTable('key_packages').set({ key_package: null }).where('key_package_hash', '=', row.key_package_hash).execute()
  }
  return { keyPackage: row.key_package, isLastResort }
}

const inspect = (bytes: Uint8Array): InspectedKeyPackage => {
  try {
    return inspectKeyPackage(bytes)
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ProtocolError('protocol.key_package.refused', { reason: cause.code }, { cause })
  }
}
