/**
 * Starts and stops the server: storage first, then the handlers, then the port.
 */
import { performance } from 'node:perf_hooks'
import { type DestinationStream, destination } from 'pino'
import { type Clock, type RandomBytes, systemClock, systemRandom } from '@famichat/base'
import { serverOrigin } from '@famichat/protocol'
import { makeSetupLink } from './accounts/invites.js'
import { type Assembly, assembleServer } from './assembly.js'
import type { ChannelTimes } from './channel/channel.js'
import { Hub } from './channel/hub.js'
import { Retention } from './delivery/retention.js'
import { ClientAddresses } from './client-address.js'
import { capConnections, type ConnectionCaps } from './connection-caps.js'
import { loadWebFiles } from './http/web-files.js'
import { makeOrigins } from './origins.js'
import { makeRelyingParty } from './passkeys/relying-party.js'
import { Doorbell } from './push/doorbell.js'
import { takePushKey } from './storage/push-key.js'
import { DEFAULT_RATE_LIMITS, type RateLimits } from './rate-limits.js'
import { ServerError, type ServerErrorCode } from './server-error.js'
import { kindOf, type LogDetail, makeServerLog } from './server-log.js'
import type { Services } from './services.js'
import { environmentKeys } from './storage/data-folder.js'
import { Health } from './telemetry/health.js'
import { OperatorPages } from './http/operator-pages.js'
import { openSecondAddress } from './http/second-address.js'
import { Collector } from './telemetry/collector.js'
import { Telemetry } from './telemetry/telemetry.js'
import { openDatabase } from './storage/open-database.js'

/** How to run the server; only the data folder is required. */
export interface ServerOptions {
  /** Made on first start, readable by its owner only. */
  readonly dataDir: string
  /** Default 127.0.0.1; `localhost` is that and ::1. Put a TLS proxy in front, or give 0.0.0.0 for a network you trust. */
  readonly host?: string
  /** Default 8420; 0 takes a free one. */
  readonly port?: number
  /** Under which address people reach the server, if not by host and port: `https://chat.example`. */
  readonly publicUrl?: string
  /** The domain of passkeys, if it is to be above the public address's: `example.org` for chat.example.org. */
  readonly passkeyDomain?: string | undefined
  /** The folder of the built web app; without it the server serves programs only. */
  readonly webDir?: string | undefined
  /** 64 hexadecimal digits; default the environment's FAMICHAT_DB_KEY, else the file database.key. */
  readonly databaseKeyHex?: string | undefined
  /** The key ring of encrypted columns, `v2 <hex>,v1 <hex>`; default the environment's FAMICHAT_FIELD_KEYS, else the file fields.key. */
  readonly fieldKeys?: string | undefined
  /** Origins of push services that are rung besides those of the browsers' makers. */
  readonly pushServices?: readonly string[]
  readonly clock?: Clock
  readonly random?: RandomBytes
  /** Where log lines go; default standard error. */
  readonly logTo?: DestinationStream
  /** What the log says; default each request too. */
  readonly logDetail?: LogDetail
  readonly rateLimits?: Partial<RateLimits>
  readonly channelTimes?: Partial<ChannelTimes>
  readonly connectionCaps?: Partial<ConnectionCaps>
  /** Addresses or networks of proxies whose X-Forwarded-For is believed; nobody's by default. */
  readonly trustedProxies?: readonly string[] | undefined
  /** The operator's own OpenTelemetry collector, `http://127.0.0.1:4318`; metrics and spans are sent nowhere without it. */
  readonly otlpEndpoint?: string | undefined
  /** What a reader of /metrics must show; without it only this machine reads them, and nobody where a proxy stands in front. */
  readonly metricsToken?: string | undefined
}

/** A server that runs. */
export interface RunningServer {
  /** Where it is reached: the public URL if there is one. */
  readonly url: string
  /** The port it listens on. */
  readonly port: number
  /** While nobody has an account: the link that makes the first one. Shown to the operator, never logged. */
  readonly setupLink: string | undefined
  /** Closes channels and port, finishes what is being written, closes the database. */
  close(): Promise<void>
}

/** Default port. */
export const DEFAULT_PORT = 8420

/** What push services are told instead of an address; only a server without https has none. */
const NO_CONTACT = 'mailto:famichat@localhost'

/** What is being answered when the server stops is finished, if it takes no longer. */
const CLOSE_GRACE_MS = 2000
/** Between two goes of {@link Retention}. */
const PRUNE_EVERY_MS = 10 * 60 * 1000

const LISTEN_ERRORS: Readonly<Record<string, ServerErrorCode>> = {
  EADDRINUSE: 'server.port.busy',
  EACCES: 'server.port.forbidden',
  EADDRNOTAVAIL: 'server.address.unavailable',
  ENOTFOUND: 'server.address.unavailable',
}

/** Starts a server. @throws ServerError whose text tells the operator what to do */
export const startServer = async (options: ServerOptions): Promise<RunningServer> => {
  const { dataDir, host = '127.0.0.1', publicUrl, clock = systemClock, random = systemRandom } = options
  const log = makeServerLog(options.logTo ?? destination(2), clock, options.logDetail ?? 'requests')
  const origin = publicUrl === undefined ? undefined : publicOrigin(publicUrl)
  const webFiles = options.webDir === undefined ? undefined : loadWebFiles(options.webDir)
  const addresses = new ClientAddresses(options.trustedProxies)
  const given = environmentKeys(process.env)
  const keys = { databaseKeyHex: options.databaseKeyHex ?? given.databaseKeyHex, fieldKeys: options.fieldKeys ?? given.fieldKeys }
  const collector = options.otlpEndpoint === undefined ? undefined : new Collector(options.otlpEndpoint)
  const telemetry = new Telemetry({ clock, random, collector })
  const health = new Health()
  const hub = new Hub((count) => { telemetry.count('famichat_deliveries_total', {}, count) })
  const pages = new OperatorPages({ telemetry, health, token: options.metricsToken, isProxied: publicUrl !== undefined || (options.trustedProxies ?? []).length > 0 })
  const database = await openDatabase({
    dataDir, keys, random,
    onTransaction: ({ jobs, seconds, problem }) => {
      const outcome = problem ?? 'written'
      if (problem === undefined) health.written()
      else health.failed(problem)
      if (problem !== undefined) log.error('storage.failed', { code: problem })
      telemetry.count('famichat_write_jobs_total', { outcome }, jobs)
      telemetry.observe('famichat_write_transaction_seconds', seconds, { outcome })
      telemetry.span('write.transaction', seconds, { outcome, jobs })
    },
  })
  const pushKey = takePushKey(dataDir, random)
  const doorbell = new Doorbell(hub, { key: pushKey, subject: origin?.startsWith('https:') === true ? origin : NO_CONTACT })
  // known once the port is
  let originsFor: Services['originsFor'] = () => []
  let relyingParty: ReturnType<Services['relyingParty']>
  const services: Services = {
    database, clock, random, log, telemetry, addresses, events: doorbell, rateLimits: { ...DEFAULT_RATE_LIMITS, ...options.rateLimits },
    originsFor: (hostHeader) => originsFor(hostHeader), relyingParty: () => relyingParty,
  }
  doorbell.connect(services)
  const { channels, app, caps } = assembleServer(services, hub, {
    times: options.channelTimes, caps: options.connectionCaps, webFiles, isBehindTls: /^https:/i.test(publicUrl ?? ''),
    push: { publicKey: pushKey.publicKey, services: options.pushServices ?? [] },
    pages,
  })
  channels.attach(app.server)
  capConnections(app.server, caps, addresses)
  const retention = new Retention(services, () => performance.now())
  const pruning = setInterval(() => {
    retention.run().then(
      (count) => {
        if (count > 0) log.info('log.pruned', { count })
        telemetry.count('famichat_messages_dropped_total', {}, count)
      },
      (error: unknown) => { log.error('log.prune_failed', { kind: kindOf(error) }) },
    )
  }, PRUNE_EVERY_MS).unref()
  let stopListening = (): void => undefined
  let isStarted = false
  const close = async (): Promise<void> => {
    clearInterval(pruning)
    health.stopping()
    stopListening()
    channels.close()
    // browsers open sockets ahead of need and say nothing on them: they do not keep a server from stopping
    const cut = setTimeout(() => { app.server.closeAllConnections() }, CLOSE_GRACE_MS)
    await app.close()
    clearTimeout(cut)
    await database.close()
    await telemetry.close()
    if (isStarted) log.info('server.stopped')
  }
  try {
    const port = await listen(app, host === 'localhost' ? '127.0.0.1' : host, options.port ?? DEFAULT_PORT)
    const second = host === 'localhost' ? await openSecondAddress(app.server, port) : undefined
    if (second?.outcome === 'open') stopListening = second.close
    originsFor = makeOrigins({ publicUrl, host, port })
    relyingParty = makeRelyingParty({ publicUrl, passkeyDomain: options.passkeyDomain, port })
    // where somebody else has the other half of localhost, the name might lead there
    const url = origin ?? serverOrigin(`http://${reachable(second?.outcome === 'taken' ? '127.0.0.1' : host)}:${port}`)
    const setupLink = await makeSetupLink(services, url)
    isStarted = true
    log.info('server.started', { port })
    return { url, port, setupLink, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The address that people use. A path would be dropped from every link without a word, so there may be none. */
const publicOrigin = (publicUrl: string): string => {
  try {
    const { pathname, search, hash } = new URL(publicUrl)
    if (pathname === '/' && search === '' && hash === '') return serverOrigin(publicUrl)
  } catch (cause) {
    throw new ServerError('server.public_url.malformed', {}, { cause })
  }
  throw new ServerError('server.public_url.malformed')
}

const listen = async (app: Assembly['app'], host: string, port: number): Promise<number> => {
  try {
    await app.listen({ host, port })
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : ''
    throw new ServerError(LISTEN_ERRORS[code] ?? 'server.start.failed', { port }, { cause })
  }
  const address = app.server.address()
  return typeof address === 'object' && address !== null ? address.port : port
}

/** An address that can be typed: "all of them" is not one. */
const reachable = (host: string): string => {
  if (host === '0.0.0.0' || host === '::') return '127.0.0.1'
  return host.includes(':') ? `[${host}]` : host
}
