/**
 * The server's parts put together on open storage, without a port: `startServer` listens with them, and a simulation runs
 * them in its own process.
 */
import { LIFETIMES } from '@famichat/protocol'
import { RefreshBook } from './accounts/refresh-tokens.js'
import { ChallengeBook } from './accounts/tokens.js'
import type { ChannelTimes } from './channel/channel.js'
import { ChannelServer } from './channel/channel-server.js'
import type { Hub } from './channel/hub.js'
import { type ConnectionCaps, DEFAULT_CONNECTION_CAPS } from './connection-caps.js'
import { ReaddCalls } from './delivery/readds.js'
import { makeHandlers } from './http/handlers.js'
import { makeHttpServer } from './http/http-server.js'
import type { WebFiles } from './http/web-files.js'
import { TokenBuckets } from './rate-limits.js'
import type { Services } from './services.js'

/** How to put it together. */
export interface AssemblyOptions {
  readonly times?: Partial<ChannelTimes> | undefined
  readonly caps?: Partial<ConnectionCaps> | undefined
  readonly webFiles?: WebFiles | undefined
  readonly isBehindTls: boolean
  readonly pages: Parameters<typeof makeHttpServer>[2]['pages']
  readonly push: Parameters<typeof makeHandlers>[1]['push']
}

/** The parts. */
export interface Assembly {
  readonly channels: ChannelServer
  readonly app: ReturnType<typeof makeHttpServer>
  readonly caps: ConnectionCaps
}

/** Puts the parts together; nothing listens yet. */
export const assembleServer = (services: Services, hub: Hub, options: AssemblyOptions): Assembly => {
  const { random, clock, rateLimits } = services
  const caps = { ...DEFAULT_CONNECTION_CAPS, ...options.caps }
  const channels = new ChannelServer(services, hub, {
    times: { authenticationMs: LIFETIMES.channelAuthenticationMs, heartbeatMs: 30_000, stalledMs: 10_000, ...options.times }, caps,
  })
  const app = makeHttpServer(services, makeHandlers(services, {
    challenges: new ChallengeBook(random), passkeyChallenges: new ChallengeBook(random), refreshes: new RefreshBook(random), claims: new TokenBuckets(clock, rateLimits.claim),
    calls: new ReaddCalls(services), push: options.push,
  }), { webFiles: options.webFiles, pages: options.pages, isBehindTls: options.isBehindTls })
  return { channels, app, caps }
}
