/**
 * What an idle connection costs: authenticated, resumed, silent. The server is measured in its own process at several
 * counts, after a collection; the slope leaves out what it needs anyway.
 */
import { type ProcessUse, useOf } from '../support/killable-server.js'
import { slope } from './figures.js'
import { onStage, openChannels } from './stage.js'

/** Bytes for each connection, by least squares. */
export interface IdleFigures {
  readonly connections: readonly number[]
  readonly rssBytes: number
  /** Of it, on JavaScript's heap and in its buffers. */
  readonly heapBytes: number
}

/** @param steps how many connections to measure at, growing */
export const measureIdle = ({ seed, steps }: { readonly seed: number; readonly steps: readonly number[] }): Promise<IdleFigures> => {
  const devices = steps.at(-1) ?? 0
  // each device in a conversation of ten, as people are
  const conversations = Array.from({ length: Math.ceil(devices / 10) }, (_, i) => Array.from({ length: Math.min(10, devices - i * 10) }, (_unused, k) => i * 10 + k))
  return onStage({ seed, devices, conversations }, async (stage) => {
    const uses: (readonly [number, ProcessUse])[] = []
    let open = 0
    for (const step of steps) {
      await openChannels(stage, [open, step])
      open = step
      uses.push([step, await useOf(stage.server)])
    }
    return {
      connections: steps, rssBytes: slope(uses.map(([count, { rss }]) => [count, rss])),
      heapBytes: slope(uses.map(([count, { heapUsed, external }]) => [count, heapUsed + external])),
    }
  })
}
