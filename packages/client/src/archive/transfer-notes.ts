/**
 * What is noted of transfers between devices of one account: that one is to go, or to come. All that most devices ever need of them.
 */
import type { DeviceId } from '@famichat/protocol'
import { encodeRecord, IncomingRecord, OutgoingRecord } from '../store/records.js'
import type { Change } from '../store/store.js'

/** The key of a transfer to a device; its pieces are behind another `/`. */
export const outKey = (deviceId: DeviceId): string => `out/${deviceId}`

/** The key of the transfer to this device. */
export const IN_KEY = 'in'

/** The change that notes a transfer to a device, before the device hears of its key. */
export const wantTransfer = (deviceId: DeviceId, { transferKey, withPhrase }: Pick<OutgoingRecord, 'transferKey' | 'withPhrase'>): Change =>
  ({ table: 'transfers', key: outKey(deviceId), value: encodeRecord(OutgoingRecord, { transferKey, withPhrase, sealedBytes: 0, blobIds: [], isSent: false }) })

/** The change that notes a transfer that is to come. */
export const awaitTransfer = (transferKey: Uint8Array): Change =>
  ({ table: 'transfers', key: IN_KEY, value: encodeRecord(IncomingRecord, { transferKey }) })
