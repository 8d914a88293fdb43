/**
 * Recovering: with the account's key, and nothing else, a new device comes in: the account's next list has it. The server takes
 * the key's word for it, as every member does; nothing of the lost device's keys is used again.
 */
import { EMPTY, isCodedError, Secret } from '@famichat/base'
import { makeSigner } from '@famichat/mls'
import {
  type AccountId, type DeviceId, deviceListRequestTbs, type DeviceListState, encodeDeviceCertificate, firstDeviceList, followDeviceList, idToBytes, makeId,
  nextDeviceList, ProtocolError, serverOrigin,
} from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { callRoute } from '../net/http.js'
import type { Surroundings } from '../platform.js'
import type { IdentityRecord } from '../store/records.js'
import { deviceListChecks, readDeviceList } from './device-lists.js'
import { certifyDevice, makeDeviceKey, openIdentity, signDeviceList } from './identity.js'
import { begin, finish, registration, unfinished } from './joining.js'

/** An account that is to have a new device. */
export interface LostAccount {
  readonly origin: string
  readonly accountId: AccountId
  readonly accountName: string
  readonly accountPrivateKey: Uint8Array
}

const ATTEMPTS = 4

/**
 * Registers a new device of an account; again with the same profile, it goes on where it stopped.
 * @param bringBack what the device is to know before it is one
 * @throws ClientError `client.profile.taken` | `client.device_list.*` | `client.server.unreachable` | ProtocolError `protocol.certificate.refused` | `protocol.access.refused`
 */
export const recoverAccount = async (surroundings: Surroundings, lost: LostAccount, bringBack: () => Promise<void>): Promise<void> => {
  const { store, suite, network, onPoint } = surroundings
  const begun = await unfinished(store)
  const isSame = begun?.accountPrivateKey !== undefined && (await openIdentity(suite, begun)).accountId === lost.accountId
  await bringBack()
  let record = begun !== undefined && isSame ? begun : await beginRecovered(surroundings, lost)
  for (let attempt = 1; ; attempt++) {
    const { certificate, registrationSignature, keyPackages } = await registration(surroundings, record, idToBytes(lost.accountId))
    const request = { certificate, registrationSignature, keyPackages, deviceList: record.admission?.deviceList ?? EMPTY }
    try {
      await callRoute({ origin: record.origin, fetch: network.fetch }, 'deviceRecover', request)
      break
    } catch (error) {
      // another device changed the list meanwhile: the certificate names the wrong version of it
      if (!isCodedError(error, 'protocol.device_list.conflict') || attempt === ATTEMPTS) throw error
      record = await beginRecovered(surroundings, lost)
    }
  }
  onPoint('join.registered')
  await finish(store, record)
}

const beginRecovered = async (surroundings: Surroundings, lost: LostAccount): Promise<IdentityRecord> => {
  const { suite, random, clock } = surroundings
  const { accountId, accountName, accountPrivateKey } = lost
  const accountSigner = await makeSigner(suite, new Secret(accountPrivateKey.slice()))
  const known = await readOwnList(surroundings, lost, accountSigner)
  const device = await makeDeviceKey(suite, random)
  const listed = { deviceId: makeId<DeviceId>(random), deviceSignatureKey: device.signer.publicKey }
  const nowMs = clock.nowMs()
  const deviceList = await signDeviceList(accountSigner, known === undefined
    ? firstDeviceList({ accountId, accountKey: accountSigner.publicKey }, listed, nowMs)
    : nextDeviceList(known, { add: listed }, nowMs))
  const list = await followDeviceList(known, deviceList, deviceListChecks(suite))
  const certificate = await certifyDevice(accountSigner, { accountId, ...listed, listNumber: list.number, nowMs })
  const record: IdentityRecord = {
    origin: serverOrigin(lost.origin), accountName, certificate: encodeDeviceCertificate(certificate),
    admission: { inviteId: undefined, linkId: undefined, inviteSecret: EMPTY, deviceList }, inviterFingerprint: undefined,
    devicePrivateKey: device.privateKeyBytes, accountPrivateKey: accountPrivateKey.slice(),
  }
  await begin(surroundings, record, list)
  return record
}

/** What the archive knew, and what the server has after that. @throws ClientError `client.device_list.forked` | `client.device_list.refused` */
const readOwnList = async (
  { store, suite, network }: Surroundings, { origin, accountId }: LostAccount, accountSigner: Awaited<ReturnType<typeof makeSigner>>,
): Promise<DeviceListState | undefined> => {
  const server = { origin: serverOrigin(origin), fetch: network.fetch }
  let state = await readDeviceList(store, accountId)
  for (let hasMore = true; hasMore;) {
    const { nonce } = await callRoute(server, 'tokenChallenge', {})
    const signature = await accountSigner.sign(deviceListRequestTbs({ origin: server.origin, nonce, accountId }))
    const answer = await callRoute(server, 'deviceListRecover', { accountId, afterNumber: state?.number ?? 0, nonce, signature })
    try {
      for (const bytes of answer.lists) state = await followDeviceList(state, bytes, deviceListChecks(suite))
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      throw new ClientError(error.code === 'protocol.device_list.conflict' ? 'client.device_list.forked' : 'client.device_list.refused', {}, { cause: error })
    }
    hasMore = answer.hasMore && answer.lists.length > 0
  }
  return state
}
