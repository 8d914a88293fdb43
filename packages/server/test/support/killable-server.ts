/**
 * A real server in a process of its own, to be killed or measured.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { present } from '@famichat/base'
import type { RunningServer, ServerOptions } from '@famichat/server'

export interface KillableServer {
  readonly child: ChildProcess
  readonly running: RunningServer
}

/** What a server process uses: bytes after a collection, and microseconds of processor time since its start. */
export interface ProcessUse {
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
  readonly cpuMicros: number
}

/** Starts it; it listens when this returns. @param port 0 for a free one */
export const startKillable = async (
  dataDir: string, port: number, options: Pick<ServerOptions, 'rateLimits' | 'channelTimes'> = {},
): Promise<KillableServer> => {
  const script = new URL('./server-process.js', import.meta.url).pathname
  const child = spawn(process.execPath, ['--expose-gc', script, dataDir, String(port), JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] })
  const [line] = await once(createInterface(present(child.stdout, 'the server has an output')), 'line') as [string]
  const started = JSON.parse(line) as Pick<RunningServer, 'port' | 'url' | 'setupLink'>
  return { child, running: { ...started, setupLink: started.setupLink, close: () => Promise.resolve() } }
}

/** What the process uses now. */
export const useOf = async ({ child }: KillableServer): Promise<ProcessUse> => {
  const answered = once(child, 'message')
  child.send('memory')
  const [use] = await answered as [ProcessUse]
  return use
}
