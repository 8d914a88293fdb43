/**
 * This device's KeyPackages: made in stock, private halves kept until a Welcome uses them, topped up when few are left.
 */
import { PARAMETERS } from '../parameters.js'
import { type Clock, type RandomBytes, Secret, toHex } from '@famichat/base'
import { type CipherSuite, decodeKeyPackageBundle, encodeKeyPackageBundle, type KeyPackageBundle, makeKeyPackage, makeLifetime } from '@famichat/mls'
import type { DeviceCalls } from '../net/http.js'
import { decodeRecord, encodeRecord, KeyPackageRecord } from '../store/records.js'
import type { Change, Store } from '../store/store.js'
import { type Identity, leafParameters } from './identity.js'

/** How long a KeyPackage can be used (E19). */
const LIFETIME_SECONDS = BigInt(PARAMETERS.keyPackageLifetimeSeconds)
/** Private halves outlive their KeyPackage a little: its Welcome may be on its way. */
const GRACE_MS = 3 * 24 * 3600 * 1000
/** In stock, the last-resort one not counted. */
const STOCK = PARAMETERS.keyPackagesInStock - 1

/** What making KeyPackages takes. */
export interface KeyPackageContext {
  readonly store: Store
  readonly suite: CipherSuite
  readonly identity: Identity
  readonly clock: Clock
  readonly random: RandomBytes
}

/** A KeyPackage of this device. */
export interface StoredKeyPackage {
  readonly key: string
  readonly isLastResort: boolean
  readonly bundle: KeyPackageBundle
}

interface Fresh {
  readonly messages: readonly Uint8Array[]
  readonly changes: readonly Change[]
}

/** Makes KeyPackages; write the changes before publishing the messages. */
const makeKeyPackages = async (context: KeyPackageContext, count: number, { withLastResort = false } = {}): Promise<Fresh> => {
  const { suite, identity, clock, random } = context
  // clocks of devices differ: what begins now would begin tomorrow for some (RFC 9420 §7.3)
  const lifetime = makeLifetime(BigInt(Math.floor((clock.nowMs() - PARAMETERS.clockDifferenceMs) / 1000)), LIFETIME_SECONDS)
  const messages: Uint8Array[] = []
  const changes: Change[] = []
  for (let i = 0; i < count + (withLastResort ? 1 : 0); i++) {
    const isLastResort = i === count
    const bundle = await makeKeyPackage(suite, identity.signer, { ...leafParameters(identity, random), lifetime, isLastResort })
    const stored = encodeKeyPackageBundle(bundle)
    const record = { isLastResort, notAfterMs: Number(lifetime.notAfter) * 1000, bundle: stored.expose() }
    messages.push(bundle.message)
    changes.push({ table: 'keyPackages', key: toHex(bundle.ref), value: encodeRecord(KeyPackageRecord, record) })
    stored.wipe()
  }
  return { messages, changes }
}

/** The first stock of a device. */
export const makeFirstStock = (context: KeyPackageContext): Promise<Fresh> => makeKeyPackages(context, STOCK, { withLastResort: true })

/** The KeyPackages whose private halves are here. */
export const readKeyPackages = async ({ store, suite }: Pick<KeyPackageContext, 'store' | 'suite'>): Promise<readonly StoredKeyPackage[]> =>
  (await store.list('keyPackages', { prefix: '' })).map(({ key, value }) => {
    const { isLastResort, bundle } = decodeRecord(KeyPackageRecord, value)
    return { key, isLastResort, bundle: decodeKeyPackageBundle(suite, new Secret(bundle)) }
  })

/** Forgets outdated KeyPackages and fills the stock when it is low, or when the last-resort one has to be replaced. */
export const topUpKeyPackages = async (
  context: KeyPackageContext, calls: DeviceCalls, { onWritten, isLastResortUsed }: { readonly onWritten: () => void; readonly isLastResortUsed: boolean },
): Promise<void> => {
  const { store, clock } = context
  const { available, hasLastResort } = await calls.call('keyPackageCount', {})
  const missing = available < PARAMETERS.keyPackagesLow ? STOCK - available : 0
  const withLastResort = !hasLastResort || isLastResortUsed
  if (missing === 0 && !withLastResort) return
  const outdated = (await store.list('keyPackages', { prefix: '' }))
    .filter(({ value }) => decodeRecord(KeyPackageRecord, value).notAfterMs + GRACE_MS < clock.nowMs())
    .map(({ key }): Change => ({ table: 'keyPackages', key, value: undefined }))
  const fresh = await makeKeyPackages(context, missing, { withLastResort })
  await store.exclusive(() => store.write([...outdated, ...fresh.changes]))
  onWritten()
  await calls.call('keyPackageUpload', { keyPackages: fresh.messages })
}
