/**
 * How a profile becomes a further device of an account, by the link that another device offers (E21). Fetched when somebody opens
 * such a link.
 */
import { EMPTY, equal, isCodedError, Secret } from '@famichat/base'
import { makeSigner } from '@famichat/mls'
import {
  decodeDeviceCertificate, type DeviceCertificate, type DeviceId, type DeviceListState, encodeDeviceCertificate, idToBytes, LIFETIMES, makeId, validateDeviceCertificate,
} from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { callRoute } from '../net/http.js'
import type { Surroundings } from '../platform.js'
import { decodeRecord, DeviceListRecord, type IdentityRecord } from '../store/records.js'
import { decodeLinkAnswer, type DeviceLink, type LinkAnswer, openLinkMail, sealLinkMail } from './device-link.js'
import { encodeLinkOffer, makeDeviceKey } from './identity.js'
import { abandon, begin, finish, isFinal, registration, unfinished } from './joining.js'

const LINK_POLL_MS = 400

/** Becomes a further device of an account. @throws ClientError `client.link.*` | ProtocolError `protocol.link.refused` */
export const joinWithLink = async (surroundings: Surroundings, link: DeviceLink): Promise<void> => {
  const { store, network, onPoint } = surroundings
  const begun = await unfinished(store)
  const record = begun?.admission?.linkId === link.linkId ? begun : await askForCertificate(surroundings, link)
  const request = { linkId: link.linkId, ...await registration(surroundings, record, idToBytes(link.linkId)) }
  try {
    await callRoute({ origin: link.origin, fetch: network.fetch }, 'deviceRegister', request)
  } catch (error) {
    if (isFinal(error)) await abandon(store)
    throw error
  }
  onPoint('join.registered')
  await finish(store, record)
}

const askForCertificate = async (surroundings: Surroundings, link: DeviceLink): Promise<IdentityRecord> => {
  const { suite, network, random, sleep, clock } = surroundings
  const server = { origin: link.origin, fetch: network.fetch }
  const deviceId = makeId<DeviceId>(random)
  const { signer, privateKeyBytes } = await makeDeviceKey(suite, random)
  const plaintext = encodeLinkOffer(deviceId, signer.publicKey)
  await callRoute(server, 'linkOffer', { linkId: link.linkId, sealed: sealLinkMail(suite, link, { direction: 'offer', plaintext, random }) })
  const untilMs = clock.nowMs() + LIFETIMES.linkMs
  for (;;) {
    const { sealed } = await callRoute(server, 'linkCollect', { linkId: link.linkId })
    if (sealed !== undefined) {
      const answer = decodeLinkAnswer(openLinkMail(suite, link, { direction: 'answer', sealed }))
      const { record, list } = await linkedIdentity(surroundings, { link, answer, deviceId, publicKey: signer.publicKey, privateKeyBytes })
      await begin(surroundings, record, list, { known: answer.known, transferKey: answer.transferKey })
      return record
    }
    if (clock.nowMs() > untilMs) throw new ClientError('client.link.timed_out')
    await sleep(LINK_POLL_MS)
  }
}

interface Answered {
  readonly link: DeviceLink
  readonly answer: LinkAnswer
  readonly deviceId: DeviceId
  readonly publicKey: Uint8Array
  readonly privateKeyBytes: Uint8Array
}

/** The certificate must be for this device's own key, and all else of the same account. @throws ClientError `client.link.refused` */
const linkedIdentity = async (
  { suite }: Surroundings, { link, answer, deviceId, publicKey, privateKeyBytes }: Answered,
): Promise<{ readonly record: IdentityRecord; readonly list: DeviceListState }> => {
  const certificate = decodeDeviceCertificate(answer.certificate)
  if (certificate.deviceId !== deviceId || !equal(certificate.deviceSignatureKey, publicKey)) throw new ClientError('client.link.refused')
  try {
    await validateDeviceCertificate(certificate, (key, message, signature) => suite.signature.verify(key, message, signature))
  } catch (error) {
    if (!isCodedError(error)) throw error
    throw new ClientError('client.link.refused', { reason: error.code }, { cause: error })
  }
  const { accountPrivateKey } = answer
  const accountSigner = accountPrivateKey && await makeSigner(suite, new Secret(accountPrivateKey.slice()))
  if (accountSigner !== undefined && !equal(accountSigner.publicKey, certificate.accountKey)) throw new ClientError('client.link.refused')
  return { list: listOf(answer, certificate), record: {
    origin: link.origin,
    accountName: answer.accountName,
    certificate: encodeDeviceCertificate(certificate),
    admission: { inviteId: undefined, linkId: link.linkId, inviteSecret: EMPTY, deviceList: EMPTY },
    inviterFingerprint: undefined,
    devicePrivateKey: privateKeyBytes,
    accountPrivateKey: accountPrivateKey?.slice(),
  } }
}

const listOf = ({ deviceList }: LinkAnswer, { accountId, accountKey, deviceId, listNumber }: DeviceCertificate): DeviceListState => {
  const list = { accountId, ...decodeRecord(DeviceListRecord, deviceList) }
  const isIts = equal(list.accountKey, accountKey) && list.devices.some((device) => device.deviceId === deviceId && device.listedIn === listNumber)
  if (!isIts) throw new ClientError('client.link.refused')
  return list
}
