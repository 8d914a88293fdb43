/**
 * How a profile gets an account by invite, and what all ways in share (linking.ts, recovering.ts). Keys are written before the
 * server hears of them, so whatever crashes, joining again with the same link goes on where it stopped.
 */
import { EMPTY } from '@famichat/base'
import {
  type AccountId, type DeviceListState, deviceRegistrationTbs, followDeviceList, formatInviteAuthorization, idToBytes, type InviteLink, inviteProofInput, ProtocolError,
} from '@famichat/protocol'
import { awaitTransfer } from '../archive/transfer-notes.js'
import { ClientError } from '../client-error.js'
import { callRoute } from '../net/http.js'
import type { Surroundings } from '../platform.js'
import { decodeRecord, encodeRecord, IdentityRecord, InviteSide, InviteState, NameRecord, PinRecord, PinSource } from '../store/records.js'
import type { Change, Store } from '../store/store.js'
import type { LinkAnswer } from './device-link.js'
import { deviceListChange, deviceListChecks } from './device-lists.js'
import { type Identity, makeIdentity, openIdentity } from './identity.js'
import { inviteChange, joinerProof, type StoredInvite } from './invite-secrets.js'
import { makeFirstStock, readKeyPackages } from './key-packages.js'

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
  const request = { accountName: record.accountName, familyName, deviceList, joinerProof: inviterFingerprint && joinerProof(suite, link, list), ...await registration(surroundings, record, idToBytes(inviteId)) }
  try {
    await callRoute({ origin, fetch: network.fetch }, 'join', request, formatInviteAuthorization(inviteId, proof))
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
export const begin = async (surroundings: Surroundings, record: IdentityRecord, list: DeviceListState, { known = [], transferKey, invite }: Partial<Pick<LinkAnswer, 'known' | 'transferKey'>> & { readonly invite?: StoredInvite } = {}): Promise<void> => {
  const { store, clock, onPoint, suite } = surroundings
  const identity = await openIdentity(suite, record)
  const { changes } = await makeFirstStock({ ...surroundings, identity })
  const own = { accountId: identity.accountId, accountKey: identity.certificate.accountKey, accountName: identity.accountName }
  const pins = [own, ...known.filter(({ accountId }) => accountId !== own.accountId)].flatMap(({ accountId, accountKey, accountName }, index) =>
    pinChanges(accountId, { accountKey, source: index === 0 ? PinSource.self : PinSource.link, pinnedAtMs: clock.nowMs() }, accountName))
  await store.exclusive(async () => {
    const outdated = (await store.list('keyPackages', { prefix: '' })).map(({ key }): Change => ({ table: 'keyPackages', key, value: undefined }))
    await store.write([...outdated, ...changes, ...pins, deviceListChange(list), ...(transferKey === undefined ? [] : [awaitTransfer(transferKey)]), ...(invite === undefined ? [] : [inviteChange(invite)]), { table: 'profile', key: 'identity', value: encodeRecord(IdentityRecord, record) }])
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
export const abandon = (store: Store): Promise<void> => store.exclusive(async () => {
  const changes: Change[] = [{ table: 'profile', key: 'identity', value: undefined }]
  for (const table of ['keyPackages', 'pins', 'names', 'deviceLists', 'listVersions', 'transfers', 'invites'] as const) {
    for (const { key } of await store.list(table, { prefix: '' })) changes.push({ table, key, value: undefined })
  }
  await store.write(changes)
})

/** True when the server's no will stay one. */
export const isFinal = (error: unknown): boolean =>
  error instanceof ProtocolError && ['invite', 'name', 'link', 'account', 'certificate', 'device_list'].includes(error.code.split('.')[1] ?? '')
