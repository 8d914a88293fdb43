/**
 * A device without an engine: keys, certificate, calls and a channel, as a client would make them.
 */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { fromBase64url, systemRandom } from '@famichat/base'
import {
  type AccountId, BODY_CONTENT_TYPE, type DeviceCertificate, decodeResponse, type DeviceId, deviceCertificateTbs, type DeviceListState, deviceListTbs, encodeDeviceList, firstDeviceList,
  followDeviceList, nextDeviceList,
  deviceRegistrationTbs, encodeDeviceCertificate, encodeRequest, FamilyRole, formatDeviceAuthorization, formatInviteAuthorization, formatRequestProof,
  formatInviteLink, idToBytes, type InviteFor, type InviteId, InvitePlace, inviteProofInput, type JoinRequest, type LinkId, makeId, parseErrorBody, PROOF_HEADER, requestTbs,
  parseInviteLink, type RouteName, type RouteRequest, type RouteResponse, ROUTES, serverOrigin, type TokenScope, tokenRefreshTbs, tokenRequestTbs,
} from '@famichat/protocol'
import { keyPackageBytes } from './mls-bytes.js'
import type { TestServer } from './test-server.js'

export interface KeyPair {
  readonly privateKey: KeyObject
  readonly publicKey: Uint8Array
}

export const makeKeyPair = (): KeyPair => {
  const privateKey = createPrivateKey(generateKeyPairSync('ed25519', { privateKeyEncoding: { format: 'pem', type: 'pkcs8' }, publicKeyEncoding: { format: 'pem', type: 'spki' } }).privateKey)
  return { privateKey, publicKey: fromBase64url(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '') }
}

export const sha256 = (bytes: Uint8Array): Uint8Array => createHash('sha256').update(bytes).digest()

/** Calls a route; a refusal is thrown as the ProtocolError it names. */
export const callRoute = <Name extends RouteName>(
  server: TestServer, name: Name, request: RouteRequest<Name>, authorization?: string,
): Promise<RouteResponse<Name>> => exchange(server, name, initOf(name, request, authorization === undefined ? {} : { authorization }))

/** Sends a call as it is. */
export const exchange = async <Name extends RouteName>(server: TestServer, name: Name, init: RequestInit): Promise<RouteResponse<Name>> => {
  const response = await fetch(server.running.url + ROUTES[name].path, init)
  if (!response.ok) throw parseErrorBody(await response.json())
  return decodeResponse(name, new Uint8Array(await response.arrayBuffer()))
}

const initOf = <Name extends RouteName>(name: Name, request: RouteRequest<Name>, headers: Readonly<Record<string, string>>): RequestInit => {
  const { method } = ROUTES[name]
  return {
    method,
    headers: { ...(method === 'POST' ? { 'content-type': BODY_CONTENT_TYPE } : {}), ...headers },
    ...(method === 'POST' ? { body: encodeRequest(name, request) as Uint8Array<ArrayBuffer> } : {}),
  }
}

/** An account's key and the devices that share it. */
export interface TestAccount {
  readonly accountId: AccountId
  readonly key: KeyPair
}

/** What is known of each account's device list, by the account's key. */
const lists = new WeakMap<KeyPair, DeviceListState>()
/** An account's devices come one after the other: each is on the list that follows the last one. */
const coming = new WeakMap<KeyPair, Promise<unknown>>()

export class TestDevice {
  readonly server: TestServer
  readonly account: TestAccount
  readonly deviceId: DeviceId
  readonly key: KeyPair = makeKeyPair()
  readonly certificate: DeviceCertificate
  token: Uint8Array = new Uint8Array(32)
  refreshToken: Uint8Array = new Uint8Array(32)
  #serial = 0

  constructor(server: TestServer, account: TestAccount = { accountId: makeId<AccountId>(systemRandom), key: makeKeyPair() }) {
    this.server = server
    this.account = account
    this.deviceId = makeId<DeviceId>(systemRandom)
    const statement = {
      version: 1, accountId: account.accountId, deviceId: this.deviceId, accountKey: account.key.publicKey,
      deviceSignatureKey: this.key.publicKey, listNumber: (lists.get(account.key)?.number ?? 0) + 1, createdAtMs: server.clock.nowMs(),
    }
    this.certificate = { ...statement, signature: sign(null, deviceCertificateTbs(statement), account.key.privateKey) }
  }

  /** The account's next device list: with another device, without one, or the first with this one. */
  deviceList(change: { readonly add: TestDevice } | { readonly remove: DeviceId } = { add: this }): Uint8Array {
    const { accountId, key } = this.account
    const state = lists.get(key)
    const listed = (device: TestDevice) => ({ deviceId: device.deviceId, deviceSignatureKey: device.key.publicKey })
    const nowMs = this.server.clock.nowMs()
    const named = 'add' in change ? { add: listed(change.add) } : change
    const list = state === undefined ? firstDeviceList({ accountId, accountKey: key.publicKey }, listed(this), nowMs) : nextDeviceList(state, named, nowMs)
    return encodeDeviceList({ ...list, signature: sign(null, deviceListTbs(list), key.privateKey) })
  }

  /** The server has it. */
  async keepList(deviceList: Uint8Array): Promise<void> {
    const checks = { verify: () => true, digest: sha256 }
    lists.set(this.account.key, await followDeviceList(lists.get(this.account.key), deviceList, checks))
  }

  /** Lists a device that is to come. */
  async list(device: TestDevice): Promise<void> {
    const deviceList = this.deviceList({ add: device })
    await this.call('deviceListAppend', { deviceList })
    await this.keepList(deviceList)
  }

  /** Revokes a device of this account. */
  async revoke(deviceId: DeviceId): Promise<void> {
    const deviceList = this.deviceList({ remove: deviceId })
    await this.call('deviceRevoke', { deviceId, deviceList })
    await this.keepList(deviceList)
  }

  get origin(): string {
    return serverOrigin(this.server.running.url)
  }

  sign(statement: Uint8Array): Uint8Array {
    return sign(null, statement, this.key.privateKey)
  }

  call<Name extends RouteName>(name: Name, request: RouteRequest<Name>): Promise<RouteResponse<Name>> {
    return exchange(this.server, name, this.init(name, request))
  }

  /** A call as `fetch` takes it, proved by this device; another device's token may be named. */
  init<Name extends RouteName>(name: Name, request: RouteRequest<Name>, token = this.token): RequestInit {
    return initOf(name, request, this.headers(name, encodeRequest(name, request), token))
  }

  /** Token and proof for a call with this body. */
  headers(name: RouteName, body: Uint8Array, token = this.token): Readonly<Record<string, string>> {
    const { method, path } = ROUTES[name]
    const [timeMs, nonce] = [this.server.clock.nowMs(), systemRandom(16)]
    const signature = this.sign(requestTbs({ origin: this.origin, token, method, path, timeMs, nonce, body }))
    return { authorization: formatDeviceAuthorization(token), [PROOF_HEADER]: formatRequestProof({ timeMs, nonce, signature }) }
  }

  keyPackages(count: number, options: { isLastResort?: boolean; cipherSuite?: number; lifetimeSeconds?: number } = {}): Uint8Array[] {
    return Array.from({ length: count }, () =>
      keyPackageBytes({ signatureKey: this.key.publicKey, serial: ++this.#serial, nowMs: this.server.clock.nowMs(), ...options }))
  }

  registration(admission: InviteId | LinkId | AccountId, keyPackages: readonly Uint8Array[] = []): Omit<JoinRequest, 'accountName' | 'familyName'> {
    const certificate = encodeDeviceCertificate(this.certificate)
    const statement = deviceRegistrationTbs({ origin: this.origin, admission: idToBytes(admission), certificate })
    return { certificate, deviceList: this.deviceList(), joinerProof: undefined, sealedDeviceName: undefined, registrationSignature: this.sign(statement), keyPackages: { keyPackages } }
  }

  async join(link: string, accountName: string, keyPackageCount = 0, familyName?: string): Promise<RouteResponse<'join'>> {
    const { inviteId, secret } = parseInviteLink(link)
    const request = { accountName, familyName, ...this.registration(inviteId, this.keyPackages(keyPackageCount)) }
    const proof = sha256(inviteProofInput(inviteId, secret))
    const joined = await callRoute(this.server, 'join', request, formatInviteAuthorization(inviteId, proof))
    if (!lists.has(this.account.key)) await this.keepList(request.deviceList)
    return joined
  }

  async signIn(scope?: TokenScope): Promise<void> {
    const { nonce } = await callRoute(this.server, 'tokenChallenge', {})
    const statement = tokenRequestTbs({ origin: this.origin, nonce, deviceId: this.deviceId, scope })
    const issued = await callRoute(this.server, 'tokenIssue', { deviceId: this.deviceId, nonce, scope, signature: this.sign(statement) })
    this.token = issued.token
    this.refreshToken = issued.refreshToken
  }

  /** The pair a refresh token gives, asked for with this device's signature. */
  refresh(refreshToken = this.refreshToken, deviceId = this.deviceId): Promise<RouteResponse<'tokenRefresh'>> {
    const signature = this.sign(tokenRefreshTbs({ origin: this.origin, refreshToken, deviceId }))
    return callRoute(this.server, 'tokenRefresh', { deviceId, refreshToken, signature })
  }

  /** Makes an invite link. */
  async invite(invited: InviteFor = { place: InvitePlace.ownFamily, familyRole: FamilyRole.adult }): Promise<string> {
    const inviteId = makeId<InviteId>(systemRandom)
    const secret = systemRandom(16)
    await this.call('inviteCreate', { inviteId, proofHash: sha256(sha256(inviteProofInput(inviteId, secret))), invited })
    return formatInviteLink({ origin: this.origin, inviteId, secret, inviterFingerprint: undefined })
  }

  /** Links and registers a further device of this account. */
  addDevice(keyPackageCount = 0): Promise<TestDevice> {
    const added = (coming.get(this.account.key) ?? Promise.resolve()).then(() => this.#addNext(keyPackageCount))
    coming.set(this.account.key, added.catch(() => undefined))
    return added
  }

  async #addNext(keyPackageCount: number): Promise<TestDevice> {
    const device = new TestDevice(this.server, this.account)
    const { linkId } = await this.call('linkOpen', {})
    await callRoute(this.server, 'linkOffer', { linkId, sealed: Uint8Array.of(1) })
    await this.list(device)
    await this.call('linkAnswer', { linkId, sealed: Uint8Array.of(2) })
    await callRoute(this.server, 'deviceRegister', { linkId, ...device.registration(linkId, device.keyPackages(keyPackageCount)) })
    await device.signIn()
    return device
  }
}

/** The first account's device, signed in. */
export const firstDevice = async (server: TestServer): Promise<TestDevice> => {
  const device = new TestDevice(server)
  await device.join(server.running.setupLink ?? '', 'Ana', 3)
  await device.signIn()
  return device
}

/** A further account's device, signed in. */
export const invitedDevice = async (inviter: TestDevice, name: string, keyPackageCount = 3, invited?: InviteFor): Promise<TestDevice> => {
  const device = new TestDevice(inviter.server)
  await device.join(await inviter.invite(invited), name, keyPackageCount)
  await device.signIn()
  return device
}
