/**
 * Locks of an archive: its random key, wrapped once for each way to open it (E22). A passkey is never the only way: people
 * delete passkeys without knowing what hangs on them (E23).
 */
import { closed, concat, encode, equal, fixed, type Infer, isCodedError, opaque, type RandomBytes, struct, uint32, uint8, utf8, variant } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import { ClientError } from '../client-error.js'
import { requirePassphrase, stretch, STRETCHING } from './passphrase.js'
import { entropyOf } from './recovery-phrase.js'

/** Ways to lock an archive: a passphrase or the recovery phrase, or both, and a passkey besides. */
export interface ArchiveLocks {
  readonly passphrase?: string
  /** What is behind the recovery phrase. */
  readonly phraseEntropy?: Uint8Array
  /** 32 random bytes that one device gave another: for what goes from the one to the other. */
  readonly transferKey?: Uint8Array
  readonly passkey?: PasskeySecret
}

/** A passkey's PRF output (WebAuthn `prf` extension): 32 secret bytes that only this passkey gives. */
export interface PasskeySecret {
  readonly credentialId: Uint8Array
  readonly secret: Uint8Array
}

/** One way to open an archive. */
export type ArchiveOpener =
  | { readonly type: 'passphrase'; readonly passphrase: string }
  | { readonly type: 'phrase'; readonly phrase: string }
  | { readonly type: 'passkey'; readonly passkey: PasskeySecret }
  | { readonly type: 'transfer'; readonly transferKey: Uint8Array }

/** Kinds of locks; 4 is a bundle's own. */
export const LockKind = { passphrase: 1, phrase: 2, passkey: 3, transfer: 5 } as const
const SALT_BYTES = 16
const KEY_BYTES = 32
const sealedKey = fixed(KEY_BYTES + 16)
const salt = fixed(SALT_BYTES)

/** A lock as it stands in an archive's header. */
export const Lock = variant('kind', closed(uint8, LockKind, 'lock kind'), {
  [LockKind.passphrase]: { salt, memoryKiB: uint32, passes: uint8, lanes: uint8, sealedKey },
  [LockKind.phrase]: { salt, sealedKey },
  [LockKind.passkey]: { salt, credentialId: opaque({ min: 1, max: 1024 }), sealedKey },
  [LockKind.transfer]: { salt, sealedKey },
})
export type Lock = Infer<typeof Lock>

/** Wraps a key. @throws ClientError `client.archive.unlocked` | `client.archive.passphrase_short` */
export const makeLocks = async (suite: CipherSuite, random: RandomBytes, key: Uint8Array, { passphrase, phraseEntropy, passkey, transferKey }: ArchiveLocks): Promise<readonly Lock[]> => {
  if (passphrase === undefined && phraseEntropy === undefined && transferKey === undefined) throw new ClientError('client.archive.unlocked')
  const locks: Lock[] = []
  if (passphrase !== undefined) {
    requirePassphrase(passphrase)
    const fresh = random(SALT_BYTES)
    const secret = await stretch(passphrase, fresh, STRETCHING)
    locks.push({ kind: LockKind.passphrase, salt: fresh, ...STRETCHING, sealedKey: wrapKey(suite, { kind: LockKind.passphrase, salt: fresh, secret }, key) })
  }
  if (phraseEntropy !== undefined) {
    const fresh = random(SALT_BYTES)
    locks.push({ kind: LockKind.phrase, salt: fresh, sealedKey: wrapKey(suite, { kind: LockKind.phrase, salt: fresh, secret: phraseEntropy }, key) })
  }
  if (passkey !== undefined) {
    locks.push(makePasskeyLock(suite, random, key, passkey))
  }
  if (transferKey !== undefined) {
    const fresh = random(SALT_BYTES)
    locks.push({ kind: LockKind.transfer, salt: fresh, sealedKey: wrapKey(suite, { kind: LockKind.transfer, salt: fresh, secret: transferKey }, key) })
  }
  return locks
}

/** Wraps a key for a passkey; never the only lock of anything. */
export const makePasskeyLock = (suite: CipherSuite, random: RandomBytes, key: Uint8Array, { credentialId, secret }: PasskeySecret): Lock => {
  const fresh = random(SALT_BYTES)
  return { kind: LockKind.passkey, salt: fresh, credentialId, sealedKey: wrapKey(suite, { kind: LockKind.passkey, salt: fresh, secret }, key) }
}

/** The key of an archive that is read more than once: a passphrase is stretched once. Wipe it. */
export class ArchiveKey {
  readonly #opener: ArchiveOpener
  #found: Promise<Uint8Array> | undefined

  constructor(opener: ArchiveOpener) {
    this.#opener = opener
  }

  /** A copy of the key, which the caller wipes. @throws ClientError as {@link openLocks} */
  async find(suite: CipherSuite, locks: readonly Lock[]): Promise<Uint8Array> {
    this.#found ??= openLocks(suite, locks, this.#opener)
    return (await this.#found).slice()
  }

  async wipe(): Promise<void> {
    const found = await this.#found?.catch(() => undefined)
    found?.fill(0)
  }
}

/** The key of an archive. @throws ClientError `client.archive.wrong_key` | `client.archive.no_such_lock` | `client.archive.damaged` | `client.recovery.malformed` */
const openLocks = async (suite: CipherSuite, locks: readonly Lock[], opener: ArchiveOpener): Promise<Uint8Array> => {
  let refusal = new ClientError('client.archive.no_such_lock')
  for (const lock of locks) {
    const secret = await secretFor(lock, opener)
    if (secret === undefined) continue
    try {
      return unwrapKey(suite, { kind: lock.kind, salt: lock.salt, secret }, lock.sealedKey)
    } catch (error) {
      if (!(error instanceof ClientError)) throw error
      refusal = error
    }
  }
  throw refusal
}

const secretFor = async (lock: Lock, opener: ArchiveOpener): Promise<Uint8Array | undefined> => {
  switch (lock.kind) {
    case LockKind.passphrase:
      return opener.type === 'passphrase' ? stretch(opener.passphrase, lock.salt, lock) : undefined
    case LockKind.phrase:
      return opener.type === 'phrase' ? await entropyOf(opener.phrase) : undefined
    case LockKind.passkey:
      return opener.type === 'passkey' && equal(opener.passkey.credentialId, lock.credentialId) ? opener.passkey.secret : undefined
    case LockKind.transfer:
      return opener.type === 'transfer' ? opener.transferKey : undefined
  }
}

/** What a key is wrapped under: the secret of one lock. */
export interface Wrapping {
  /** Of {@link LockKind}, or of whoever has other locks besides. */
  readonly kind: number
  readonly salt: Uint8Array
  readonly secret: Uint8Array
}

const LABEL = utf8('Famichat 1.0 ArchiveKey')

/** Seals a key under a secret, once for each salt. */
export const wrapKey = (suite: CipherSuite, wrapping: Wrapping, key: Uint8Array): Uint8Array => {
  const wrappingKey = wrappingKeyOf(suite, wrapping)
  try {
    return suite.aead.seal(wrappingKey, new Uint8Array(suite.aead.nonceLength), LABEL, key)
  } finally {
    wrappingKey.fill(0)
  }
}

/** Opens a wrapped key. @throws ClientError `client.archive.wrong_key` */
export const unwrapKey = (suite: CipherSuite, wrapping: Wrapping, sealed: Uint8Array): Uint8Array => {
  const wrappingKey = wrappingKeyOf(suite, wrapping)
  try {
    return suite.aead.open(wrappingKey, new Uint8Array(suite.aead.nonceLength), LABEL, sealed)
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.archive.wrong_key')
  } finally {
    wrappingKey.fill(0)
  }
}

/** Of a fresh salt each, so it seals once: its nonce is zero. */
const wrappingKeyOf = (suite: CipherSuite, { kind, salt: fresh, secret }: Wrapping): Uint8Array =>
  suite.hash.hmac(secret, concat(LABEL, encode(struct({ kind: uint8, salt }), { kind, salt: fresh }))).slice(0, suite.aead.keyLength)

