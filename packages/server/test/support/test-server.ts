/**
 * A real server in a folder of its own on a free port of 127.0.0.1, with a clock that tests move.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { systemRandom } from '@famichat/base'
import { type ManualClock, manualClock } from '@famichat/base/testing'
import { type RunningServer, type ServerOptions, startServer } from '@famichat/server'

export interface TestServer {
  readonly dataDir: string
  readonly clock: ManualClock
  /** All log lines so far. */
  readonly logged: () => string
  running: RunningServer
  /** Stops and starts again on the same folder and port. */
  restart(): Promise<void>
}

/** A folder that goes with the test. */
export const temporaryFolder = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-server-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  return folder
}

/** Starts a server that stops with the test. */
export const startTestServer = async (t: TestContext, options: Partial<ServerOptions> = {}): Promise<TestServer> => {
  const dataDir = options.dataDir ?? temporaryFolder(t)
  const clock = manualClock(1_800_000_000_000)
  let log = ''
  const all = { clock, random: systemRandom, logTo: { write: (line: string) => { log += line } }, databaseKeyHex: undefined, ...options, dataDir }
  const running = await startServer({ port: 0, ...all })
  const server: TestServer = {
    dataDir, clock, logged: () => log, running,
    restart: async () => {
      await server.running.close()
      server.running = await startServer({ ...all, port: server.running.port })
    },
  }
  t.after(() => server.running.close())
  return server
}
