/**
 * AuthenticationService: whose leaf is this? Answered from the certificate in the leaf, the pinned account keys and the account's
 * signed device list, never from the server (E13). An account that is new here is pinned at first sight; another key for it is
 * refused. A leaf is good when the version of the list that its certificate names has the device: the same answer on every device
 * and at any time, so that old logs can be read. That a device has been taken off the list since is for members to act on.
 */
import { equal } from '@famichat/base'
import type { AuthenticationService, CipherSuite, Claim, Credential } from '@famichat/mls'
import { type AccountId, decodeDeviceCertificate, type DeviceCertificate, ProtocolError, validateDeviceCertificate } from '@famichat/protocol'
import { decodeRecord, encodeRecord, PinRecord, PinSource } from '../store/records.js'
import type { Change, Store } from '../store/store.js'
import { readDeviceList } from './device-lists.js'

/** What trust needs to know. */
export interface TrustContext {
  readonly store: Pick<Store, 'get'>
  readonly suite: CipherSuite
  readonly nowMs: () => number
}

/** The certificate in a credential. @throws ProtocolError `protocol.certificate.refused` */
export const certificateOf = (credential: Credential): DeviceCertificate => {
  if (!('identity' in credential)) throw new ProtocolError('protocol.certificate.refused')
  return decodeDeviceCertificate(credential.identity)
}

/** Judges certificates; what it pins is written with what made it pin. */
export class Trust implements AuthenticationService {
  readonly #context: TrustContext
  readonly #fresh = new Map<AccountId, PinRecord>()
  /** Lists that were not there, and how far they would have to reach. */
  readonly #missing = new Map<AccountId, number>()

  constructor(context: TrustContext) {
    this.#context = context
  }

  async isValid({ credential, signatureKey }: Claim): Promise<boolean> {
    try {
      const certificate = certificateOf(credential)
      return equal(certificate.deviceSignatureKey, signatureKey) && await this.vouches(certificate)
    } catch (error) {
      if (error instanceof ProtocolError) return false
      throw error
    }
  }

  isSuccessor(previous: Claim, next: Claim): boolean {
    const before = certificateOf(previous.credential)
    const after = certificateOf(next.credential)
    return before.deviceId === after.deviceId && before.accountId === after.accountId && equal(before.accountKey, after.accountKey)
  }

  /** True when the account key signed it, is the one pinned for the account, and lists the device where the certificate says; pins it when there is none. */
  async vouches(certificate: DeviceCertificate): Promise<boolean> {
    try {
      await validateDeviceCertificate(certificate, (key, message, signature) => this.#context.suite.signature.verify(key, message, signature))
    } catch (error) {
      if (error instanceof ProtocolError) return false
      throw error
    }
    return await this.#isListed(certificate) && this.pin(certificate.accountId, certificate.accountKey, PinSource.firstSight)
  }

  /** A version of somebody's list is needed that is not here. */
  wantList(accountId: AccountId, number: number): void {
    this.#missing.set(accountId, Math.max(number, this.#missing.get(accountId) ?? 0))
  }

  /** The lists that were needed and were not here since the last call, and how far they have to reach. */
  takeMissing(): ReadonlyMap<AccountId, number> {
    const missing = new Map(this.#missing)
    this.#missing.clear()
    return missing
  }

  async #isListed({ accountId, accountKey, deviceId, deviceSignatureKey, listNumber }: DeviceCertificate): Promise<boolean> {
    const state = await readDeviceList(this.#context.store, accountId)
    if (state === undefined || state.number < listNumber) {
      this.wantList(accountId, listNumber)
      return false
    }
    return equal(state.accountKey, accountKey)
      && state.devices.some((device) => device.deviceId === deviceId && device.listedIn === listNumber && equal(device.deviceSignatureKey, deviceSignatureKey))
  }

  /** Pins an account's key; false when another one is pinned. */
  async pin(accountId: AccountId, accountKey: Uint8Array, source: PinSource): Promise<boolean> {
    const stored = await this.pinned(accountId)
    // looked at again after the await: leaves are judged side by side, and two may claim one account
    const pinned = this.#fresh.get(accountId) ?? stored
    if (pinned !== undefined) return equal(pinned.accountKey, accountKey)
    this.#fresh.set(accountId, { accountKey: accountKey.slice(), source, pinnedAtMs: this.#context.nowMs() })
    return true
  }

  /** The key that is known for an account. */
  async pinned(accountId: AccountId): Promise<PinRecord | undefined> {
    const fresh = this.#fresh.get(accountId)
    if (fresh !== undefined) return fresh
    const stored = await this.#context.store.get('pins', accountId)
    return stored && decodeRecord(PinRecord, stored)
  }

  /** Pins made since the last call, to be written. */
  takeChanges(): readonly Change[] {
    const changes = [...this.#fresh].map(([accountId, pin]): Change => ({ table: 'pins', key: accountId, value: encodeRecord(PinRecord, pin) }))
    this.#fresh.clear()
    return changes
  }

  /** Forgets pins that were not written: what made them was refused. */
  forget(): void {
    this.#fresh.clear()
  }
}
