/**
 * A real server in a process of its own, to be killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { RunningServer } from '@famichat/server'

export interface KillableServer {
  readonly child: ChildProcess
  readonly running: RunningServer
}

/** Starts it; it listens when this returns. @param port 0 for a free one */
export const startKillable = async (dataDir: string, port: number): Promise<KillableServer> => {
  const child = spawn(process.execPath, [new URL('./server-process.js', import.meta.url).pathname, dataDir, String(port)], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [line] = await once(createInterface(child.stdout), 'line') as [string]
  const started = JSON.parse(line) as Pick<RunningServer, 'port' | 'url' | 'setupLink'>
  return { child, running: { ...started, setupLink: started.setupLink, close: () => Promise.resolve() } }
}
