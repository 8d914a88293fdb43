/**
 * Devices that stop reading: the others must not notice, and those who stopped are cut off, to go on after their cursor
 * (S29). The same steady load without and with them, in one run.
 */
import { setTimeout as pause } from 'node:timers/promises'
import { present } from '@famichat/base'
import { type Latency, latencyOf } from './figures.js'
import { onStage, openChannels } from './stage.js'
import { arrived, sendSteadily } from './throughput.js'
import { useOf } from '../support/killable-server.js'

/** What the others saw. */
export interface StalledFigures {
  readonly stalled: number
  readonly others: number
  /** Send to delivery at the others, before anybody stalls. */
  readonly before: Latency
  /** … while sockets stall. */
  readonly during: Latency
  /** How many of the stalled ones the server cut off. */
  readonly cutOff: number
  /** What the server's memory grew by for each stalled socket. */
  readonly bytesPerStalled: number
}

/** What a stalled socket leaves lying is more than the systems at both ends take for it. */
const FLOOD_MESSAGES = 160
const FLOOD_BYTES = 60 * 1024
/** A load run does not wait the server's usual ten seconds. */
const STALLED_MS = 4000
const PATIENCE_MS = 30_000

/** @param deliveriesPerSecond to everybody together */
export const measureStalled = (
  { seed, seconds, stalled, others, deliveriesPerSecond }:
  { readonly seed: number; readonly seconds: number; readonly stalled: number; readonly others: number; readonly deliveriesPerSecond: number },
): Promise<StalledFigures> => {
  const members = stalled + others
  const everybody = Array.from({ length: members }, (_, i) => i)
  // the flood goes to those who stall, from a device that is in no other conversation
  const flooded = [members, ...everybody.slice(others)]
  return onStage({ seed, devices: members + 1, conversations: [everybody, flooded], channelTimes: { stalledMs: STALLED_MS } }, async (stage) => {
    let latencies: number[] = []
    const reading = await openChannels(stage, [0, others], (latencyMs) => { latencies.push(latencyMs) })
    const stalling = await openChannels(stage, [others, members])
    const [flooding] = await openChannels(stage, [members, members + 1])
    const conversationId = present(stage.fleet.conversations[0], 'the conversation of all')
    const run = async (forSeconds: number): Promise<Latency> => {
      latencies = []
      const sent = await sendSteadily(reading, { conversationId, perSecond: deliveriesPerSecond / members, seconds: forSeconds })
      await arrived(() => latencies.length, sent * others)
      return latencyOf(latencies)
    }
    await run(Math.min(2, seconds))
    const before = await run(seconds)
    const { rss } = await useOf(stage.server)
    for (const { socket } of stalling) socket.pause()
    const flood = present(stage.fleet.conversations[1], 'the conversation of those who stall')
    for (let i = 0; i < FLOOD_MESSAGES; i++) await flooding?.say(flood, FLOOD_BYTES)
    const during = await run(seconds)
    const bytesPerStalled = ((await useOf(stage.server)).rss - rss) / stalled
    await pause(2 * STALLED_MS)
    for (const { socket } of stalling) socket.resume()
    const codes = await Promise.race([Promise.all(stalling.map(({ closed }) => closed)), pause(PATIENCE_MS, undefined, { ref: false })])
    return { stalled, others, before, during, cutOff: codes?.length ?? 0, bytesPerStalled }
  })
}
