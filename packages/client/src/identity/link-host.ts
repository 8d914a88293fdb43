/**
 * The existing device's side of a device link: waits for the new device's key, vouches for it, and brings the new device
 * into every conversation.
 */
import { decode, equal, isCodedError, utf8 } from '@famichat/base'
import { type AccountId, type DeviceId, type DeviceListState, encodeDeviceCertificate, FamilyRole, LIFETIMES, listedDevices, type ListedDevice } from '@famichat/protocol'
import { wantTransfer } from '../archive/transfer-notes.js'
import { ClientError } from '../client-error.js'
import { isDeviceName } from '../content/device-name.js'
import type { TransferOptions } from '../conversation/files.js'
import type { Engine } from '../engine.js'
import type { Surroundings } from '../platform.js'
import { decodeRecord, DeviceListRecord, encodeRecord, NameRecord, PinRecord } from '../store/records.js'
import { type DeviceLink, encodeLinkAnswer, formatDeviceLink, knownThatFit, type LinkAnswer, makeLinkSecret, openLinkMail, sealLinkMail } from './device-link.js'
import { deviceNameChange, readDeviceNames } from './device-names.js'
import { certifyDevice, LinkOffer } from './identity.js'
import { readIdentity } from './joining.js'
import { changeOwnList } from './own-devices.js'

const POLL_MS = 400

/** A link that waits for its device. */
export interface LinkOffering {
  readonly link: string
  readonly expiresAtMs: number
  /**
   * Returns when the device is in all conversations and the server has, sealed for it, what was said so far; that is what
   * `onProgress` hears of. Cut off, it goes on with the next sync.
   * @throws ClientError `client.link.*`
   */
  complete(options?: Pick<TransferOptions, 'onProgress'>): Promise<DeviceId>
}

/** Links devices. */
export class LinkHost {
  readonly #engine: Engine
  readonly #surroundings: Surroundings

  constructor(engine: Engine, surroundings: Surroundings) {
    this.#engine = engine
    this.#surroundings = surroundings
  }

  /** @throws ClientError `client.account.no_key` */
  async offer(): Promise<LinkOffering> {
    const { connection, workspace } = this.#engine
    const { identity } = workspace.context
    if (identity.accountSigner === undefined) throw new ClientError('client.account.no_key')
    await this.#engine.refreshPeople()
    const { linkId, expiresAtMs } = await connection.calls.call('linkOpen', {})
    const link = { origin: identity.origin, linkId, secret: makeLinkSecret(this.#surroundings.random) }
    return { link: formatDeviceLink(link), expiresAtMs, complete: (options = {}) => this.#complete(link, options) }
  }

  async #complete(link: DeviceLink, { onProgress }: Pick<TransferOptions, 'onProgress'>): Promise<DeviceId> {
    const { connection } = this.#engine
    const { suite, random } = this.#surroundings
    const { linkId } = link
    const sealed = await this.#poll(async () => (await connection.calls.call('linkRead', { linkId })).sealed)
    const { deviceName, ...device } = readOffer(openLinkMail(suite, link, { direction: 'offer', sealed }))
    const { deviceId } = device
    const plaintext = encodeLinkAnswer(await this.#answer(device))
    await connection.calls.call('linkAnswer', { linkId, sealed: sealLinkMail(suite, link, { direction: 'answer', plaintext, random }) })
    await this.#poll(async () => {
      await this.#engine.refreshPeople()
      const own = this.#engine.people.accounts.find(({ accountId }) => accountId === this.#engine.workspace.context.identity.accountId)
      return own?.devices.find((device) => device.deviceId === deviceId)
    })
    if (deviceName !== undefined && isDeviceName(deviceName)) await this.#keepName({ deviceId, name: deviceName })
    if (onProgress !== undefined) await this.#engine.transfers.listen(deviceId, onProgress)
    await this.#engine.sync()
    return deviceId
  }

  /** Lists the device, then vouches for it; an adult's devices all hold the account's key. */
  async #answer(device: ListedDevice): Promise<LinkAnswer> {
    const { connection, workspace: { context: { store, clock, random, identity: { accountSigner, accountId, accountName } } } } = this.#engine
    if (accountSigner === undefined) throw new ClientError('client.account.no_key')
    const list = await changeOwnList(this.#engine, { add: device }, (deviceList) => connection.calls.call('deviceListAppend', { deviceList }))
    const certificate = await certifyDevice(accountSigner, { accountId, ...device, listNumber: list.number, nowMs: clock.nowMs() })
    const accountPrivateKey = this.#isChild() ? undefined : (await readIdentity(store))?.accountPrivateKey
    const transferKey = random(32)
    await store.exclusive(() => store.write([wantTransfer(device.deviceId, { transferKey, withPhrase: accountPrivateKey !== undefined })]))
    return {
      certificate: encodeDeviceCertificate(certificate), accountName, accountPrivateKey, transferKey, deviceList: encodeRecord(DeviceListRecord, list),
      known: knownThatFit(await this.#knownAccounts()),
      deviceNames: await this.#deviceNames(list),
    }
  }

  #keepName(named: { readonly deviceId: DeviceId; readonly name: string }): Promise<void> {
    const { store, clock } = this.#surroundings
    return store.exclusive(() => store.write([deviceNameChange({ ...named, namedAtMs: clock.nowMs() })]))
  }

  async #deviceNames(list: DeviceListState): Promise<LinkAnswer['deviceNames']> {
    const names = await readDeviceNames(this.#surroundings.store)
    return listedDevices(list).flatMap(({ deviceId }) => {
      const named = names.get(deviceId)
      return named === undefined ? [] : [{ deviceId, ...named }]
    })
  }

  #isChild(): boolean {
    const { accountId } = this.#engine.workspace.context.identity
    return this.#engine.people.accounts.find((account) => account.accountId === accountId)?.familyRole === FamilyRole.child
  }

  async #knownAccounts(): Promise<LinkAnswer['known']> {
    const { store } = this.#surroundings
    const known: LinkAnswer['known'][number][] = []
    for (const { key, value } of await store.list('pins', { prefix: '' })) {
      const name = await store.get('names', key)
      if (name === undefined) continue
      known.push({ accountId: key as AccountId, accountKey: decodeRecord(PinRecord, value).accountKey, accountName: decodeRecord(NameRecord, name).accountName })
    }
    return known
  }

  async #poll<T>(look: () => Promise<T | undefined>): Promise<T> {
    const { clock, sleep } = this.#surroundings
    const untilMs = clock.nowMs() + LIFETIMES.linkMs
    for (;;) {
      const found = await look()
      if (found !== undefined) return found
      if (clock.nowMs() > untilMs) throw new ClientError('client.link.timed_out')
      await sleep(POLL_MS)
    }
  }
}

/** @throws ClientError `client.link.refused` */
const readOffer = (bytes: Uint8Array): ListedDevice & { readonly deviceName: string | undefined } => {
  try {
    const { label, deviceId, deviceSignatureKey, deviceName } = decode(LinkOffer, bytes.slice())
    if (!equal(label, utf8('Famichat 1.0 LinkOffer'))) throw new ClientError('client.link.refused')
    return { deviceId, deviceSignatureKey, deviceName }
  } catch (error) {
    if (error instanceof ClientError || !isCodedError(error)) throw error
    throw new ClientError('client.link.refused', { reason: error.code })
  }
}
