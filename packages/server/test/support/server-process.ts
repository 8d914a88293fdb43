/**
 * A server in a process of its own, to be killed: prints its port and set-up link as one JSON line.
 */
import { startServer } from '@famichat/server'

const [dataDir = '', port = '0'] = process.argv.slice(2)
const running = await startServer({ dataDir, port: Number(port), logTo: { write: () => undefined }, databaseKeyHex: undefined })
process.stdout.write(`${JSON.stringify({ port: running.port, url: running.url, setupLink: running.setupLink })}\n`)
