/**
 * Making archives, taking them in, restoring from them (E22). An archive is read whole and checked before anything of it is used.
 */
import type { CipherSuite } from '@famichat/mls'
import { ClientError } from '../client-error.js'
import type { Engine } from '../engine.js'
import { readIdentity } from '../identity/joining.js'
import { recoverAccount } from '../identity/recovering.js'
import { type Platform, type Surroundings, suiteOf } from '../platform.js'
import { type ArchiveSummary, recordsOf, summarize, takeRecords } from './archive-contents.js'
import type { ArchiveChoices } from './archive.js'
import { ArchiveKey, type ArchiveOpener } from './archive-locks.js'
import { decodeRecords, encodeRecords } from './archive-records.js'
import { type ArchiveSource, openArchive, sealArchive } from './archive-stream.js'
import { readRecovery } from './recovery.js'

/** An archive's bytes, in pieces of 64 KiB or less. @throws ClientError `client.archive.unlocked` | `client.archive.passphrase_short` */
export async function* makeArchive(engine: Engine, { store, suite, random, clock }: Surroundings, { passphrase, passkey }: ArchiveChoices): AsyncGenerator<Uint8Array> {
  const identity = await readIdentity(store)
  if (identity === undefined) throw new ClientError('client.profile.missing')
  const { accountId, certificate: { accountKey } } = engine.workspace.context.identity
  const phraseEntropy = (await readRecovery(store))?.entropy
  const locks = {
    ...passphrase === undefined ? {} : { passphrase }, ...passkey === undefined ? {} : { passkey }, ...phraseEntropy === undefined ? {} : { phraseEntropy },
  }
  const conversations = await engine.catalogue.list()
  const records = recordsOf(store, { identity: { ...identity, accountId, accountKey }, conversations, nowMs: clock.nowMs() })
  yield* sealArchive({ suite, random }, locks, encodeRecords(records))
}

/** Takes an archive of this account in: what is missing here is added. @throws ClientError `client.archive.*`; then nothing was taken */
export const takeArchive = (engine: Engine, { store, suite }: Surroundings, { source, opener }: { readonly source: ArchiveSource; readonly opener: ArchiveOpener }): Promise<ArchiveSummary> => {
  const { accountId } = engine.workspace.context.identity
  return withKey(opener, async (key) => {
    const { summary } = await readArchive(suite, source, key)
    if (summary.accountId !== accountId) throw new ClientError('client.archive.other_account')
    await takeRecords(store, decodeRecords(openArchive(suite, source, key)))
    return summary
  })
}

/** Decrypts an archive to its last byte and says what is in it. @throws ClientError `client.archive.*` | `client.recovery.malformed` */
export const verifyArchive = (platform: Pick<Platform, 'backend'>, source: ArchiveSource, opener: ArchiveOpener): Promise<ArchiveSummary> =>
  withKey(opener, async (key) => (await readArchive(suiteOf(platform), source, key)).summary)

/** Makes a new device of the archive's account. @throws ClientError `client.archive.*` | `client.profile.taken` | `client.server.unreachable` | ProtocolError */
export const restoreArchive = (
  surroundings: Surroundings, { source, opener, origin }: { readonly source: ArchiveSource; readonly opener: ArchiveOpener; readonly origin: string | undefined },
): Promise<void> =>
  withKey(opener, async (key) => {
    const { store, suite } = surroundings
    const { account } = await readArchive(suite, source, key)
    const { accountPrivateKey } = account
    if (accountPrivateKey === undefined) throw new ClientError('client.archive.no_account_key')
    await recoverAccount(surroundings, { ...account, accountPrivateKey, origin: origin ?? account.origin }, () =>
      takeRecords(store, decodeRecords(openArchive(suite, source, key))))
  })

const readArchive = (suite: CipherSuite, source: ArchiveSource, key: ArchiveKey): ReturnType<typeof summarize> =>
  summarize(decodeRecords(openArchive(suite, source, key)))

const withKey = async <T>(opener: ArchiveOpener, work: (key: ArchiveKey) => Promise<T>): Promise<T> => {
  const key = new ArchiveKey(opener)
  try {
    return await work(key)
  } finally {
    await key.wipe()
  }
}
