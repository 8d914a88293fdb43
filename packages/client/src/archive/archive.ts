/**
 * Archives: everything of this device that a person would miss, in one file that only they can open (E22). An archive is
 * read whole and checked before anything of it is used.
 */
import type { CipherSuite } from '@famichat/mls'
import { ClientError } from '../client-error.js'
import type { Engine } from '../engine.js'
import { readIdentity } from '../identity/joining.js'
import { recoverAccount } from '../identity/recovering.js'
import { type Platform, type Surroundings, suiteOf } from '../platform.js'
import { type ArchiveSummary, recordsOf, summarize, takeRecords } from './archive-contents.js'
import { ArchiveKey, type ArchiveOpener, type PasskeySecret } from './archive-locks.js'
import { decodeRecords, encodeRecords } from './archive-records.js'
import { type ArchiveSource, openArchive, sealArchive } from './archive-stream.js'
import { readRecovery } from './recovery.js'

/** How a new archive is locked. The recovery phrase opens it too, if this device has one. */
export interface ArchiveChoices {
  readonly passphrase?: string
  /** Never the only lock. */
  readonly passkey?: PasskeySecret
}

/** Makes archives, and takes them in. */
export class Archive {
  readonly #engine: Engine
  readonly #surroundings: Surroundings

  constructor(engine: Engine, surroundings: Surroundings) {
    this.#engine = engine
    this.#surroundings = surroundings
  }

  /** An archive's bytes, in pieces of 64 KiB or less. @throws ClientError `client.archive.unlocked` | `client.archive.passphrase_short` */
  async *create({ passphrase, passkey }: ArchiveChoices): AsyncGenerator<Uint8Array> {
    const { store, suite, random, clock } = this.#surroundings
    const identity = await readIdentity(store)
    if (identity === undefined) throw new ClientError('client.profile.missing')
    const { accountId, certificate: { accountKey } } = this.#engine.workspace.context.identity
    const phraseEntropy = (await readRecovery(store))?.entropy
    const locks = {
      ...passphrase === undefined ? {} : { passphrase }, ...passkey === undefined ? {} : { passkey }, ...phraseEntropy === undefined ? {} : { phraseEntropy },
    }
    const conversations = await this.#engine.catalogue.list()
    const records = recordsOf(store, { identity: { ...identity, accountId, accountKey }, conversations, nowMs: clock.nowMs() })
    yield* sealArchive({ suite, random }, locks, encodeRecords(records))
  }

  /**
   * Takes an archive of this account in: what is missing here is added, once and in its place.
   * @throws ClientError `client.archive.*`; then nothing was taken
   */
  async take(source: ArchiveSource, opener: ArchiveOpener): Promise<ArchiveSummary> {
    const { store, suite } = this.#surroundings
    const { accountId } = this.#engine.workspace.context.identity
    return withKey(opener, async (key) => {
      const { summary } = await readArchive(suite, source, key)
      if (summary.accountId !== accountId) throw new ClientError('client.archive.other_account')
      await takeRecords(store, decodeRecords(openArchive(suite, source, key)))
      return summary
    })
  }
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
