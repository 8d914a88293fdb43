/**
 * DeviceList: the devices of an account, signed by its key, each version linked to the one before by hash (E13). The server
 * only appends; who has seen a version accepts nothing that does not follow from it.
 */
import { type Codec, concat, counter, decode, encode, equal, fixed, type Infer, isCodedError, opaque, struct, uint16, utf8, vector } from '@famichat/base'
import type { VerifySignature } from './device-certificate.js'
import { hash, publicKey, signature } from './fields.js'
import { AccountId, DeviceId } from './ids.js'
import { LIMITS } from './limits.js'
import { ProtocolError } from './protocol-error.js'

/** The only format there is. */
const DEVICE_LIST_FORMAT = 1

/** A device as its account lists it. */
export const ListedDevice = struct({ deviceId: DeviceId, deviceSignatureKey: publicKey })
export type ListedDevice = Infer<typeof ListedDevice>

const listed = {
  format: uint16,
  accountId: AccountId,
  /** The account's Ed25519 key, which signs. */
  accountKey: publicKey,
  /** 1 for the first version; each follows the one before without a hole. */
  number: counter,
  /** Of the version before, see {@link deviceListHashInput}; zeros in the first. */
  previousHash: hash,
  createdAtMs: counter,
  /** All devices that are the account's from this version on. */
  devices: vector(ListedDevice, { min: 1, max: LIMITS.devicesPerAccount }),
}

/** One version and the account key's signature over {@link deviceListTbs}. */
export const DeviceList = struct({ ...listed, signature })
export type DeviceList = Infer<typeof DeviceList>

const DeviceListTBS = struct({ label: opaque(), ...listed })

/** A version inside another message: its bytes behind a length, kept as they were signed. */
export const deviceListBytes: Codec<Uint8Array> = opaque({ min: 1, max: LIMITS.deviceListBytes })

/** The bytes the account key signs. */
export const deviceListTbs = (list: Omit<DeviceList, 'signature'>): Uint8Array =>
  encode(DeviceListTBS, { ...list, label: utf8('Famichat 1.0 DeviceList') })

/** The stored and sent form. */
export const encodeDeviceList = (list: DeviceList): Uint8Array => encode(DeviceList, list)

/** The bytes whose SHA-256 hash stands in the next version. */
const deviceListHashInput = (bytes: Uint8Array): Uint8Array => concat(utf8('Famichat 1.0 DeviceListHash'), bytes)

/** The hash that the next version names. */
export const deviceListHash = (bytes: Uint8Array, digest: DeviceListChecks['digest']): Uint8Array => digest(deviceListHashInput(bytes))

/** Reads a version, not yet validated. @throws ProtocolError `protocol.device_list.refused` */
export const decodeDeviceList = (bytes: Uint8Array): DeviceList => {
  try {
    return decode(DeviceList, bytes.slice())
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ProtocolError('protocol.device_list.refused', { reason: cause.code }, { cause })
  }
}

/** A device that an account has, or had. */
export interface KnownDevice extends ListedDevice {
  /** The first version that has it. */
  readonly listedIn: number
  /** The first version that has it no more. */
  readonly removedIn: number | undefined
}

/** What somebody knows of an account's devices who has followed its versions. */
export interface DeviceListState {
  readonly accountId: AccountId
  readonly accountKey: Uint8Array
  /** Of the last version. */
  readonly number: number
  /** The hash of each version, the first one first. */
  readonly hashes: readonly Uint8Array[]
  /** Every device that was ever listed, in the order they came. */
  readonly devices: readonly KnownDevice[]
}

/** How versions are checked: signatures and SHA-256 as the caller's platform has them. */
export interface DeviceListChecks {
  readonly verify: VerifySignature
  readonly digest: (bytes: Uint8Array) => Uint8Array
}

const NO_HASH = new Uint8Array(32)

/** The hash that the version after `state` has to name. */
const previousHashOf = (state: DeviceListState | undefined): Uint8Array => state?.hashes.at(-1) ?? NO_HASH

/** The devices of the last version. */
export const listedDevices = (state: DeviceListState | undefined): readonly KnownDevice[] =>
  (state?.devices ?? []).filter(({ removedIn }) => removedIn === undefined)

/**
 * Takes the next version. A device that was removed never comes back under its id, and keeps its key while it is there.
 * @throws ProtocolError `protocol.device_list.conflict` when it does not follow | `protocol.device_list.refused`
 */
export const followDeviceList = async (state: DeviceListState | undefined, bytes: Uint8Array, { verify, digest }: DeviceListChecks): Promise<DeviceListState> => {
  const list = decodeDeviceList(bytes)
  const { accountId, accountKey, number, devices } = list
  const isOfAccount = state === undefined || (state.accountId === accountId && equal(state.accountKey, accountKey))
  if (list.format !== DEVICE_LIST_FORMAT || !isOfAccount || number > LIMITS.deviceListVersions) throw new ProtocolError('protocol.device_list.refused', { number })
  if (!(await verify(accountKey, deviceListTbs(list), list.signature))) throw new ProtocolError('protocol.device_list.refused', { number })
  const isNext = number === (state?.number ?? 0) + 1 && equal(list.previousHash, previousHashOf(state))
  if (!isNext) throw new ProtocolError('protocol.device_list.conflict', { number })
  return {
    accountId, accountKey: accountKey.slice(), number,
    hashes: [...state?.hashes ?? [], deviceListHash(bytes, digest)],
    devices: follow(state?.devices ?? [], devices, number),
  }
}

const follow = (before: readonly KnownDevice[], listedNow: readonly ListedDevice[], number: number): readonly KnownDevice[] => {
  const now = new Map(listedNow.map((device) => [device.deviceId, device]))
  if (now.size !== listedNow.length) throw new ProtocolError('protocol.device_list.refused', { number })
  const known = before.map((device): KnownDevice => {
    const listedAgain = now.get(device.deviceId)
    now.delete(device.deviceId)
    if (listedAgain === undefined) return device.removedIn === undefined ? { ...device, removedIn: number } : device
    if (device.removedIn !== undefined || !equal(listedAgain.deviceSignatureKey, device.deviceSignatureKey)) throw new ProtocolError('protocol.device_list.refused', { number })
    return device
  })
  const keys = new Set(known.map(({ deviceSignatureKey }) => deviceSignatureKey.join()))
  const fresh = [...now.values()].map(({ deviceId, deviceSignatureKey }): KnownDevice =>
    ({ deviceId, deviceSignatureKey: deviceSignatureKey.slice(), listedIn: number, removedIn: undefined }))
  if (fresh.some(({ deviceSignatureKey }) => keys.has(deviceSignatureKey.join()))) throw new ProtocolError('protocol.device_list.refused', { number })
  return [...known, ...fresh]
}

/** The next version with one device more, or one less; not signed yet. */
export const nextDeviceList = (
  state: DeviceListState, change: { readonly add: ListedDevice } | { readonly remove: DeviceId }, createdAtMs: number,
): Omit<DeviceList, 'signature'> => {
  const { accountId, accountKey, number } = state
  const before = listedDevices(state).map(({ deviceId, deviceSignatureKey }) => ({ deviceId, deviceSignatureKey }))
  return {
    format: DEVICE_LIST_FORMAT, accountId, accountKey, number: number + 1, previousHash: previousHashOf(state), createdAtMs,
    devices: 'add' in change ? [...before, change.add] : before.filter(({ deviceId }) => deviceId !== change.remove),
  }
}

/** The first version of an account; not signed yet. */
export const firstDeviceList = (
  account: { readonly accountId: AccountId; readonly accountKey: Uint8Array }, device: ListedDevice, createdAtMs: number,
): Omit<DeviceList, 'signature'> =>
  ({ format: DEVICE_LIST_FORMAT, ...account, number: 1, previousHash: NO_HASH, createdAtMs, devices: [device] })

/** Bytes of a hash's beginning as messages carry it. */
export const DEVICE_LIST_PREFIX_BYTES = 16
/** The beginning of a version's hash. */
export const deviceListPrefix: Codec<Uint8Array> = fixed(DEVICE_LIST_PREFIX_BYTES)
