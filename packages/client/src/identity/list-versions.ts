/**
 * The last signed versions of each device list as they came, kept for the day the server loses them: a server that was restored from
 * a backup gets them back. Versions only go to the server here; none is ever taken from it for being asked.
 */
import { equal, isCodedError } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import { type AccountId, decodeDeviceList, deviceListHash, type DeviceListState } from '@famichat/protocol'
import type { DeviceCalls } from '../net/http.js'
import { PARAMETERS } from '../parameters.js'
import type { Change, Store } from '../store/store.js'

const KEPT = PARAMETERS.listVersionsKept
const KEY_DIGITS = 3

const keyOf = (accountId: AccountId, number: number): string => `${accountId}/${String(number % KEPT).padStart(KEY_DIGITS, '0')}`

/** Keeps a version in the place of the one that is `listVersionsKept` older. */
export const keepVersion = (accountId: AccountId, bytes: Uint8Array): Change =>
  ({ table: 'listVersions', key: keyOf(accountId, decodeDeviceList(bytes).number), value: bytes.slice() })

/** True for the bytes of a version that this device has followed. */
export const isVersionOf = ({ hash }: CipherSuite, state: DeviceListState, bytes: Uint8Array): boolean => {
  const known = state.hashes[decodeDeviceList(bytes).number - 1]
  return known !== undefined && equal(known, deviceListHash(bytes, (input) => hash.digest(input)))
}

/** The last version of a list as it was signed; undefined when it is not here. */
export const lastVersion = async (store: Pick<Store, 'get'>, { accountId, number }: DeviceListState): Promise<Uint8Array | undefined> => {
  const bytes = await store.get('listVersions', keyOf(accountId, number))
  return bytes !== undefined && decodeDeviceList(bytes).number === number ? bytes : undefined
}

/** What the first request for the versions of an account has to name, so that all come that can be kept. */
export const keptAfter = ({ number }: DeviceListState): number => Math.max(0, number - KEPT)

/**
 * Gives the server the versions after `after` of a list, all or none.
 * @returns what became of it: `lost` when not all of them are here, `forked` when the server has another course
 */
export const giveBackVersions = async (
  { store, suite, calls }: { readonly store: Pick<Store, 'get'>; readonly suite: CipherSuite; readonly calls: DeviceCalls }, state: DeviceListState, after: number,
): Promise<'given' | 'lost' | 'forked'> => {
  const lists: Uint8Array[] = []
  for (let number = after + 1; number <= state.number; number++) {
    const bytes = await store.get('listVersions', keyOf(state.accountId, number))
    if (bytes === undefined || decodeDeviceList(bytes).number !== number || !isVersionOf(suite, state, bytes)) return 'lost'
    lists.push(bytes)
  }
  try {
    await calls.call('deviceListReturn', { lists })
    return 'given'
  } catch (error) {
    if (isCodedError(error, 'protocol.device_list.conflict')) return 'forked'
    // a narrowed token may not: others give back
    if (isCodedError(error, 'protocol.device_list.refused') || isCodedError(error, 'protocol.access.refused')) return 'lost'
    throw error
  }
}
