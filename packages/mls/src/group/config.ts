/**
 * What the application gives the engine: primitives, its word on credentials, its keys, its policy.
 * Layer: group.
 */
import { type Clock, type RandomBytes, type Secret, systemClock, systemRandom } from '@famichat/base'
import type { CryptoBackend, MaybePromise } from '../crypto/backend.js'
import { limits } from '../limits.js'
import type { AuthenticationService } from '../validate/authentication.js'

/** Pre-shared keys the application holds (RFC 9420 §8.4). The secrets stay the application's. */
export interface PskSource {
  external(pskId: Uint8Array): MaybePromise<Secret | undefined>
  /** resumption_psk of another group; the group's own are kept by the engine. */
  resumption?(groupId: Uint8Array, epoch: bigint): MaybePromise<Secret | undefined>
}

/** Choices RFC 9420 leaves to the application. */
export interface GroupPolicy {
  /** How this member frames its proposals and commits (E3: private). */
  readonly handshakes: 'private' | 'public'
  /** Whether others' public proposals and commits are taken; unless said otherwise where `handshakes` are public. External joins are public always. */
  readonly acceptPublicHandshakes: boolean
  /** Whether non-members may join by external commit (E3: off). */
  readonly acceptExternalCommits: boolean
  /** Whether non-members may propose to be added (§12.1.8): off. */
  readonly acceptNewMemberProposals: boolean
  /**
   * Whether the current time must be within the lifetime of received leaves (§7.3 recommends it). A member that reads the
   * log late then refuses commits that were valid when they were made: off where messages may wait.
   */
  readonly checkLifetimes: boolean
  /** The longest leaf lifetime accepted from anybody, in seconds; undefined for none, against §7.2. */
  readonly maxLifetimeSeconds: bigint | undefined
  /** Past epochs whose application messages are still read (§15.3, E9: 3); 0 for none. */
  readonly maxPastEpochs: number
  /** How long they are read after the group left them, in milliseconds (E9: 48 h). */
  readonly maxPastEpochAgeMs: number
  /** Zero bytes to add to a plaintext of this many bytes (§15.1). */
  readonly paddingFor: (plaintextBytes: number) => number
}

/** Everything a group needs from outside. */
export interface GroupConfig {
  readonly backend: CryptoBackend
  readonly authentication: AuthenticationService
  readonly clock?: Clock
  readonly random?: RandomBytes
  readonly psks?: PskSource
  readonly policy?: Partial<GroupPolicy>
}

export type ResolvedConfig = Required<Omit<GroupConfig, 'policy'>> & { readonly policy: GroupPolicy }

const DEFAULT_POLICY: Omit<GroupPolicy, 'acceptPublicHandshakes'> = {
  handshakes: 'private',
  acceptExternalCommits: false,
  acceptNewMemberProposals: false,
  checkLifetimes: true,
  maxLifetimeSeconds: limits.maxLifetimeSeconds,
  maxPastEpochs: limits.maxPastEpochs,
  maxPastEpochAgeMs: limits.maxPastEpochAgeMs,
  paddingFor: () => 0,
}

/** The configuration with every default filled in. */
export const resolveConfig = (config: GroupConfig): ResolvedConfig => ({
  backend: config.backend,
  authentication: config.authentication,
  clock: config.clock ?? systemClock,
  random: config.random ?? systemRandom,
  psks: config.psks ?? { external: () => undefined },
  policy: { ...DEFAULT_POLICY, acceptPublicHandshakes: config.policy?.handshakes === 'public', ...config.policy },
})

/** Seconds since 1970, or undefined where policy leaves received lifetimes unchecked. */
export const receivingTime = (config: ResolvedConfig): bigint | undefined =>
  config.policy.checkLifetimes ? sendingTime(config) : undefined

/** Seconds since 1970: what is sent is always checked (§7.3 MUST). */
export const sendingTime = (config: ResolvedConfig): bigint => BigInt(Math.floor(config.clock.nowMs() / 1000))

/** Which past epochs stay open, and the time it is (§15.3). */
export interface PastWindow {
  readonly nowMs: number
  readonly maxEpochs: number
  readonly maxAgeMs: number
}

/** The window policy opens now. */
export const pastWindow = ({ clock, policy }: ResolvedConfig): PastWindow =>
  ({ nowMs: clock.nowMs(), maxEpochs: policy.maxPastEpochs, maxAgeMs: policy.maxPastEpochAgeMs })
