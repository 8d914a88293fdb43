/**
 * The account bundle: what a new device needs to become one, sealed for whoever opens one of its locks, stored by the server,
 * which opens none. Locked like an archive (E22), and by the account's own key, so that a device of the account can change
 * its locks. Passkeys are never the only lock (E23).
 */
import { concat, decode, encode, equal, fixed, type Infer, isCodedError, opaque, optional, type RandomBytes, struct, text, uint8, utf8, vector, counter } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import { AccountId, LIMITS } from '@famichat/protocol'
import { ArchiveKey, type ArchiveOpener, Lock, LockKind, unwrapKey, wrapKey } from '../archive/archive-locks.js'
import { ClientError } from '../client-error.js'
import { bytes32 } from '../store/fields.js'

/** Somebody the account knows, and by which key. */
const KnownAccount = struct({ accountId: AccountId, accountKey: bytes32, accountName: text(256) })

/** What is inside. */
const BundleContents = struct({
  accountId: AccountId,
  accountName: text(256),
  accountKey: bytes32,
  accountPrivateKey: bytes32,
  /** Behind the recovery phrase, so that the new device has the same one. */
  phraseEntropy: optional(fixed(16)),
  known: vector(KnownAccount, { max: 1024 }),
  createdAtMs: counter,
})
export type BundleContents = Infer<typeof BundleContents>

const VERSION = 1
const SALT_BYTES = 16
const KEY_BYTES = 32
/** Beside the locks of archives: the account's own key. */
const OWN_LOCK_KIND = 4
const LABEL = utf8('Famichat 1.0 AccountBundle')
/** What a bundle may hold beside people. */
const OVERHEAD_BYTES = 32 * 1024

const header = {
  version: uint8,
  accountId: AccountId,
  locks: vector(Lock, { max: LIMITS.passkeysPerAccount + 8 }),
  ownLock: struct({ salt: fixed(SALT_BYTES), sealedKey: fixed(KEY_BYTES + 16) }),
  nonce: opaque({ min: 12, max: 24 }),
}
const Header = struct(header)
const SealedBundle = struct({ ...header, sealed: opaque({ min: 16 }) })

/** A bundle whose key is at hand. Wipe the key. */
export interface OpenBundle {
  readonly key: Uint8Array
  readonly locks: readonly Lock[]
  readonly contents: BundleContents
}

/** Seals a bundle. @throws ClientError `client.passkey.needs_phrase` when only passkeys would open it */
export const sealBundle = (suite: CipherSuite, random: RandomBytes, { key, locks, contents }: OpenBundle): Uint8Array => {
  if (!locks.some(({ kind }) => kind !== LockKind.passkey)) throw new ClientError('client.passkey.needs_phrase')
  const salt = random(SALT_BYTES)
  const ownLock = { salt, sealedKey: wrapKey(suite, { kind: OWN_LOCK_KIND, salt, secret: contents.accountPrivateKey }, key) }
  const nonce = random(suite.aead.nonceLength)
  const top = { version: VERSION, accountId: contents.accountId, locks, ownLock, nonce }
  const sealed = suite.aead.seal(key, nonce, boundTo(top), encode(BundleContents, contents))
  return encode(SealedBundle, { ...top, sealed })
}

/** The locks of a bundle, not yet vouched for by anything. @throws ClientError `client.archive.damaged` */
export const readLocks = (bytes: Uint8Array): readonly Lock[] => decodeBundle(bytes).locks

/** Opens a bundle. @throws ClientError `client.archive.wrong_key` | `client.archive.no_such_lock` | `client.archive.damaged` | `client.recovery.malformed` */
export const openBundle = async (suite: CipherSuite, bytes: Uint8Array, opener: ArchiveOpener): Promise<OpenBundle> => {
  const bundle = decodeBundle(bytes)
  const finder = new ArchiveKey(opener)
  try {
    return openWith(suite, bundle, await finder.find(suite, bundle.locks))
  } finally {
    await finder.wipe()
  }
}

/** Opens a bundle of this account. @throws ClientError `client.archive.wrong_key` | `client.archive.damaged` */
export const openOwnBundle = (suite: CipherSuite, bytes: Uint8Array, accountPrivateKey: Uint8Array): OpenBundle => {
  const bundle = decodeBundle(bytes)
  const { salt, sealedKey } = bundle.ownLock
  return openWith(suite, bundle, unwrapKey(suite, { kind: OWN_LOCK_KIND, salt, secret: accountPrivateKey }, sealedKey))
}

/** The people that fit beside everything else. */
export const knownThatFit = (known: BundleContents['known']): BundleContents['known'] => {
  let left = LIMITS.accountBundleBytes - OVERHEAD_BYTES
  return known.filter((account) => {
    left -= encode(KnownAccount, account).length
    return left >= 0
  })
}

const openWith = (suite: CipherSuite, { sealed, ...top }: Infer<typeof SealedBundle>, key: Uint8Array): OpenBundle => {
  try {
    const contents = decode(BundleContents, suite.aead.open(key, top.nonce, boundTo(top), sealed))
    if (!equal(encode(AccountId, contents.accountId), encode(AccountId, top.accountId))) throw new ClientError('client.archive.damaged')
    return { key, locks: top.locks, contents }
  } catch (cause) {
    key.fill(0)
    throw isCodedError(cause) ? new ClientError('client.archive.damaged') : cause
  }
}

const decodeBundle = (bytes: Uint8Array): Infer<typeof SealedBundle> => {
  try {
    const bundle = decode(SealedBundle, bytes.slice())
    if (bundle.version !== VERSION) throw new ClientError('client.archive.newer')
    return bundle
  } catch (cause) {
    if (cause instanceof ClientError || !isCodedError(cause)) throw cause
    throw new ClientError('client.archive.damaged')
  }
}

/** Locks cannot be exchanged, nor another account's contents put under them. */
const boundTo = (top: Infer<typeof Header>): Uint8Array => concat(LABEL, encode(Header, top))
