/**
 * The device lists that this device follows: of each account that it deals with the last version it saw, and nothing that does
 * not follow from it. The server is asked for versions, never for what they say (E13).
 */
import { equal, isCodedError } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import {
  type AccountId, DEVICE_LIST_PREFIX_BYTES, decodeDeviceList, type DeviceListChecks, type DeviceListState, followDeviceList, LIMITS, ProtocolError,
} from '@famichat/protocol'
import type { ClientErrorCode } from '../client-error.js'
import type { DeviceCalls } from '../net/http.js'
import { decodeRecord, DeviceListRecord, encodeRecord, PinSource } from '../store/records.js'
import type { Change, Store } from '../store/store.js'
import { giveBackVersions, isVersionOf, keepVersion, keptAfter, lastVersion } from './list-versions.js'
import type { Trust } from './trust.js'

/** The name of the version that moves whenever a list changes. */
const VERSION_NAME = 'deviceLists'

/** How often lists have changed here: what was worked out from them is good while this stands still. */
export const deviceListsVersion = (store: Pick<Store, 'version'>): Promise<number> => store.version(VERSION_NAME)

/** Writes changes, lists among them, as part of a turn on the profile. */
export const writeDeviceLists = async (store: Store, changes: readonly Change[]): Promise<void> =>
  store.write(changes, { name: VERSION_NAME, version: await deviceListsVersion(store) })

/** What is known of an account's devices. */
export const readDeviceList = async (store: Pick<Store, 'get'>, accountId: AccountId): Promise<DeviceListState | undefined> => {
  const stored = await store.get('deviceLists', accountId)
  return stored && { accountId, ...decodeRecord(DeviceListRecord, stored) }
}

/** Keeps what is known. */
export const deviceListChange = (state: DeviceListState): Change =>
  ({ table: 'deviceLists', key: state.accountId, value: encodeRecord(DeviceListRecord, state) })

/** Checks with a suite's primitives. */
export const deviceListChecks = ({ signature, hash }: CipherSuite): DeviceListChecks =>
  ({ verify: (key, message, signed) => signature.verify(key, message, signed), digest: (bytes) => hash.digest(bytes) })

/** What a message of an account says of its list: a number and the beginning of a hash. */
export interface DeviceListHead {
  readonly listNumber: number
  readonly listPrefix: Uint8Array
}

/** The head of a list, as messages carry it. */
export const deviceListHeadOf = (state: DeviceListState | undefined): DeviceListHead =>
  ({ listNumber: state?.number ?? 0, listPrefix: prefixAt(state, state?.number ?? 0) })

/** How a head compares with what is known: `ahead` when this device has not seen that version yet. */
export const compareHead = (state: DeviceListState | undefined, { listNumber, listPrefix }: DeviceListHead): 'same' | 'ahead' | 'forked' => {
  if (listNumber > (state?.number ?? 0)) return 'ahead'
  return equal(prefixAt(state, listNumber), listPrefix) ? 'same' : 'forked'
}

const prefixAt = (state: DeviceListState | undefined, number: number): Uint8Array =>
  state?.hashes[number - 1]?.slice(0, DEVICE_LIST_PREFIX_BYTES) ?? new Uint8Array(DEVICE_LIST_PREFIX_BYTES)

/** What following lists works with. */
export interface DeviceListsContext {
  readonly store: Store
  readonly suite: CipherSuite
  readonly trust: Trust
  readonly calls: DeviceCalls
}

/** Follows lists. */
export class DeviceLists {
  readonly #context: DeviceListsContext
  readonly #problems = new Map<AccountId, ClientErrorCode>()
  /** Whose list has taken another course at the server than the one that was to be given back. */
  readonly #forked = new Set<AccountId>()

  constructor(context: DeviceListsContext) {
    this.#context = context
  }

  /** Whose list is not as it should be, as it was seen last. */
  get problems(): ReadonlyMap<AccountId, ClientErrorCode> {
    return this.#problems
  }

  /** Takes what the server says is new of the lists that are followed; numbers that went back are a problem (S13). */
  async follow(accounts: readonly { readonly accountId: AccountId; readonly deviceListNumber: number }[]): Promise<void> {
    const known = new Map((await this.#context.store.list('deviceLists', { prefix: '' })).map(({ key, value }) => [key, decodeRecord(DeviceListRecord, value).number]))
    this.#problems.clear()
    for (const { accountId, deviceListNumber } of accounts) {
      if (deviceListNumber >= (known.get(accountId) ?? 0)) continue
      this.#problems.set(accountId, this.#forked.has(accountId) ? 'client.device_list.forked' : 'client.device_list.rolled_back')
    }
    await this.refresh(accounts.filter(({ accountId, deviceListNumber }) => deviceListNumber > (known.get(accountId) ?? Infinity)).map(({ accountId }) => accountId))
  }

  /**
   * Gives the server the versions that it had and shows no more: it was restored from an older copy of itself, or says so. What is
   * known here stays whatever becomes of it.
   * @returns true when it took any, and has to show them now
   */
  async giveBack(accounts: readonly { readonly accountId: AccountId; readonly deviceListNumber: number }[]): Promise<boolean> {
    this.#forked.clear()
    let isGiven = false
    for (const { accountId, deviceListNumber } of accounts) {
      const state = await readDeviceList(this.#context.store, accountId)
      if (state === undefined || deviceListNumber >= state.number) continue
      const outcome = await giveBackVersions(this.#context, state, deviceListNumber)
      if (outcome === 'forked') this.#forked.add(accountId)
      isGiven ||= outcome === 'given'
    }
    return isGiven
  }

  /** Asks for the signed versions of a list that is known and was not kept: it came with a link, or out of an archive. */
  async keep(accountId: AccountId): Promise<void> {
    const { store, calls } = this.#context
    const state = await readDeviceList(store, accountId)
    if (state === undefined || await lastVersion(store, state) !== undefined) return
    const { lists } = await calls.call('deviceListRead', { accounts: [{ accountId, afterNumber: keptAfter(state) }] })
    await this.#take(new Set([accountId]), lists)
  }

  /** Starts to follow accounts that are not followed yet. */
  async ensure(accountIds: readonly AccountId[]): Promise<void> {
    const missing: AccountId[] = []
    for (const accountId of accountIds) if (await readDeviceList(this.#context.store, accountId) === undefined) missing.push(accountId)
    await this.refresh(missing)
  }

  /** Asks for the lists that were needed to judge something and were not there. @returns true when anything new came */
  async fetchMissing(): Promise<boolean> {
    const missing = this.#context.trust.takeMissing()
    if (missing.size === 0) return false
    const hasNews = await this.refresh([...missing.keys()])
    for (const [accountId, number] of missing) {
      const isThere = ((await readDeviceList(this.#context.store, accountId))?.number ?? 0) >= number
      if (!isThere && !this.#problems.has(accountId)) this.#problems.set(accountId, 'client.device_list.withheld')
    }
    return hasNews
  }

  /** Asks for the versions after those that are known. @returns true when anything new came */
  async refresh(accountIds: readonly AccountId[]): Promise<boolean> {
    let hasNews = false
    for (let from = 0; from < accountIds.length; from += LIMITS.deviceListsPerRead) {
      const asked = accountIds.slice(from, from + LIMITS.deviceListsPerRead)
      for (let hasMore = true; hasMore;) {
        const accounts: { accountId: AccountId; afterNumber: number }[] = []
        for (const accountId of asked) accounts.push({ accountId, afterNumber: (await readDeviceList(this.#context.store, accountId))?.number ?? 0 })
        const answer = await this.#context.calls.call('deviceListRead', { accounts })
        const isNew = await this.#take(new Set(asked), answer.lists)
        hasNews ||= isNew
        hasMore = answer.hasMore && isNew
      }
    }
    return hasNews
  }

  /** Takes versions that follow, of these accounts; what does not is a problem of that account and changes nothing. */
  #take(asked: ReadonlySet<AccountId>, lists: readonly Uint8Array[]): Promise<boolean> {
    const { store, suite, trust } = this.#context
    const checks = deviceListChecks(suite)
    return store.exclusive(async () => {
      const states = new Map<AccountId, DeviceListState>()
      const kept: Change[] = []
      for (const bytes of lists) {
        const accountId = accountOf(bytes)
        if (accountId === undefined || !asked.has(accountId)) continue
        try {
          const before = states.get(accountId) ?? await readDeviceList(store, accountId)
          const isKnown = before !== undefined && isVersionOf(suite, before, bytes)
          if (isKnown) {
            kept.push(keepVersion(accountId, bytes))
            continue
          }
          const next = await followDeviceList(before, bytes, checks)
          if (!(await trust.pin(accountId, next.accountKey, PinSource.firstSight))) throw new ProtocolError('protocol.device_list.refused')
          states.set(accountId, next)
          kept.push(keepVersion(accountId, bytes))
        } catch (error) {
          if (!(error instanceof ProtocolError)) throw error
          const isFork = error.code === 'protocol.device_list.conflict'
          this.#problems.set(accountId, isFork ? 'client.device_list.forked' : 'client.device_list.refused')
        }
      }
      const changes = [...trust.takeChanges(), ...[...states.values()].map(deviceListChange), ...kept]
      if (changes.length > 0) await writeDeviceLists(store, changes)
      return states.size > 0
    })
  }
}

const accountOf = (bytes: Uint8Array): AccountId | undefined => {
  try {
    return decodeDeviceList(bytes).accountId
  } catch (error) {
    if (!isCodedError(error)) throw error
    return undefined
  }
}
