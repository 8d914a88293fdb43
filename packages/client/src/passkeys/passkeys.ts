/**
 * The account's passkeys: made here, kept by the device or its maker, checked by the server. A passkey with a PRF opens the
 * account bundle too; without one it signs in, and the recovery phrase opens. What does it is loaded when somebody looks at passkeys.
 */
import type { PasskeyId } from '@famichat/protocol'
import type { Engine } from '../engine.js'
import type { Surroundings } from '../platform.js'
import type { Authenticator } from './authenticator.js'
import type { PasskeyActs } from './passkey-acts.js'

/** A passkey of the account. */
export interface PasskeyInfo {
  readonly passkeyId: PasskeyId
  readonly label: string
  readonly createdAtMs: number
  readonly usedAtMs: number | undefined
  /** True when its maker keeps a copy that comes with a new phone. */
  readonly isSynced: boolean
  /** True when it opens the account by itself; else a new device asks for the recovery phrase or the passphrase too. */
  readonly opensAccount: boolean
}

/** A passkey to add. */
export interface PasskeyChoices {
  readonly authenticator: Authenticator
  /** What the person calls it: "Ana's phone". */
  readonly label: string
  /** A lock beside the recovery phrase, or in its place. */
  readonly passphrase?: string
}

/** Adds, lists and removes passkeys. */
export class Passkeys {
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
  async add(choices: PasskeyChoices): Promise<PasskeyInfo> {
    return (await this.#acts()).add(choices)
  }

  /** The account's passkeys, oldest first. */
  async list(): Promise<readonly PasskeyInfo[]> {
    return (await this.#acts()).list()
  }

  /** Removes a passkey: it signs in no more, and opens nothing. @throws ClientError `client.passkey.unknown` */
  async remove(passkeyId: PasskeyId): Promise<void> {
    await (await this.#acts()).remove(passkeyId)
  }

  async #acts(): Promise<PasskeyActs> {
    const acts = await import('./passkey-acts.js')
    return new acts.PasskeyActs(this.#engine, this.#surroundings)
  }
}
