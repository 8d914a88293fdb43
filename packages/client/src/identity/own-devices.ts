/**
 * The account's own devices: adding one and revoking one are new signed versions of its list (E13, E18). Two devices may do so
 * at once: who comes second signs again on top of the first.
 */
import { isCodedError } from '@famichat/base'
import { type ConversationId, type DeviceId, type DeviceListState, listedDevices, type ListedDevice, nextDeviceList, normalizeAccountName } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { Engine } from '../engine.js'
import { readDeviceList } from './device-lists.js'
import { deviceNameChange, readDeviceNames } from './device-names.js'
import { readCertificate } from './directory.js'
import { signDeviceList } from './identity.js'

/** A device of the own account. */
export interface DeviceInfo {
  readonly deviceId: DeviceId
  readonly isThisDevice: boolean
  readonly isRevoked: boolean
  /** A child's device that a guardian has not let in yet. */
  readonly isPending: boolean
  /** When its account certified it; undefined for a device that the server does not show. */
  readonly addedAtMs: number | undefined
  /** What its person calls it, if that is known here. */
  readonly name: string | undefined
}

/** The devices of the account, as the server shows them and the account's list has them. */
export const listOwnDevices = async (engine: Engine): Promise<readonly DeviceInfo[]> => {
  const { people, workspace: { context: { store, identity } } } = engine
  await engine.refreshPeople()
  const state = await readDeviceList(store, identity.accountId)
  const removed = new Set((state?.devices ?? []).filter(({ removedIn }) => removedIn !== undefined).map(({ deviceId }) => deviceId))
  const shown = people.accounts.find(({ accountId }) => accountId === identity.accountId)?.devices ?? []
  // listed and not there: it never came, or came after the backup that the server was restored from
  const absent = listedDevices(state).filter(({ deviceId }) => !shown.some((device) => device.deviceId === deviceId))
    .map(({ deviceId }) => ({ deviceId, isRevoked: false, isPending: false, certificate: undefined }))
  const names = await readDeviceNames(store)
  return [...shown, ...absent].map(({ deviceId, isRevoked, isPending, certificate }) =>
    ({
      deviceId, isRevoked: isRevoked || removed.has(deviceId), isPending, addedAtMs: certificate && readCertificate(certificate)?.createdAtMs,
      isThisDevice: deviceId === identity.deviceId, name: names.get(deviceId)?.name,
    }))
}

/**
 * Calls a device of the account something else, here and on its other devices: those are told in the account's own conversation.
 * @param self that conversation; undefined where there is no other device
 * @throws ProtocolError `protocol.name.malformed` | ClientError `client.server.unreachable`; once written it is told later
 */
export const nameOwnDevice = async (
  { workspace: { context: { store, clock } }, messaging }: Engine, device: { readonly deviceId: DeviceId; readonly name: string }, self: (() => Promise<ConversationId>) | undefined,
): Promise<void> => {
  const named = { deviceId: device.deviceId, name: normalizeAccountName(device.name), namedAtMs: clock.nowMs() }
  await store.exclusive(() => store.write([deviceNameChange(named)]))
  if (self !== undefined) await messaging.sayDeviceName(await self(), named)
}

const ATTEMPTS = 5

/**
 * Publishes the next version of the own list, and returns the list with it.
 * @param publish hands a version to the server
 * @throws ClientError `client.account.no_key` | `client.device_list.withheld` | ProtocolError `protocol.device_list.*`
 */
export const changeOwnList = async (
  { workspace, lists }: Pick<Engine, 'workspace' | 'lists'>, change: { readonly add: ListedDevice } | { readonly remove: DeviceId },
  publish: (deviceList: Uint8Array) => Promise<unknown>,
): Promise<DeviceListState> => {
  const { identity: { accountSigner, accountId }, store, clock } = workspace.context
  if (accountSigner === undefined) throw new ClientError('client.account.no_key')
  for (let attempt = 1; ; attempt++) {
    await lists.refresh([accountId])
    const state = await readDeviceList(store, accountId)
    if (state === undefined) throw new ClientError('client.device_list.withheld')
    try {
      await publish(await signDeviceList(accountSigner, nextDeviceList(state, change, clock.nowMs())))
    } catch (error) {
      if (!isCodedError(error, 'protocol.device_list.conflict') || attempt === ATTEMPTS) throw error
      continue
    }
    await lists.refresh([accountId])
    const changed = await readDeviceList(store, accountId)
    if (changed === undefined || changed.number === state.number) throw new ClientError('client.device_list.withheld')
    return changed
  }
}

/** Revokes a device of the account: its next list has it no more, and the server shuts it out in the same act. */
export const revokeOwnDevice = async (engine: Engine, deviceId: DeviceId): Promise<void> => {
  const { workspace: { context: { store, identity } }, connection: { calls } } = engine
  const isListed = listedDevices(await readDeviceList(store, identity.accountId)).some((device) => device.deviceId === deviceId)
  if (isListed) await changeOwnList(engine, { remove: deviceId }, (deviceList) => calls.call('deviceRevoke', { deviceId, deviceList }))
  else await calls.call('deviceRevoke', { deviceId, deviceList: undefined })
}
