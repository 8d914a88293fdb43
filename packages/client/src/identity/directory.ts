/**
 * The community's directory as the server tells it, held against what this device knows: names and keys that were seen
 * before stay what they were.
 */
import { equal } from '@famichat/base'
import { type AccountId, accountNameKey, decodeDeviceCertificate, type DeviceCertificate, type DeviceId, type Directory, FamilyRole, listedDevices, normalizeAccountName, ProtocolError } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { decodeRecord, encodeRecord, IdentityRecord, InviteSide, InviteState, NameRecord, PinSource } from '../store/records.js'
import type { Change } from '../store/store.js'
import type { WorkspaceContext } from '../conversation/workspace.js'
import { type DeviceLists, readDeviceList } from './device-lists.js'
import { accountFingerprint } from './identity.js'
import { inviteChange, readImpostors, readInvites } from './invite-secrets.js'
import { findKeyChanges } from './key-changes.js'

/** A household in the community. */
export type DirectoryFamily = Directory['families'][number]
/** A person in the community. */
export type DirectoryAccount = Directory['accounts'][number]

/** Names of people, for screens. */
export class People {
  readonly #context: WorkspaceContext
  readonly #lists: DeviceLists
  #directory: readonly DirectoryAccount[] = []
  #families: readonly DirectoryFamily[] = []

  constructor(context: WorkspaceContext, lists: DeviceLists) {
    this.#context = context
    this.#lists = lists
  }

  /** What the server said last. */
  get accounts(): readonly DirectoryAccount[] {
    return this.#directory
  }

  /** The households, as the server said last. */
  get families(): readonly DirectoryFamily[] {
    return this.#families
  }

  /**
   * Takes a fresh directory: new names are kept, the person who invited this account is looked for, keys are compared.
   * @returns whose key is seen to have changed now
   * @throws ClientError `client.invite.inviter_missing`
   */
  async take({ accounts, families }: Directory): Promise<readonly AccountId[]> {
    this.#families = families
    this.#directory = accounts.map((account) => ({ ...account, accountKey: account.accountKey.slice() }))
    const { store, clock } = this.#context
    return store.exclusive(async () => {
      const changes: Change[] = []
      for (const { accountId, accountName } of this.#directory) {
        if (await store.get('names', accountId) !== undefined) continue
        changes.push({ table: 'names', key: accountId, value: encodeRecord(NameRecord, { accountName: normalizeAccountName(accountName) }) })
      }
      changes.push(...await this.#pinInviter())
      const found = await findKeyChanges(store, this.#directory, clock.nowMs())
      changes.push(...found.changes)
      if (changes.length > 0) await store.write(changes)
      return found.changed
    })
  }

  /** The name under which an account was first seen. */
  async nameOf(accountId: AccountId): Promise<string> {
    const stored = await this.#context.store.get('names', accountId)
    return stored === undefined ? accountId : decodeRecord(NameRecord, stored).accountName
  }

  /**
   * The account with a name, if it is who it was before.
   * @throws ClientError `client.member.unknown` | `client.account.ended` | `client.member.changed` | `client.invite.joiner_differs`
   */
  async find(name: string): Promise<DirectoryAccount> {
    const account = this.named(name)
    if (account.isEnded) throw new ClientError('client.account.ended')
    if ((await readImpostors(this.#context.store)).has(account.accountId)) throw new ClientError('client.invite.joiner_differs', { accountId: account.accountId })
    const key = accountNameKey(account.accountName)
    const nameBefore = await this.nameOf(account.accountId)
    const pinned = await this.#context.trust.pinned(account.accountId)
    const isSameName = accountNameKey(nameBefore) === key
    const isSameKey = pinned === undefined || equal(pinned.accountKey, account.accountKey)
    if (!isSameName || !isSameKey || await this.#isNameOfOther(key, account.accountId)) throw new ClientError('client.member.changed')
    return account
  }

  /** The account that the server shows under a name, whoever that is. @throws ClientError `client.member.unknown` */
  named(name: string): DirectoryAccount {
    const key = keyOf(name)
    const account = this.#directory.find(({ accountName }) => key !== undefined && accountNameKey(accountName) === key)
    if (account === undefined) throw new ClientError('client.member.unknown')
    return account
  }

  /** Devices of an account that are in use: on its newest list, certified by it, and there at the server; all else is left out. */
  async activeDevices({ accountId, devices }: DirectoryAccount): Promise<readonly DeviceId[]> {
    await this.#lists.ensure([accountId])
    const listed = new Set(listedDevices(await readDeviceList(this.#context.store, accountId)).map(({ deviceId }) => deviceId))
    const active: DeviceId[] = []
    for (const { deviceId, certificate: bytes, isRevoked, isPending } of devices) {
      if (isRevoked || isPending || !listed.has(deviceId)) continue
      const certificate = readCertificate(bytes)
      const isCertified = certificate?.accountId === accountId && certificate.deviceId === deviceId && await this.#context.trust.vouches(certificate)
      if (isCertified) active.push(deviceId)
    }
    return active
  }

  /**
   * Devices that are shut out by the server's word, because no list can tell it: a child's by a guardian, and those of an account
   * that was ended. Of anybody else the account's own list counts alone (E13).
   */
  get revoked(): ReadonlySet<DeviceId> {
    const concerned = this.#directory.filter(({ isEnded, familyRole }) => isEnded || familyRole === FamilyRole.child)
    return new Set(concerned.flatMap(({ devices }) => devices.filter(({ isRevoked }) => isRevoked).map(({ deviceId }) => deviceId)))
  }

  async #isNameOfOther(key: string, accountId: AccountId): Promise<boolean> {
    for (const { key: other, value } of await this.#context.store.list('names', { prefix: '' })) {
      if (other !== accountId && accountNameKey(decodeRecord(NameRecord, value).accountName) === key) return true
    }
    return false
  }

  /** The invite link promised a fingerprint: the account that has it is pinned; without it nothing goes on (E14). */
  async #pinInviter(): Promise<readonly Change[]> {
    const { store, suite, trust } = this.#context
    const stored = await store.get('profile', 'identity')
    const identity = stored && decodeRecord(IdentityRecord, stored)
    const promised = identity?.inviterFingerprint
    if (identity === undefined || promised === undefined) return []
    const inviter = this.#directory.find(({ accountKey }) => equal(accountFingerprint(suite, accountKey), promised))
    if (inviter === undefined || !(await trust.pin(inviter.accountId, inviter.accountKey, PinSource.invite))) {
      trust.forget()
      throw new ClientError('client.invite.inviter_missing')
    }
    const received = (await readInvites(store)).filter(({ record: { side, state } }) => side === InviteSide.received && state === InviteState.open)
    return [
      ...trust.takeChanges(),
      ...received.map((invite) => inviteChange({ ...invite, record: { ...invite.record, state: InviteState.bound, peer: inviter.accountId } })),
      { table: 'profile', key: 'identity', value: encodeRecord(IdentityRecord, { ...identity, inviterFingerprint: undefined }) },
    ]
  }
}

/** Undefined for bytes that are none: the server made them up. */
export const readCertificate = (bytes: Uint8Array): DeviceCertificate | undefined => {
  try {
    return decodeDeviceCertificate(bytes)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}

const keyOf = (name: string): string | undefined => {
  try {
    return accountNameKey(name)
  } catch (error) {
    if (error instanceof ProtocolError) return undefined
    throw error
  }
}
