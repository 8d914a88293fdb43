/**
 * How many messages become durable in a second, and how many are delivered at a hundred members: as fast as it goes, then
 * at a steady half of the goal, where what counts is how long a message takes.
 */
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { type ConversationId } from '@famichat/protocol'
import { present } from '@famichat/base'
import { type Latency, latencyOf } from './figures.js'
import type { LoadChannel } from './load-channel.js'
import { useOf } from '../support/killable-server.js'
import { onStage, openChannels, type Stage } from './stage.js'

/** Messages that became durable. */
export interface DurableFigures {
  readonly perSecond: number
  /** From sending to the answer that it is durable. */
  readonly latency: Latency
  /** Share of one core that the server used. */
  readonly serverCores: number
}

/** Keeps `inFlight` messages of one channel under way until `until`, and says how long each took. */
const flood = async (channel: LoadChannel, { conversationId, inFlight, until }: { conversationId: ConversationId; inFlight: number; until: number }): Promise<number[]> => {
  const latencies: number[] = []
  await Promise.all(Array.from({ length: inFlight }, async () => {
    while (performance.now() < until) latencies.push(await channel.say(conversationId))
  }))
  return latencies
}

/** Sixteen devices in eight conversations of two, each with sixteen messages under way. */
export const measureDurable = ({ seed, seconds }: { readonly seed: number; readonly seconds: number }): Promise<DurableFigures> => {
  const pairs = Array.from({ length: 8 }, (_, i) => [2 * i, 2 * i + 1])
  return onStage({ seed, devices: 16, conversations: pairs }, async (stage) => {
    const channels = await openChannels(stage, [0, 16])
    const run = async (forSeconds: number): Promise<DurableFigures> => {
      const [before, started] = [await cpuOf(stage), performance.now()]
      const latencies = (await Promise.all(channels.map((channel, at) => flood(channel, {
        conversationId: present(stage.fleet.conversations[Math.floor(at / 2)], 'a conversation for two'), inFlight: 16, until: started + forSeconds * 1000,
      })))).flat()
      const elapsed = performance.now() - started
      return { perSecond: latencies.length / (elapsed / 1000), latency: latencyOf(latencies), serverCores: (await cpuOf(stage) - before) / 1000 / elapsed }
    }
    // once unmeasured: the compiler has not seen the code yet
    await run(Math.min(2, seconds))
    return run(seconds)
  })
}

const cpuOf = async ({ server }: Stage): Promise<number> => (await useOf(server)).cpuMicros

/** Deliveries in a conversation of `members`. */
export interface DeliveryFigures {
  readonly members: number
  readonly deliveriesPerSecond: number
  /** From sending to each delivery. */
  readonly latency: Latency
  readonly serverCores: number
}

/** As fast as it goes: `senders` members keep messages under way, all members get them. */
export const measureDeliveries = ({ seed, seconds, members }: { readonly seed: number; readonly seconds: number; readonly members: number }): Promise<DeliveryFigures> =>
  onStage({ seed, devices: members, conversations: [everybody(members)] }, async (stage) => {
    let latencies: number[] = []
    const channels = await openChannels(stage, [0, members], (latencyMs) => { latencies.push(latencyMs) })
    const conversationId = present(stage.fleet.conversations[0], 'the conversation of all')
    const run = async (forSeconds: number): Promise<DeliveryFigures> => {
      latencies = []
      const [before, started] = [await cpuOf(stage), performance.now()]
      const sent = (await Promise.all(channels.slice(0, 4).map((channel) => flood(channel, { conversationId, inFlight: 4, until: started + forSeconds * 1000 })))).flat()
      await arrived(() => latencies.length, sent.length * members)
      const elapsed = performance.now() - started
      return { members, deliveriesPerSecond: latencies.length / (elapsed / 1000), latency: latencyOf(latencies), serverCores: (await cpuOf(stage) - before) / 1000 / elapsed }
    }
    await run(Math.min(2, seconds))
    return run(seconds)
  })

/** At a steady rate: messages leave on time, whether or not those before have arrived. */
export const measureSteady = (
  { seed, seconds, members, deliveriesPerSecond }: { readonly seed: number; readonly seconds: number; readonly members: number; readonly deliveriesPerSecond: number },
): Promise<DeliveryFigures> =>
  onStage({ seed, devices: members, conversations: [everybody(members)] }, async (stage) => {
    let latencies: number[] = []
    const channels = await openChannels(stage, [0, members], (latencyMs) => { latencies.push(latencyMs) })
    const conversationId = present(stage.fleet.conversations[0], 'the conversation of all')
    const run = async (forSeconds: number): Promise<DeliveryFigures> => {
      latencies = []
      const [before, started] = [await cpuOf(stage), performance.now()]
      const sent = await sendSteadily(channels, { conversationId, perSecond: deliveriesPerSecond / members, seconds: forSeconds })
      await arrived(() => latencies.length, sent * members)
      const elapsed = performance.now() - started
      return { members, deliveriesPerSecond: latencies.length / (elapsed / 1000), latency: latencyOf(latencies), serverCores: (await cpuOf(stage) - before) / 1000 / elapsed }
    }
    await run(Math.min(2, seconds))
    return run(seconds)
  })

/** Sends at a rate, turn by turn from each channel; returns how many, once all are durable. */
export const sendSteadily = async (
  channels: readonly LoadChannel[], { conversationId, perSecond, seconds }: { readonly conversationId: ConversationId; readonly perSecond: number; readonly seconds: number },
): Promise<number> => {
  const count = Math.round(perSecond * seconds)
  const started = performance.now()
  const answers: Promise<number>[] = []
  while (answers.length < count) {
    const due = Math.min(count, Math.floor(((performance.now() - started) / 1000) * perSecond) + 1)
    while (answers.length < due) answers.push(present(channels[answers.length % channels.length], 'a channel').say(conversationId))
    await pause(1)
  }
  await Promise.all(answers)
  return count
}

/** Waits until as many have come as must. @throws Error when nothing comes any more */
export const arrived = async (count: () => number, wanted: number): Promise<void> => {
  for (let last = count(), quietSince = performance.now(); count() < wanted;) {
    await pause(2)
    if (count() !== last) [last, quietSince] = [count(), performance.now()]
    if (performance.now() - quietSince > 60_000) throw new Error(`${String(count())} of ${String(wanted)} deliveries came`)
  }
}

const everybody = (members: number): readonly number[] => Array.from({ length: members }, (_, i) => i)
