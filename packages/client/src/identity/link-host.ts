/**
 * The existing device's side of a device link: waits for the new device's key, vouches for it, and brings the new device
 * into every conversation.
 */
import { decode, equal, isCodedError, utf8 } from '@famichat/base'
import { type DeviceId, encodeDeviceCertificate, LIFETIMES } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import type { Engine } from '../engine.js'
import type { Surroundings } from '../platform.js'
import { decodeRecord, NameRecord, PinRecord } from '../store/records.js'
import { type DeviceLink, encodeLinkAnswer, formatDeviceLink, knownThatFit, type LinkAnswer, makeLinkSecret, openLinkMail, sealLinkMail } from './device-link.js'
import { certifyDevice, LinkOffer } from './identity.js'
import type { AccountId } from '@famichat/protocol'

const POLL_MS = 400

/** A link that waits for its device. */
export interface LinkOffering {
  readonly link: string
  readonly expiresAtMs: number
  /** Returns when the device is in all conversations. @throws ClientError `client.link.*` */
  complete(): Promise<DeviceId>
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
    const { linkId, expiresAtMs } = await connection.calls.call('linkOpen', {})
    const link = { origin: identity.origin, linkId, secret: makeLinkSecret(this.#surroundings.random) }
    return { link: formatDeviceLink(link), expiresAtMs, complete: () => this.#complete(link) }
  }

  async #complete(link: DeviceLink): Promise<DeviceId> {
    const { connection } = this.#engine
    const { suite, random } = this.#surroundings
    const { linkId } = link
    const sealed = await this.#poll(async () => (await connection.calls.call('linkRead', { linkId })).sealed)
    const { deviceId, deviceSignatureKey } = readOffer(openLinkMail(suite, link, { direction: 'offer', sealed }))
    const plaintext = encodeLinkAnswer(await this.#answer(deviceId, deviceSignatureKey))
    await connection.calls.call('linkAnswer', { linkId, sealed: sealLinkMail(suite, link, { direction: 'answer', plaintext, random }) })
    await this.#poll(async () => {
      await this.#engine.refreshPeople()
      const own = this.#engine.people.accounts.find(({ accountId }) => accountId === this.#engine.workspace.context.identity.accountId)
      return own?.devices.find((device) => device.deviceId === deviceId)
    })
    await this.#engine.sync()
    return deviceId
  }

  async #answer(deviceId: DeviceId, deviceSignatureKey: Uint8Array): Promise<LinkAnswer> {
    const { accountSigner, accountId, accountName } = this.#engine.workspace.context.identity
    if (accountSigner === undefined) throw new ClientError('client.account.no_key')
    const certificate = await certifyDevice(accountSigner, { accountId, deviceId, deviceSignatureKey, nowMs: this.#surroundings.clock.nowMs() })
    return { certificate: encodeDeviceCertificate(certificate), accountName, known: knownThatFit(await this.#knownAccounts()) }
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
const readOffer = (bytes: Uint8Array): { deviceId: DeviceId; deviceSignatureKey: Uint8Array } => {
  try {
    const { label, deviceId, deviceSignatureKey } = decode(LinkOffer, bytes.slice())
    if (!equal(label, utf8('Famichat 1.0 LinkOffer'))) throw new ClientError('client.link.refused')
    return { deviceId, deviceSignatureKey }
  } catch (error) {
    if (error instanceof ClientError || !isCodedError(error)) throw error
    throw new ClientError('client.link.refused', { reason: error.code })
  }
}
