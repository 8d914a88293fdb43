/**
 * A server in its own process on a seeded community, with its rate limits lifted: all load comes from one machine.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { present } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import type { ServerOptions } from '@famichat/server'
import { type KillableServer, startKillable, steadyPort } from '../support/killable-server.js'
import { type Fleet, makeFleet } from './fleet.js'
import { LoadChannel } from './load-channel.js'

/** What a scenario plays on. */
export interface Stage {
  readonly fleet: Fleet
  /** Changes when the server is restarted. */
  server: KillableServer
  /** Kills the server and starts it again on the same folder and port. */
  restart(): Promise<void>
}

const FREE = { burst: 1e9, perSecond: 1e9 }
const UNLIMITED = { address: FREE, device: FREE, send: FREE, frame: FREE, claim: FREE }

/** Builds a stage, plays, and clears it away. */
export const onStage = async <T>(
  { seed, devices, conversations, channelTimes = {} }: {
    readonly seed: number; readonly devices: number; readonly conversations: readonly (readonly number[])[]
    readonly channelTimes?: NonNullable<ServerOptions['channelTimes']>
  },
  play: (stage: Stage) => Promise<T>,
): Promise<T> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'famichat-load-'))
  let stage: Stage | undefined
  try {
    const fleet = await makeFleet({ dataDir, random: insecureSeededRandom(seed), devices, conversations })
    const start = (port: number): Promise<KillableServer> => startKillable(dataDir, port, { rateLimits: UNLIMITED, channelTimes })
    const current: Stage = {
      fleet, server: await start(await steadyPort()),
      restart: async () => {
        const { child, running } = current.server
        const exited = once(child, 'exit')
        child.kill('SIGKILL')
        await exited
        current.server = await start(running.port)
      },
    }
    stage = current
    return await play(current)
  } finally {
    stage?.server.child.kill('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  }
}

/** Opens channels of the fleet's devices `from … to - 1`, some at a time. */
export const openChannels = async (
  stage: Stage, [from, to]: readonly [number, number], onDelivery?: (latencyMs: number, at: number) => void,
): Promise<LoadChannel[]> => {
  const channels: LoadChannel[] = []
  for (let next = from; next < to; next += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, to - next) }, (_, i) => next + i)
    channels.push(...await Promise.all(some.map((at) => LoadChannel.open({
      url: stage.server.running.url, device: present(stage.fleet.devices[at], 'a device of the fleet'), from: localAddress(at),
      ...(onDelivery === undefined ? {} : { onDelivery: (latencyMs) => { onDelivery(latencyMs, at) } }),
    }))))
  }
  return channels
}

const AT_ONCE = 50

/** An address of its own for every eight devices, where the system has more than one loopback address. */
export const localAddress = (at: number): string | undefined =>
  process.platform === 'linux' ? `127.0.${String(1 + Math.floor(at / 8 / 250))}.${String(1 + (Math.floor(at / 8) % 250))}` : undefined
