/**
 * How a profile gets an account: by invite, or as a further device by link. Keys are written before the server hears of
 * them, so whatever crashes, joining again with the same link goes on where it stopped.
 */
import { EMPTY, equal, isCodedError, Secret } from '@famichat/base'
import { makeSigner } from '@famichat/mls'
import {
  type AccountId, decodeDeviceCertificate, type DeviceCertificate, type DeviceId, type DeviceListState, deviceRegistrationTbs, encodeDeviceCertificate, followDeviceList, formatInviteAuthorization,
  idToBytes, type InviteLink, inviteProofInput, LIFETIMES, makeId, ProtocolError, validateDeviceCertificate,
} from '@famichat/protocol'
import { awaitTransfer } from '../archive/transfer-notes.js'
import { ClientError } from '../client-error.js'
import { isDeviceName } from '../content/device-name.js'
import { callRoute } from '../net/http.js'
import type { Surroundings } from '../platform.js'
import { decodeRecord, DeviceListRecord, encodeRecord, IdentityRecord, InviteSide, InviteState, NameRecord, PinRecord, PinSource } from '../store/records.js'
import type { Change, Store } from '../store/store.js'
import { decodeLinkAnswer, type DeviceLink, type LinkAnswer, openLinkMail, sealLinkMail } from './device-link.js'
import { deviceListChange, deviceListChecks, writeDeviceLists } from './device-lists.js'
import { deviceNameChange, sealDeviceName } from './device-names.js'
import { encodeLinkOffer, type Identity, makeDeviceKey, makeIdentity, openIdentity } from './identity.js'
import { inviteChange, joinerProof, type StoredInvite } from './invite-secrets.js'
import { makeFirstStock, readKeyPackages } from './key-packages.js'

const LINK_POLL_MS = 400

/** The identity of a profile, if it has one that the server knows. */
export const readIdentity = async (store: Store): Promise<IdentityRecord | undefined> => {
  const stored = await store.get('profile', 'identity')
  return stored && decodeRecord(IdentityRecord, stored)
}

/** Makes an account with an invite. @throws ProtocolError `protocol.invite.*` | `protocol.name.*` | ClientError `client.profile.taken` | `client.server.unreachable` */
export const joinWithInvite = async (
  surroundings: Surroundings,
  { link, accountName, familyName }: { readonly link: InviteLink; readonly accountName: string; readonly familyName: string | undefined },
): Promise<void> => {
  const { store, suite, clock, random, network, onPoint } = surroundings
  const { origin, inviteId, secret, inviterFingerprint } = link
  const begun = await unfinished(store)
  const isSame = begun?.admission?.inviteId === inviteId && begun.accountName === accountName
  const record = begun !== undefined && isSame ? begun : await makeIdentity(suite, {
    origin, accountName, nowMs: clock.nowMs(), random, inviterFingerprint, admission: { inviteId, linkId: undefined, inviteSecret: secret },
  })
  const deviceList = record.admission?.deviceList ?? EMPTY
  const list = await followDeviceList(undefined, deviceList, deviceListChecks(suite))
  // the set-up link has no inviter
  const invite = { inviteId, record: { secret, side: InviteSide.received, state: InviteState.open, peer: undefined, madeAtMs: clock.nowMs() } }
  if (record !== begun) await begin(surroundings, record, list, inviterFingerprint === undefined ? {} : { invite })
  const proof = suite.hash.digest(inviteProofInput(inviteId, secret))
  const { deviceName } = surroundings
  const sealedDeviceName = inviterFingerprint === undefined || deviceName === undefined ? undefined : sealDeviceName(suite, link, { name: deviceName, random })
  const request = { accountName: record.accountName, familyName, deviceList, joinerProof: inviterFingerprint && joinerProof(suite, link, list), sealedDeviceName, ...await registration(surroundings, record, idToBytes(inviteId)) }
  try {
    await callRoute({ origin, fetch: network.fetch }, 'join', request, formatInviteAuthorization(inviteId, proof))
  } catch (error) {
    if (isFinal(error)) await abandon(store)
    throw error
  }
  onPoint('join.registered')
  await finish(store, record)
}

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

/** A registration that was cut off. @throws ClientError `client.profile.taken` */
export const unfinished = async (store: Store): Promise<IdentityRecord | undefined> => {
  const record = await readIdentity(store)
  if (record !== undefined && record.admission === undefined) throw new ClientError('client.profile.taken')
  return record
}

/** Writes a new device's keys, its first KeyPackages, and whom it knows, before the server hears of them. */
export const begin = async (surroundings: Surroundings, record: IdentityRecord, list: DeviceListState, { known = [], transferKey, deviceNames = [], invite }: Partial<Pick<LinkAnswer, 'known' | 'transferKey' | 'deviceNames'>> & { readonly invite?: StoredInvite } = {}): Promise<void> => {
  const { store, clock, onPoint, suite, deviceName } = surroundings
  const identity = await openIdentity(suite, record)
  const { changes } = await makeFirstStock({ ...surroundings, identity })
  const own = { accountId: identity.accountId, accountKey: identity.certificate.accountKey, accountName: identity.accountName }
  const pins = [own, ...known.filter(({ accountId }) => accountId !== own.accountId)].flatMap(({ accountId, accountKey, accountName }, index) =>
    pinChanges(accountId, { accountKey, source: index === 0 ? PinSource.self : PinSource.link, pinnedAtMs: clock.nowMs() }, accountName))
  const names = deviceNames.filter(({ name }) => isDeviceName(name))
  if (deviceName !== undefined) names.push({ deviceId: identity.deviceId, name: deviceName, namedAtMs: clock.nowMs() })
  await store.exclusive(async () => {
    const outdated = (await store.list('keyPackages', { prefix: '' })).map(({ key }): Change => ({ table: 'keyPackages', key, value: undefined }))
    await writeDeviceLists(store, [...outdated, ...changes, ...pins, ...names.map(deviceNameChange), deviceListChange(list), ...(transferKey === undefined ? [] : [awaitTransfer(transferKey)]), ...(invite === undefined ? [] : [inviteChange(invite)]), { table: 'profile', key: 'identity', value: encodeRecord(IdentityRecord, record) }])
  })
  onPoint('join.written')
}

const pinChanges = (accountId: AccountId, pin: PinRecord, accountName: string): readonly Change[] => [
  { table: 'pins', key: accountId, value: encodeRecord(PinRecord, pin) },
  { table: 'names', key: accountId, value: encodeRecord(NameRecord, { accountName }) },
]

/** What a new device shows the server. */
export const registration = async (
  { store, suite }: Surroundings, record: IdentityRecord, admission: Uint8Array,
): Promise<{ certificate: Uint8Array; registrationSignature: Uint8Array; keyPackages: { keyPackages: readonly Uint8Array[] } }> => {
  const identity: Identity = await openIdentity(suite, record)
  const { origin, certificateBytes: certificate } = identity
  const stock = await readKeyPackages({ store, suite })
  return {
    certificate,
    registrationSignature: await identity.signer.sign(deviceRegistrationTbs({ origin, admission, certificate })),
    keyPackages: { keyPackages: stock.map(({ bundle }) => bundle.message) },
  }
}

/** The server has the device: what only joining needed is forgotten. */
export const finish = (store: Store, record: IdentityRecord): Promise<void> =>
  store.exclusive(() => store.write([{ table: 'profile', key: 'identity', value: encodeRecord(IdentityRecord, { ...record, admission: undefined }) }]))

/** The link will never do: the profile is as before. */
const abandon = (store: Store): Promise<void> => store.exclusive(async () => {
  const changes: Change[] = [{ table: 'profile', key: 'identity', value: undefined }]
  for (const table of ['keyPackages', 'pins', 'names', 'deviceNames', 'deviceLists', 'listVersions', 'transfers', 'invites'] as const) {
    for (const { key } of await store.list(table, { prefix: '' })) changes.push({ table, key, value: undefined })
  }
  await writeDeviceLists(store, changes)
})

const isFinal = (error: unknown): boolean =>
  error instanceof ProtocolError && ['invite', 'name', 'link', 'account', 'certificate', 'device_list'].includes(error.code.split('.')[1] ?? '')

const askForCertificate = async (surroundings: Surroundings, link: DeviceLink): Promise<IdentityRecord> => {
  const { suite, network, random, sleep, clock, deviceName } = surroundings
  const server = { origin: link.origin, fetch: network.fetch }
  const deviceId = makeId<DeviceId>(random)
  const { signer, privateKeyBytes } = await makeDeviceKey(suite, random)
  const plaintext = encodeLinkOffer({ deviceId, deviceSignatureKey: signer.publicKey, deviceName })
  await callRoute(server, 'linkOffer', { linkId: link.linkId, sealed: sealLinkMail(suite, link, { direction: 'offer', plaintext, random }) })
  const untilMs = clock.nowMs() + LIFETIMES.linkMs
  for (;;) {
    const { sealed } = await callRoute(server, 'linkCollect', { linkId: link.linkId })
    if (sealed !== undefined) {
      const answer = decodeLinkAnswer(openLinkMail(suite, link, { direction: 'answer', sealed }))
      const { record, list } = await linkedIdentity(surroundings, { link, answer, deviceId, publicKey: signer.publicKey, privateKeyBytes })
      await begin(surroundings, record, list, { known: answer.known, transferKey: answer.transferKey, deviceNames: answer.deviceNames })
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
