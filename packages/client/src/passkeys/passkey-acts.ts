/**
 * What is done with passkeys: the server's challenge, the authenticator's answer, and the account bundle, whose lock a passkey with a
 * PRF is.
 */
import { equal } from '@famichat/base'
import { type AccountId, idToBytes, LIMITS, type PasskeyId, ProtocolError, type PasskeyList } from '@famichat/protocol'
import { type Lock, LockKind, makeLocks, makePasskeyLock, type PasskeySecret, unwrapKey } from '../archive/archive-locks.js'
import { readRecovery } from '../archive/recovery.js'
import { ClientError } from '../client-error.js'
import type { Engine } from '../engine.js'
import { readIdentity } from '../identity/joining.js'
import type { Surroundings } from '../platform.js'
import { decodeRecord, NameRecord, PinRecord } from '../store/records.js'
import { type BundleContents, knownThatFit, type OpenBundle, openOwnBundle, readLocks, sealBundle } from './account-bundle.js'
import { type Authenticator, type CreatedPasskey, PRF_INPUT } from './authenticator.js'
import type { PasskeyChoices, PasskeyInfo } from './passkeys.js'

const ATTEMPTS = 4

/** Adds, lists and removes passkeys. */
export class PasskeyActs {
  readonly #engine: Engine
  readonly #surroundings: Surroundings

  constructor(engine: Engine, surroundings: Surroundings) {
    this.#engine = engine
    this.#surroundings = surroundings
  }

  /**
   * Makes a passkey for this account. The person is asked by the authenticator, often twice: to make it, and to try it.
   * @throws ClientError `client.passkey.*` | `client.account.no_key` | `client.archive.passphrase_short` | ProtocolError `protocol.passkey.*`
   */
  async add({ authenticator, label, passphrase }: PasskeyChoices): Promise<PasskeyInfo> {
    const { calls } = this.#engine.connection
    await this.#relock(passphrase, (locks) => locks)
    const { challenge, rpId, accountId, accountName, known } = await calls.call('passkeyCreationOptions', {})
    const created = await authenticator.create({
      challenge, rpId, userHandle: idToBytes(accountId), userName: accountName, knownCredentialIds: known.map(({ credentialId }) => credentialId), prfInput: PRF_INPUT,
    })
    const { credentialId, clientData, attestationObject } = created
    await calls.call('passkeyRegister', { label, credentialId, clientData, attestationObject })
    const secret = await this.#secretOf(authenticator, created, rpId)
    if (secret !== undefined) await this.#addLock({ credentialId, secret })
    const added = (await this.#read()).find((passkey) => equal(passkey.credentialId, credentialId))
    if (added === undefined) throw new ClientError('client.passkey.unknown')
    return this.#infoOf(added, await this.#lockedBy())
  }

  /** The account's passkeys, oldest first. */
  async list(): Promise<readonly PasskeyInfo[]> {
    const locks = await this.#lockedBy()
    return (await this.#read()).map((passkey) => this.#infoOf(passkey, locks))
  }

  /** Removes a passkey: it signs in no more, and opens nothing. @throws ClientError `client.passkey.unknown` */
  async remove(passkeyId: PasskeyId): Promise<void> {
    const passkey = (await this.#read()).find((known) => known.passkeyId === passkeyId)
    if (passkey === undefined) throw new ClientError('client.passkey.unknown')
    await this.#engine.connection.calls.call('passkeyRemove', { passkeyId })
    const hasLock = (await this.#lockedBy()).some((lock) => isLockOf(lock, passkey.credentialId))
    if (hasLock && await this.#accountKey() !== undefined) {
      await this.#relock(undefined, (locks) => locks.filter((lock) => !isLockOf(lock, passkey.credentialId)))
    }
  }

  async #read(): Promise<PasskeyList['passkeys']> {
    return (await this.#engine.connection.calls.call('passkeyList', {})).passkeys
  }

  async #lockedBy(): Promise<readonly Lock[]> {
    const { bundle } = await this.#engine.connection.calls.call('bundleRead', {})
    return bundle === undefined ? [] : readLocks(bundle.sealed)
  }

  #infoOf({ credentialId, ...passkey }: PasskeyList['passkeys'][number], locks: readonly Lock[]): PasskeyInfo {
    return { ...passkey, opensAccount: locks.some((lock) => isLockOf(lock, credentialId)) }
  }

  /** What only this passkey gives; asked for at once, or in an answer that nobody but this device sees. */
  async #secretOf(authenticator: Authenticator, { credentialId, hasPrf, prfSecret }: CreatedPasskey, rpId: string): Promise<Uint8Array | undefined> {
    if (prfSecret !== undefined || !hasPrf) return prfSecret
    try {
      const challenge = this.#surroundings.random(32)
      return (await authenticator.answer({ challenge, rpId, credentialIds: [credentialId], prfInput: PRF_INPUT })).prfSecret
    } catch (error) {
      // the passkey is made: it signs in all the same
      if (error instanceof ClientError) return undefined
      throw error
    }
  }

  async #addLock(passkey: PasskeySecret): Promise<void> {
    const { suite, random } = this.#surroundings
    await this.#relock(undefined, (locks, key) => [
      ...locks.filter((lock) => !isLockOf(lock, passkey.credentialId)), makePasskeyLock(suite, random, key, passkey),
    ])
    passkey.secret.fill(0)
  }

  /** Changes the locks of the account's bundle, whatever another device does meanwhile. @throws ClientError `client.account.no_key` | `client.passkey.needs_phrase` */
  async #relock(passphrase: string | undefined, change: (locks: readonly Lock[], key: Uint8Array) => readonly Lock[]): Promise<void> {
    const { calls } = this.#engine.connection
    const { suite, random, store } = this.#surroundings
    const phraseEntropy = (await readRecovery(store))?.entropy
    for (let attempt = 1; ; attempt++) {
      const { bundle } = await calls.call('bundleRead', {})
      const contents = await this.#contents(phraseEntropy)
      const before = bundle === undefined ? undefined : openOwnBundle(suite, bundle.sealed, contents.accountPrivateKey)
      const key = before?.key ?? random(suite.aead.keyLength)
      try {
        const locks = change(await this.#withOwnLocks(key, before?.locks ?? [], { passphrase, phraseEntropy }), key)
        const kept = { ...contents, phraseEntropy: phraseEntropy ?? before?.contents.phraseEntropy }
        await calls.call('bundleReplace', { replaces: bundle?.version ?? 0, sealed: sealBundle(suite, random, { key, locks, contents: kept }) })
        return
      } catch (error) {
        if (attempt === ATTEMPTS || !(error instanceof ProtocolError) || error.code !== 'protocol.bundle.conflict') throw error
      } finally {
        key.fill(0)
      }
    }
  }

  /** A new passphrase takes the old one's place; this device's phrase is added unless it opens already. */
  async #withOwnLocks(
    key: Uint8Array, before: OpenBundle['locks'], { passphrase, phraseEntropy }: { readonly passphrase: string | undefined; readonly phraseEntropy: Uint8Array | undefined },
  ): Promise<readonly Lock[]> {
    const { suite, random } = this.#surroundings
    const kept = passphrase === undefined ? before : before.filter(({ kind }) => kind !== LockKind.passphrase)
    const isOpenedByPhrase = phraseEntropy === undefined || kept.some((lock) => lock.kind === LockKind.phrase && opens(suite, lock, phraseEntropy))
    const wanted = { ...passphrase === undefined ? {} : { passphrase }, ...isOpenedByPhrase ? {} : { phraseEntropy } }
    return Object.keys(wanted).length === 0 ? kept : [...kept, ...await makeLocks(suite, random, key, wanted)]
  }

  async #accountKey(): Promise<Uint8Array | undefined> {
    return (await readIdentity(this.#surroundings.store))?.accountPrivateKey
  }

  async #contents(phraseEntropy: Uint8Array | undefined): Promise<BundleContents> {
    const { accountId, accountName, certificate: { accountKey } } = this.#engine.workspace.context.identity
    const accountPrivateKey = await this.#accountKey()
    if (accountPrivateKey === undefined) throw new ClientError('client.account.no_key')
    const known = knownThatFit(await this.#known(accountId))
    return { accountId, accountName, accountKey, accountPrivateKey, phraseEntropy, known, createdAtMs: this.#surroundings.clock.nowMs() }
  }

  async #known(own: AccountId): Promise<BundleContents['known']> {
    const { store } = this.#surroundings
    const known: BundleContents['known'][number][] = []
    for (const { key, value } of await store.list('pins', { prefix: '' })) {
      const name = await store.get('names', key)
      if (name === undefined || key === own) continue
      known.push({ accountId: key as AccountId, accountKey: decodeRecord(PinRecord, value).accountKey, accountName: decodeRecord(NameRecord, name).accountName })
    }
    return known.slice(0, LIMITS.devicesPerConversation)
  }
}

const isLockOf = (lock: Lock, credentialId: Uint8Array): boolean => lock.kind === LockKind.passkey && equal(lock.credentialId, credentialId)

const opens = (suite: Surroundings['suite'], lock: Lock, secret: Uint8Array): boolean => {
  try {
    unwrapKey(suite, { kind: lock.kind, salt: lock.salt, secret }, lock.sealedKey).fill(0)
    return true
  } catch (error) {
    if (error instanceof ClientError) return false
    throw error
  }
}
