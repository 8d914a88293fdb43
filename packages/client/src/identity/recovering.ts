/**
 * Recovering: with the account's key, and nothing else, a new device comes in. The server takes the key's word for it, as every
 * member does; nothing of the lost device's keys is used again.
 */
import { Secret } from '@famichat/base'
import { makeSigner } from '@famichat/mls'
import { type AccountId, type DeviceId, encodeDeviceCertificate, idToBytes, makeId, serverOrigin } from '@famichat/protocol'
import { callRoute } from '../net/http.js'
import type { Surroundings } from '../platform.js'
import type { IdentityRecord } from '../store/records.js'
import { certifyDevice, makeDeviceKey, openIdentity } from './identity.js'
import { begin, finish, registration, unfinished } from './joining.js'

/** An account that is to have a new device. */
export interface LostAccount {
  readonly origin: string
  readonly accountId: AccountId
  readonly accountName: string
  readonly accountPrivateKey: Uint8Array
}

/**
 * Registers a new device of an account; again with the same profile, it goes on where it stopped.
 * @param bringBack what the device is to know before it is one
 * @throws ClientError `client.profile.taken` | `client.server.unreachable` | ProtocolError `protocol.certificate.refused` | `protocol.access.refused`
 */
export const recoverAccount = async (surroundings: Surroundings, lost: LostAccount, bringBack: () => Promise<void>): Promise<void> => {
  const { store, suite, network, onPoint } = surroundings
  const begun = await unfinished(store)
  const isSame = begun?.accountPrivateKey !== undefined && (await openIdentity(suite, begun)).accountId === lost.accountId
  await bringBack()
  const record = begun !== undefined && isSame ? begun : await makeRecovered(surroundings, lost)
  if (record !== begun) await begin(surroundings, record, [])
  const request = await registration(surroundings, record, idToBytes(lost.accountId))
  await callRoute({ origin: record.origin, fetch: network.fetch }, 'deviceRecover', request)
  onPoint('join.registered')
  await finish(store, record)
}

const makeRecovered = async ({ suite, random, clock }: Surroundings, lost: LostAccount): Promise<IdentityRecord> => {
  const { accountId, accountName, accountPrivateKey } = lost
  const accountSigner = await makeSigner(suite, new Secret(accountPrivateKey.slice()))
  const deviceId = makeId<DeviceId>(random)
  const device = await makeDeviceKey(suite, random)
  const certificate = await certifyDevice(accountSigner, { accountId, deviceId, deviceSignatureKey: device.signer.publicKey, nowMs: clock.nowMs() })
  return {
    origin: serverOrigin(lost.origin), accountName, certificate: encodeDeviceCertificate(certificate),
    admission: { inviteId: undefined, linkId: undefined, inviteSecret: new Uint8Array(0) }, inviterFingerprint: undefined,
    devicePrivateKey: device.privateKeyBytes, accountPrivateKey: accountPrivateKey.slice(),
  }
}
