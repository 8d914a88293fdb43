/**
 * What people call their devices: kept here, sealed, and told to the account's other devices alone, in their link, in their own
 * conversation; the guardian who invited a child's device reads its name under the invite's secret. The server never reads one.
 */
import { concat, decode, encode, fixed, fromUtf8, isCodedError, type RandomBytes, struct, uint16, utf8 } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import { type DeviceId, idToBytes, type InviteId, LIMITS } from '@famichat/protocol'
import { isDeviceName } from '../content/device-name.js'
import { decodeRecord, DeviceNameRecord, encodeRecord } from '../store/records.js'
import type { Change, Store } from '../store/store.js'
import { type MailKey, openMail, sealMail } from './sealed-mail.js'

/** What a device is called, and since when. */
export interface NamedDevice extends DeviceNameRecord {
  readonly deviceId: DeviceId
}

/** Every name that is known here. */
export const readDeviceNames = async (store: Pick<Store, 'list'>): Promise<ReadonlyMap<DeviceId, DeviceNameRecord>> =>
  new Map((await store.list('deviceNames', { prefix: '' })).map(({ key, value }) => [key as DeviceId, decodeRecord(DeviceNameRecord, value)]))

/** Keeps a name. */
export const deviceNameChange = ({ deviceId, name, namedAtMs }: NamedDevice): Change =>
  ({ table: 'deviceNames', key: deviceId, value: encodeRecord(DeviceNameRecord, { name, namedAtMs }) })

/** What a name that another device tells changes here: of two the newer one stays, and one that is no name is none. */
export const toldDeviceName = async (store: Pick<Store, 'get'>, told: NamedDevice): Promise<readonly Change[]> => {
  const kept = await store.get('deviceNames', told.deviceId)
  const isOlder = kept !== undefined && decodeRecord(DeviceNameRecord, kept).namedAtMs >= told.namedAtMs
  return isOlder || !isDeviceName(told.name) ? [] : [deviceNameChange(told)]
}

const NAME_BYTES = LIMITS.nameCharacters * 4
/** Of one length, whatever the name is. */
const SealedName = struct({ nameBytes: uint16, padded: fixed(NAME_BYTES) })

/** The invite that a device came by. */
interface InviteOf {
  readonly inviteId: InviteId
  readonly secret: Uint8Array
}

/** A new device's name, for the device that made its invite. */
export const sealDeviceName = (suite: CipherSuite, invite: InviteOf, { name, random }: { readonly name: string; readonly random: RandomBytes }): Uint8Array => {
  const bytes = utf8(name)
  const plaintext = encode(SealedName, { nameBytes: bytes.length, padded: concat(bytes, new Uint8Array(NAME_BYTES - bytes.length)) })
  return sealMail(suite, keyFor(suite, invite), { plaintext, random })
}

/** The name, or undefined where there is none that can be shown: only comfort depends on it. */
export const openDeviceName = (suite: CipherSuite, invite: InviteOf, sealed: Uint8Array): string | undefined => {
  try {
    const { nameBytes, padded } = decode(SealedName, openMail(suite, keyFor(suite, invite), sealed))
    const name = fromUtf8(padded.subarray(0, nameBytes))
    return isDeviceName(name) ? name : undefined
  } catch (error) {
    if (!isCodedError(error)) throw error
    return undefined
  }
}

const keyFor = (suite: CipherSuite, { inviteId, secret }: InviteOf): MailKey => {
  const boundTo = idToBytes(inviteId)
  return { key: suite.hash.hmac(secret, concat(utf8('Famichat 1.0 InviteDevice'), boundTo)).slice(0, suite.aead.keyLength), boundTo }
}
