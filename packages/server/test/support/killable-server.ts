/**
 * A real server in a process of its own, to be killed or measured.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { present, systemRandom } from '@famichat/base'
import { randomBelow } from '@famichat/base/testing'
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

/** Where the ports begin that systems give to whoever asks for any, if they do not say. */
const GIVEN_FROM = 32_768
const LOWEST_PORT = 12_000

/**
 * A free port that stays its server's while that is dead. One that the system gives (0) it gives to the next program that asks
 * while a killed server is away, and the server does not come back.
 */
export const steadyPort = async (): Promise<number> => {
  for (;;) {
    const port = LOWEST_PORT + randomBelow(systemRandom, givenFrom() - LOWEST_PORT)
    const probe = createServer()
    const isFree = await new Promise<boolean>((resolve) => {
      probe.once('error', () => { resolve(false) }).listen(port, '127.0.0.1', () => { resolve(true) })
    })
    if (!isFree) continue
    probe.close()
    await once(probe, 'close')
    return port
  }
}

const givenFrom = (): number => {
  try {
    return Math.max(LOWEST_PORT + 1000, Number(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').split(/\s/)[0]))
  } catch {
    return GIVEN_FROM
  }
}

/** Starts it; it listens when this returns. @param port 0 for any. @throws when it ends instead, with what it wrote */
export const startKillable = async (
  dataDir: string, port: number, options: Pick<ServerOptions, 'rateLimits' | 'channelTimes'> = {},
): Promise<KillableServer> => {
  const script = new URL('./server-process.js', import.meta.url).pathname
  const child = spawn(process.execPath, ['--expose-gc', script, dataDir, String(port), JSON.stringify(options)], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  let [said, listens] = ['', false]
  present(child.stderr, 'the server has an error output').on('data', (data: Buffer) => {
    if (listens) process.stderr.write(data)
    else said = (said + data.toString()).slice(-4000)
  })
  const line = await new Promise<string>((resolve, reject) => {
    createInterface(present(child.stdout, 'the server has an output')).once('line', resolve)
    child.once('close', (code) => { reject(new Error(`the server ended with ${String(code)} before it listened: ${said}`)) })
  })
  listens = true
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
