/**
 * Registration: an account with its first device comes by invite, a further device by a link that a device of the
 * account answered. Both show a certificate of the account key and a signature of the device key. Retrying is harmless.
 */
import { equal } from '@famichat/base'
import {
  type AccountId, AccountRole, AuditEvent, decodeDeviceCertificate, type DeviceCertificate, type DeviceId,
  type DeviceRecovery, type DeviceRegistration, DeviceState, FamilyRole, deviceRegistrationTbs, idToBytes, type InviteId, type JoinRequest, type JoinResponse, LIMITS,
  type LinkId, normalizeAccountName, type Nothing, ProtocolError, validateDeviceCertificate,
} from '@famichat/protocol'
import { type ReaddCalls, requestEntry } from '../delivery/readds.js'
import type { Services } from '../services.js'
import { verifyEd25519 } from '../signatures.js'
import type { Store } from '../storage/open-database.js'
import { recordAudit } from './audit.js'
import { appendDeviceList, readDeviceListState, requireListed } from './device-lists.js'
import { readStanding, requireStillPlaced, takePlace } from './families.js'
import { type InviteProof, validateInvite } from './invites.js'
import { checkKeyPackages, type CheckedKeyPackage, storeKeyPackages } from './key-packages.js'
import { readUsableLink } from './links.js'

interface CheckedDevice {
  readonly certificate: DeviceCertificate
  readonly certificateBytes: Uint8Array
  readonly keyPackages: readonly CheckedKeyPackage[]
  readonly nowMs: number
}

type Registration = Pick<JoinRequest, 'certificate' | 'registrationSignature' | 'keyPackages'>

/** Makes an account and its first device. @throws ProtocolError `protocol.invite.*` | `protocol.name.*` | `protocol.account.exists` … */
export const joinWithInvite = async (
  services: Services, invite: InviteProof, request: JoinRequest, origins: readonly string[],
): Promise<JoinResponse> => {
  const name = normalizeAccountName(request.accountName)
  const device = await checkDevice(services, request, invite.inviteId, origins)
  const { accountId, accountKey } = device.certificate
  return services.database.write.write(async (store) => {
    const invited = await validateInvite(store, invite, device.nowMs)
    if (invited.usedBy !== undefined) return answerRetry(store, device, invited.usedBy)
    if (invited.inviter !== undefined) await requireStillPlaced(store, invited.inviter, invited)
    await refuseTaken(store, device.certificate, name)
    const first = await store.selectFrom('accounts').select('account_id').limit(1).executeTakeFirst()
    const role = first === undefined ? AccountRole.admin : AccountRole.member
    const founder = { accountId, familyName: request.familyName ?? name, nowMs: device.nowMs }
    const { familyId, familyRole } = await takePlace(store, services, invited, founder)
    await store.insertInto('accounts').values({
      account_id: accountId, name, account_key: accountKey, role, created_at_ms: device.nowMs,
      family_id: familyId, family_role: familyRole,
    }).execute()
    requireListed(await appendDeviceList(store, { accountId, accountKey }, request.deviceList), device.certificate)
    await store.updateTable('invites').set({ used_by: accountId, joiner_proof: request.joinerProof ?? null, sealed_device_name: request.sealedDeviceName ?? null }).where('invite_id', '=', invite.inviteId).execute()
    await recordAudit(store, { atMs: device.nowMs, event: AuditEvent.accountJoined, actor: accountId, subject: accountId })
    const deviceState = await insertDevice(store, device, familyRole)
    return { role, familyId, familyRole, deviceState, createdAtMs: device.nowMs }
  })
}

/** Registers a linked device. @throws ProtocolError `protocol.link.refused` | `protocol.certificate.refused` … */
export const registerDevice = async (
  services: Services, request: DeviceRegistration, origins: readonly string[],
): Promise<Nothing> => {
  const device = await checkDevice(services, request, request.linkId, origins)
  const { accountId, accountKey, deviceId } = device.certificate
  return services.database.write.write(async (store) => {
    const link = await readUsableLink(store, request.linkId, device.nowMs)
    if (link.account_id !== accountId || link.answer === null) throw new ProtocolError('protocol.link.refused')
    const account = await store.selectFrom('accounts').select('account_key').where('account_id', '=', accountId).executeTakeFirstOrThrow()
    if (!equal(account.account_key, accountKey)) throw new ProtocolError('protocol.certificate.refused')
    if (link.used_by !== null) {
      if (await isSameDevice(store, device)) return {}
      throw new ProtocolError('protocol.link.refused')
    }
    await refuseTakenDevice(store, device.certificate)
    await refuseTooManyDevices(store, accountId)
    requireListed(await readDeviceListState(store, accountId), device.certificate)
    await store.updateTable('links').set({ used_by: deviceId }).where('link_id', '=', request.linkId).execute()
    await insertDevice(store, device, (await readStanding(store, accountId)).familyRole)
    return {}
  })
}

/**
 * Registers a device for which the account's key alone vouches, and asks for it to be let into the account's conversations.
 * @throws ProtocolError `protocol.certificate.refused` | `protocol.account.exists` …
 */
export const recoverDevice = async (
  services: Services, request: DeviceRecovery, { origins, calls }: { readonly origins: readonly string[]; readonly calls: ReaddCalls },
): Promise<Nothing> => {
  const { accountId, accountKey } = decodeDeviceCertificate(request.certificate)
  const device = await checkDevice(services, request, accountId, origins)
  return services.database.write.write(async (store, afterCommit) => {
    const account = await store.selectFrom('accounts').select('account_key').where('account_id', '=', accountId).executeTakeFirst()
    if (account === undefined || !equal(account.account_key, accountKey)) throw new ProtocolError('protocol.certificate.refused')
    if (await isSameDevice(store, device)) return {}
    await refuseTakenDevice(store, device.certificate)
    await refuseTooManyDevices(store, accountId)
    requireListed(await appendDeviceList(store, { accountId, accountKey }, request.deviceList), device.certificate)
    await insertDevice(store, device, (await readStanding(store, accountId)).familyRole)
    const requests = await requestEntry(store, device.certificate, device.nowMs)
    afterCommit(() => { calls.tell(requests) })
    return {}
  })
}

const checkDevice = async (
  services: Services, request: Registration, admission: InviteId | LinkId | AccountId, origins: readonly string[],
): Promise<CheckedDevice> => {
  const nowMs = services.clock.nowMs()
  const certificate = decodeDeviceCertificate(request.certificate)
  await validateDeviceCertificate(certificate, verifyEd25519)
  const isProved = origins.some((origin) => verifyEd25519(
    certificate.deviceSignatureKey,
    deviceRegistrationTbs({ origin, admission: idToBytes(admission), certificate: request.certificate }),
    request.registrationSignature,
  ))
  if (!isProved) throw new ProtocolError('protocol.certificate.refused')
  const keyPackages = checkKeyPackages(request.keyPackages.keyPackages, certificate.deviceSignatureKey, nowMs)
  return { certificate, certificateBytes: request.certificate, keyPackages, nowMs }
}

/** The lost answer of a registration that happened: the same device asks again. */
const answerRetry = async (store: Store, device: CheckedDevice, usedBy: AccountId): Promise<JoinResponse> => {
  if (usedBy !== device.certificate.accountId || !(await isSameDevice(store, device))) throw new ProtocolError('protocol.invite.used')
  const { created_at_ms, approved_at_ms } = await store.selectFrom('devices').select(['created_at_ms', 'approved_at_ms'])
    .where('device_id', '=', device.certificate.deviceId).executeTakeFirstOrThrow()
  return {
    ...await readStanding(store, usedBy), deviceState: approved_at_ms === null ? DeviceState.pending : DeviceState.active, createdAtMs: created_at_ms,
  }
}

const isSameDevice = async (store: Store, { certificate, certificateBytes }: CheckedDevice): Promise<boolean> => {
  const row = await store.selectFrom('devices').select('certificate').where('device_id', '=', certificate.deviceId).executeTakeFirst()
  return row !== undefined && equal(row.certificate, certificateBytes)
}

const refuseTaken = async (store: Store, certificate: DeviceCertificate, name: string): Promise<void> => {
  const account = await store.selectFrom('accounts').select('account_id').where('account_id', '=', certificate.accountId).executeTakeFirst()
  if (account !== undefined) throw new ProtocolError('protocol.account.exists')
  await refuseTakenDevice(store, certificate)
  const named = await store.selectFrom('accounts').select('account_id').where('name', '=', name).executeTakeFirst()
  if (named !== undefined) throw new ProtocolError('protocol.name.taken')
}

const refuseTakenDevice = async (store: Store, { deviceId, deviceSignatureKey }: DeviceCertificate): Promise<void> => {
  const device = await store.selectFrom('devices').select('device_id')
    .where((eb) => eb.or([eb('device_id', '=', deviceId), eb('signature_key', '=', deviceSignatureKey)])).executeTakeFirst()
  if (device !== undefined) throw new ProtocolError('protocol.account.exists')
}

const refuseTooManyDevices = async (store: Store, accountId: AccountId): Promise<void> => {
  const { devices } = await store.selectFrom('devices').select((eb) => eb.fn.countAll<number>().as('devices'))
    .where('account_id', '=', accountId).where('revoked_at_ms', 'is', null).executeTakeFirstOrThrow()
  if (devices >= LIMITS.devicesPerAccount) throw new ProtocolError('protocol.rate.limited', { devices })
}

/** A child's device waits for a guardian. */
const insertDevice = async (
  store: Store, { certificate, certificateBytes, keyPackages, nowMs }: CheckedDevice, familyRole: FamilyRole,
): Promise<DeviceState> => {
  const state = familyRole === FamilyRole.child ? DeviceState.pending : DeviceState.active
  const deviceId: DeviceId = certificate.deviceId
  await store.insertInto('devices').values({
    device_id: deviceId, account_id: certificate.accountId, certificate: certificateBytes,
    signature_key: certificate.deviceSignatureKey, created_at_ms: nowMs,
    approved_at_ms: state === DeviceState.active ? nowMs : null, revoked_at_ms: null,
  }).execute()
  await storeKeyPackages(store, deviceId, keyPackages, nowMs)
  await recordAudit(store, { atMs: nowMs, event: AuditEvent.deviceRegistered, actor: certificate.accountId, subject: deviceId })
  return state
}
