/**
 * What every part of the server works with: storage, time, randomness, the log, and who is told of changes.
 */
import type { Clock, RandomBytes } from '@famichat/base'
import type { AccountId, ConversationId, DeviceId, EnvelopeHeader, TokenScope } from '@famichat/protocol'
import type { ClientAddresses } from './client-address.js'
import type { RelyingParty } from './passkeys/relying-party.js'
import type { RateLimits } from './rate-limits.js'
import type { ServerLog } from './server-log.js'
import type { Telemetry } from './telemetry/telemetry.js'
import type { Database } from './storage/open-database.js'

/** A change of who is in a conversation, at the commit `seq`. */
export interface RosterChange {
  readonly conversationId: ConversationId
  readonly seq: number
  readonly added: readonly DeviceId[]
  readonly removed: readonly DeviceId[]
}

/** Told of what has just become durable, in the order it did. Implementations must not throw. */
export interface DeliveryEvents {
  conversationCreated(conversationId: ConversationId, creator: DeviceId): void
  /** @param except devices that get no more of the conversation */
  appended(header: EnvelopeHeader, message: Uint8Array, except: readonly DeviceId[]): void
  rosterChanged(change: RosterChange): void
  /** Somebody asks to be added afresh; the device that asks need not hear of it. */
  readdRequested(conversationId: ConversationId, asking: DeviceId): void
  /** The device's channels must end: it was revoked, or its tokens were. */
  signedOut(deviceId: DeviceId): void
}

/** The parts that all the server's functions share. */
export interface Services {
  readonly database: Database
  readonly clock: Clock
  readonly random: RandomBytes
  readonly log: ServerLog
  readonly telemetry: Telemetry
  readonly events: DeliveryEvents
  readonly rateLimits: RateLimits
  /** Whose address a request counts for. */
  readonly addresses: ClientAddresses
  /** Origins that signed statements may name, the one the caller used first; see origins.ts. */
  originsFor(hostHeader: string | undefined): readonly string[]
  /** For whom passkeys are good; undefined where they cannot work. */
  relyingParty(): RelyingParty | undefined
}

/** A device that has proved who it is. */
export interface AuthenticatedDevice {
  readonly deviceId: DeviceId
  readonly accountId: AccountId
  readonly signatureKey: Uint8Array
  /** What its token is narrowed to; undefined for a whole one. */
  readonly scope?: TokenScope | undefined
}
