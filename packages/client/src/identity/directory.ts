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
    await this.#requireKnown([account])
    return account
  }

  /** The accounts with some names, in their order. @throws what {@link People.find} throws for any of them */
  async findAll(names: readonly string[]): Promise<readonly DirectoryAccount[]> {
    const byName = new Map([...this.#directory].reverse().map((account) => [accountNameKey(account.accountName), account]))
    const accounts = names.map((name) => {
      const account = byName.get(keyOf(name) ?? '')
      if (account === undefined) throw new ClientError('client.member.unknown')
      return account
    })
    await this.#requireKnown(accounts)
    return accounts
  }

  /** Whether this device has ever known another account by a name. */
  async isSomebodyElse(name: string): Promise<boolean> {
    const { store, identity: { accountId: own } } = this.#context
    const key = keyOf(name)
    return (await store.list('names', { prefix: '' })).some((stored) => stored.key !== own && accountNameKey(decodeRecord(NameRecord, stored.value).accountName) === key)
  }

  /** The account that the server shows under a name, whoever that is. @throws ClientError `client.member.unknown` */
  named(name: string): DirectoryAccount {
    const key = keyOf(name)
    const account = this.#directory.find(({ accountName }) => key !== undefined && accountNameKey(accountName) === key)
    if (account === undefined) throw new ClientError('client.member.unknown')
    return account
  }

  /** Starts to follow the device lists of accounts, all with few calls: {@link People.activeDevices} would ask for each. */
  follow(accounts: readonly DirectoryAccount[]): Promise<void> {
    return this.#lists.ensure(accounts.map(({ accountId }) => accountId))
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

  /** Names and keys that were seen before stay what they were: nobody is taken for somebody else. */
  async #requireKnown(accounts: readonly DirectoryAccount[]): Promise<void> {
    const { store, trust } = this.#context
    const impostors = await readImpostors(store)
    const before = (await store.list('names', { prefix: '' })).map(({ key, value }) => ({ accountId: key, nameKey: accountNameKey(decodeRecord(NameRecord, value).accountName) }))
    const nameOf = new Map(before.map(({ accountId, nameKey }) => [accountId, nameKey]))
    const bearers = new Map<string, number>()
    for (const { nameKey } of before) bearers.set(nameKey, (bearers.get(nameKey) ?? 0) + 1)
    for (const { accountId, accountName, accountKey, isEnded } of accounts) {
      if (isEnded) throw new ClientError('client.account.ended')
      if (impostors.has(accountId)) throw new ClientError('client.invite.joiner_differs', { accountId })
      const nameKey = accountNameKey(accountName)
      const pinned = await trust.pinned(accountId)
      const isItsName = nameOf.get(accountId) === nameKey && bearers.get(nameKey) === 1
      const isItsKey = pinned === undefined || equal(pinned.accountKey, accountKey)
      if (!isItsName || !isItsKey) throw new ClientError('client.member.changed')
    }
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
