/**
 * Signing in: a new device of an account, by a passkey. The server gives the account's sealed bundle for the passkey's answer;
 * the passkey's PRF opens it, or else what the person knows; the account's key in it vouches for the device.
 */
import { serverOrigin } from '@famichat/protocol'
import { type ArchiveOpener, type Lock, LockKind } from '../archive/archive-locks.js'
import { ClientError } from '../client-error.js'
import { recoverAccount } from '../identity/recovering.js'
import { callRoute } from '../net/http.js'
import type { Surroundings } from '../platform.js'
import { encodeRecord, NameRecord, PinRecord, PinSource, RecoveryRecord } from '../store/records.js'
import type { Change } from '../store/store.js'
import { type BundleContents, type OpenBundle, openBundle, readLocks } from './account-bundle.js'
import { type Authenticator, type PasskeyAnswer, PRF_INPUT } from './authenticator.js'

/** What a person may be asked for when the passkey alone does not open the account. */
export type UnlockWay = 'phrase' | 'passphrase'

/** Asks a person; called again with the code of what was wrong, ten times at most. Throw to give up. */
export type Unlock = (question: { readonly ways: readonly UnlockWay[]; readonly wrong: string | undefined }) => Promise<Exclude<ArchiveOpener, { readonly type: 'passkey' }>>

/** How to sign in. */
export interface SignInRequest {
  /** Of the server. */
  readonly origin: string
  readonly authenticator: Authenticator
  /** Without it, a passkey that does not open the account by itself is refused with `client.passkey.locked`. */
  readonly unlock?: Unlock
}

/** Makes this profile a device of the passkey's account. @throws ClientError `client.passkey.*` | `client.profile.taken` | ProtocolError `protocol.passkey.refused` */
export const signInWithPasskey = async (surroundings: Surroundings, { origin, authenticator, unlock }: SignInRequest): Promise<void> => {
  const { network } = surroundings
  const server = { origin: serverOrigin(origin), fetch: network.fetch }
  const { challenge, rpId } = await callRoute(server, 'passkeySignInOptions', {})
  const { prfSecret, ...answer } = await authenticator.answer({ challenge, rpId, credentialIds: [], prfInput: PRF_INPUT })
  const { credentialId, clientData, authenticatorData, signature } = answer
  const { bundle } = await callRoute(server, 'passkeySignIn', { credentialId, clientData, authenticatorData, signature })
  if (bundle === undefined) throw new ClientError('client.passkey.locked')
  const { contents, key } = await openByAny(surroundings, bundle.sealed, { answer: { ...answer, prfSecret }, unlock })
  key.fill(0)
  try {
    await recoverAccount(surroundings, { ...contents, origin: server.origin }, () => takeKnown(surroundings, contents))
  } finally {
    contents.accountPrivateKey.fill(0)
  }
}

const openByAny = async (
  { suite }: Surroundings, sealed: Uint8Array, { answer, unlock }: { readonly answer: PasskeyAnswer; readonly unlock: Unlock | undefined },
): Promise<OpenBundle> => {
  const locks = readLocks(sealed)
  const byPasskey = await openByPasskey(suite, sealed, answer)
  if (byPasskey !== undefined) return byPasskey
  const ways = waysOf(locks)
  if (unlock === undefined || ways.length === 0) throw new ClientError('client.passkey.locked')
  let wrong: string | undefined
  for (let attempt = 1; ; attempt++) {
    try {
      return await openBundle(suite, sealed, await unlock({ ways, wrong }))
    } catch (error) {
      if (!(error instanceof ClientError) || !RETRIED.has(error.code) || attempt === UNLOCK_ATTEMPTS) throw error
      wrong = error.code
    }
  }
}

/** How often a person is asked before it starts from the passkey again: a caller that always gives the same answer must end. */
const UNLOCK_ATTEMPTS = 10

/** What a person may have typed wrongly. */
const RETRIED: ReadonlySet<string> = new Set(['client.archive.wrong_key', 'client.archive.no_such_lock', 'client.recovery.malformed'])

/** Undefined when this passkey has no lock here, or no secret. */
const openByPasskey = async (suite: Surroundings['suite'], sealed: Uint8Array, { credentialId, prfSecret }: PasskeyAnswer): Promise<OpenBundle | undefined> => {
  if (prfSecret === undefined) return undefined
  try {
    return await openBundle(suite, sealed, { type: 'passkey', passkey: { credentialId, secret: prfSecret } })
  } catch (error) {
    if (!(error instanceof ClientError) || !RETRIED.has(error.code)) throw error
    return undefined
  } finally {
    prfSecret.fill(0)
  }
}

const waysOf = (locks: readonly Lock[]): readonly UnlockWay[] => [
  ...locks.some(({ kind }) => kind === LockKind.phrase) ? ['phrase' as const] : [],
  ...locks.some(({ kind }) => kind === LockKind.passphrase) ? ['passphrase' as const] : [],
]

/** Whom the account knows, before the new device asks the server. */
const takeKnown = ({ store, clock }: Surroundings, { known, phraseEntropy }: BundleContents): Promise<void> => store.exclusive(async () => {
  const nowMs = clock.nowMs()
  const changes: Change[] = known.flatMap(({ accountId, accountKey, accountName }) => [
    { table: 'pins', key: accountId, value: encodeRecord(PinRecord, { accountKey, source: PinSource.link, pinnedAtMs: nowMs }) },
    { table: 'names', key: accountId, value: encodeRecord(NameRecord, { accountName }) },
  ])
  if (phraseEntropy !== undefined) {
    changes.push({ table: 'profile', key: 'recovery', value: encodeRecord(RecoveryRecord, { entropy: phraseEntropy, madeAtMs: nowMs, rehearsedAtMs: 0 }) })
  }
  if (changes.length > 0) await store.write(changes)
})
