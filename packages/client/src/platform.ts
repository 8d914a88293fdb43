/**
 * What a client takes from where it runs, and the parts that every entry into the client builds from it.
 */
import { type Clock, type RandomBytes, systemClock, systemRandom } from '@famichat/base'
import { type CipherSuite, type CryptoBackend, DEFAULT_CIPHER_SUITE, makeCipherSuite } from '@famichat/mls'
import { platformSleep, type Sleep } from './conversation/retry.js'
import type { PointListener } from './conversation/workspace.js'
import type { Network } from './net/connection.js'
import { platformTimer, type Timer } from './net/timer.js'
import type { Store } from './store/store.js'

/** Where a client runs: its primitives, its network, its time. */
export interface Platform {
  readonly backend: CryptoBackend
  readonly network: Network
  readonly clock?: Clock
  readonly random?: RandomBytes
  readonly sleep?: Sleep
  readonly timer?: Timer
  /** Hears the named moments between writing and sending; for tests that end the process there. */
  readonly onPoint?: PointListener
}

/** What of an account a program works with: some conversations, and there reading alone, or writing too. */
export interface ClientScope {
  readonly access: 'read' | 'write'
  /** By name, as this device knows it, or by id. */
  readonly conversations: readonly string[]
}

/** A platform with its storage. */
export interface ClientOptions extends Platform {
  readonly store: Store
  /** Asks the server for tokens that do no more than this (E17); without it they do everything. */
  readonly scope?: ClientScope
  /** What a new device is called until its person says otherwise; no server reads it. */
  readonly deviceName?: string | undefined
}

/** Everything filled in. */
export interface Surroundings {
  readonly store: Store
  readonly network: Network
  readonly backend: CryptoBackend
  readonly suite: CipherSuite
  readonly clock: Clock
  readonly random: RandomBytes
  readonly sleep: Sleep
  readonly timer: Timer
  readonly onPoint: PointListener
  readonly deviceName: string | undefined
}

/** Fills in the defaults. */
export const surroundingsOf = (options: ClientOptions): Surroundings => {
  const random = options.random ?? systemRandom
  return {
    store: options.store,
    network: options.network,
    backend: options.backend,
    suite: suiteOf(options),
    clock: options.clock ?? systemClock,
    random,
    sleep: options.sleep ?? platformSleep,
    timer: options.timer ?? platformTimer,
    onPoint: options.onPoint ?? (() => undefined),
    deviceName: options.deviceName,
  }
}

/** The one suite that clients use, on this platform. */
export const suiteOf = ({ backend, random }: Pick<Platform, 'backend' | 'random'>): CipherSuite =>
  makeCipherSuite(DEFAULT_CIPHER_SUITE, backend, random ?? systemRandom)
