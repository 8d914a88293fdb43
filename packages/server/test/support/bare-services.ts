/**
 * What the parts of a server work with, on an open database and without a server around it.
 */
import { type RandomBytes, systemClock } from '@famichat/base'
import { Hub } from '../../dist/channel/hub.js'
import { ClientAddresses } from '../../dist/client-address.js'
import { DEFAULT_RATE_LIMITS } from '../../dist/rate-limits.js'
import type { ServerLog } from '../../dist/server-log.js'
import type { Services } from '../../dist/services.js'
import type { Database } from '../../dist/storage/open-database.js'
import { Telemetry } from '../../dist/telemetry/telemetry.js'

const nothing = (): void => undefined

/** A log that nobody reads. */
export const silentLog: ServerLog = { request: nothing, info: nothing, warn: nothing, error: nothing }

/** The real parts, with the machine's clock. */
export const bareServices = ({ database, random, events = new Hub() }: { readonly database: Database; readonly random: RandomBytes; readonly events?: Hub }): Services => ({
  database, random, clock: systemClock, telemetry: new Telemetry({ clock: systemClock, random }), events, rateLimits: DEFAULT_RATE_LIMITS,
  addresses: new ClientAddresses(), originsFor: () => [], relyingParty: () => undefined, log: silentLog,
})
