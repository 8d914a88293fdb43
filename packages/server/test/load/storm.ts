/**
 * A reconnect storm: everybody is connected, the server is killed, everybody comes back at once, with full jitter, and waits
 * as long as the server says when it turns somebody away (S31).
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { present } from '@famichat/base'
import { insecureSeededRandom, randomBelow } from '@famichat/base/testing'
import { quantile } from './figures.js'
import { LoadChannel, TurnedAway } from './load-channel.js'
import { localAddress, onStage, openChannels } from './stage.js'

/** How the storm went. */
export interface StormFigures {
  readonly clients: number
  /** From the moment the server listens again. */
  readonly allBackSeconds: number
  readonly halfBackSeconds: number
  /** Attempts that the server turned away with a time to wait. */
  readonly shed: number
  /** Attempts in all. */
  readonly attempts: number
}

const FIRST_WAIT_MS = 100
const LONGEST_WAIT_MS = 6400

/** Every client is lost, and back. */
export const measureStorm = ({ seed, clients }: { readonly seed: number; readonly clients: number }): Promise<StormFigures> => {
  const conversations = Array.from({ length: Math.ceil(clients / 10) }, (_, i) => Array.from({ length: Math.min(10, clients - i * 10) }, (_unused, k) => i * 10 + k))
  return onStage({ seed, devices: clients, conversations }, async (stage) => {
    const random = insecureSeededRandom(seed)
    const channels = await openChannels(stage, [0, clients])
    let [shed, attempts] = [0, 0]
    const comeBack = async (at: number): Promise<number> => {
      await channels[at]?.closed
      for (let attempt = 0; ; attempt++) {
        await pause(randomBelow(random, Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt)))
        attempts++
        try {
          await LoadChannel.open({ url: stage.server.running.url, device: present(stage.fleet.devices[at], 'a device'), from: localAddress(at) })
          return performance.now()
        } catch (error) {
          const wait = error instanceof TurnedAway ? error.retryAfterSeconds : undefined
          if (wait === undefined) continue
          shed++
          await pause(wait * 1000)
        }
      }
    }
    const back = Array.from({ length: clients }, (_, at) => comeBack(at))
    await stage.restart()
    const listening = performance.now()
    const seconds = (await Promise.all(back)).map((at) => Math.max(0, at - listening) / 1000)
    return { clients, allBackSeconds: quantile(seconds, 1), halfBackSeconds: quantile(seconds, 0.5), shed, attempts }
  })
}
