/**
 * Archives: everything of this device that a person would miss, in one file that only they can open (E22). What makes and takes them is
 * loaded when somebody does.
 */
import type { Engine } from '../engine.js'
import type { Surroundings } from '../platform.js'
import type { ArchiveSummary } from './archive-contents.js'
import type { ArchiveOpener, PasskeySecret } from './archive-locks.js'
import type { ArchiveSource } from './archive-stream.js'

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
  async *create(choices: ArchiveChoices): AsyncGenerator<Uint8Array> {
    const { makeArchive } = await import('./archive-acts.js')
    yield* makeArchive(this.#engine, this.#surroundings, choices)
  }

  /**
   * Takes an archive of this account in: what is missing here is added, once and in its place.
   * @throws ClientError `client.archive.*`; then nothing was taken
   */
  async take(source: ArchiveSource, opener: ArchiveOpener): Promise<ArchiveSummary> {
    const { takeArchive } = await import('./archive-acts.js')
    return takeArchive(this.#engine, this.#surroundings, { source, opener })
  }
}
