/**
 * Account bundles: what an account leaves for its new devices, sealed by its own. The server stores one for each account and
 * reads none; a device replaces only the version it has seen, so that no two undo each other's locks.
 */
import { type AccountId, type BundleReplacement, type Nothing, ProtocolError, type StoredBundle } from '@famichat/protocol'
import type { AuthenticatedDevice, Services } from '../services.js'
import type { Store } from '../storage/open-database.js'

/** The bundle of an account, if it left one. */
export const readBundle = async (store: Store, accountId: AccountId): Promise<StoredBundle> => {
  const bundle = await store.selectFrom('bundles').select(['version', 'sealed']).where('account_id', '=', accountId).executeTakeFirst()
  return { bundle }
}

/** Stores a bundle. The same again is harmless. @throws ProtocolError `protocol.bundle.conflict` */
export const replaceBundle = (services: Services, caller: AuthenticatedDevice, { replaces, sealed }: BundleReplacement): Promise<Nothing> =>
  services.database.write.write(async (store) => {
    const { bundle } = await readBundle(store, caller.accountId)
    const isRetry = bundle?.version === replaces + 1 && Buffer.compare(bundle.sealed, sealed) === 0
    if (isRetry) return {}
    if ((bundle?.version ?? 0) !== replaces) throw new ProtocolError('protocol.bundle.conflict')
    const row = { version: replaces + 1, sealed, stored_at_ms: services.clock.nowMs() }
    await store.insertInto('bundles').values({ account_id: caller.accountId, ...row })
      .onConflict((conflict) => conflict.column('account_id').doUpdateSet(row)).execute()
    return {}
  })
