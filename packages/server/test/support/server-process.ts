/**
 * A server in a process of its own, to be killed or measured: prints its port and set-up link as one JSON line. Over IPC it
 * answers `memory` with what it uses, after collecting garbage where Node lets it.
 */
import { type ServerOptions, startServer } from '@famichat/server'

const [dataDir = '', port = '0', options = '{}'] = process.argv.slice(2)
const running = await startServer({
  dataDir, port: Number(port), logTo: { write: () => undefined }, databaseKeyHex: undefined, ...JSON.parse(options) as Partial<ServerOptions>,
})
process.on('message', () => {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  process.send?.({ rss, heapUsed, external, cpuMicros: process.cpuUsage().user + process.cpuUsage().system })
})
process.stdout.write(`${JSON.stringify({ port: running.port, url: running.url, setupLink: running.setupLink })}\n`)
