/**
 * famichat server: runs the community's server until it is told to stop.
 */
import { resolve } from 'node:path'
import { type Command, Option } from 'commander'
import type { LogDetail } from '@famichat/server'
import { dataFolderOf, DATA_OPTION } from '../data-folder.js'
import { UsageError } from '../failure.js'
import { type GlobalOptions, sessionOf } from '../session.js'

interface ServerCommandOptions extends GlobalOptions {
  readonly data?: string
  readonly host: string
  readonly port?: string
  readonly publicUrl?: string
  readonly passkeyDomain?: string
  readonly web?: string
  readonly trustedProxy?: readonly string[]
  readonly otlpEndpoint?: string
  readonly log?: LogDetail
}

/** Adds the command. */
export const addServerCommand = (program: Command): void => {
  program.command('server')
    .summary('run a server')
    .description('Runs a server. The first start prints a set-up link that makes the first account.')
    .option(...DATA_OPTION)
    .option('--host <address>', 'the address to listen on; 0.0.0.0 for a whole network', 'localhost')
    .option('--port <number>', 'the port to listen on; 0 takes a free one (default: 8420, or FAMICHAT_PORT)')
    .option('--public-url <url>', 'the address people use, when a proxy stands in front: https://chat.example')
    .option('--passkey-domain <domain>', 'the domain of passkeys, if above the public address: example.org for chat.example.org')
    .option('--trusted-proxy <address...>', 'proxies whose X-Forwarded-For is believed: 127.0.0.1, 10.0.0.0/8')
    .option('--otlp-endpoint <url>', 'your own OpenTelemetry collector, for metrics and spans: http://127.0.0.1:4318')
    .addOption(new Option('--log <what>', 'what is written to standard error (default: events to a terminal, else requests too)').choices(['requests', 'events'] satisfies LogDetail[]))
    .option('--web <dir>', 'the folder of the built web app (npm start gives it)')
    .addHelpText('after', '\nExample:\n  npm start -- --data /srv/famichat --public-url https://chat.example     with the web app, in the folder of the project\n  famichat server --data /srv/famichat                                    for programs alone')
    .action(async (_options: unknown, command: Command) => { await runServer(command.optsWithGlobals<ServerCommandOptions>()) })
}

const runServer = async (options: ServerCommandOptions): Promise<void> => {
  const { output } = sessionOf(options)
  // loaded here: no other command should wait for it
  const { DEFAULT_PORT, startServer } = await import('@famichat/server')
  const dataDir = dataFolderOf(options)
  const server = await startServer({
    dataDir, host: options.host, port: portOf(options.port ?? process.env.FAMICHAT_PORT ?? String(DEFAULT_PORT)),
    ...(options.publicUrl === undefined ? {} : { publicUrl: options.publicUrl }),
    ...(options.passkeyDomain === undefined ? {} : { passkeyDomain: options.passkeyDomain }),
    trustedProxies: options.trustedProxy, otlpEndpoint: options.otlpEndpoint, metricsToken: process.env.FAMICHAT_METRICS_TOKEN,
    // somebody who looks on should still see the set-up link after a hundred requests
    logDetail: options.log ?? (process.stderr.isTTY ? 'events' : 'requests'),
    ...(options.web === undefined ? {} : { webDir: resolve(options.web) }),
  })
  output.say(`Famichat is running at ${server.url}`, { type: 'started', url: server.url, setupLink: server.setupLink })
  if (server.setupLink !== undefined && !output.isJson) {
    output.say(`\nNobody has an account yet. Make the first one with this set-up link, ${options.web === undefined ? 'in another terminal' : 'in a browser or in another terminal'}:\n\n    ${server.setupLink}\n`, {})
  }
  const isHome = ['localhost', '127.0.0.1', '::1'].includes(options.host) || options.publicUrl !== undefined
  if (options.web !== undefined && !isHome) output.note('Browsers of other machines open Famichat at an https address only: docs/operating.md says how to put a proxy in front')
  if (options.web === undefined) output.note('This server is for programs alone. Browsers get the web app from one that npm start runs, with these options behind two dashes: npm start -- --port 8420')
  await stopSignal()
  await server.close()
}

const portOf = (text: string): number => {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new UsageError('a port is a number from 0 to 65535')
  return port
}

const stopSignal = (): Promise<void> => new Promise((resolveStop) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { resolveStop() })
})
