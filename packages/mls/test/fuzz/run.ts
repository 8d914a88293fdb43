/**
 * The fuzzing run: input after input, each with dice of its own, and the tally of what came of them.
 */
import { performance } from 'node:perf_hooks'
import { toHex } from '@famichat/base'
import { Dice, pickWeighted } from './dice.js'
import { Finding, type Outcome, type Target } from './target.js'

/** A violated oracle, and how to see it again. */
export interface Found {
  readonly input: number
  readonly target: string
  readonly what: string
  readonly hex: string | undefined
}

/** What became of the inputs of one entry point. */
export interface TargetTally {
  readonly outcomes: Map<Outcome, number>
  inputs: number
  milliseconds: number
  slowestMs: number
}

export interface Tally {
  readonly seed: number
  readonly byTarget: Map<string, TargetTally>
  readonly found: Found[]
  passed: number
  failed: number
}

export interface RunOptions {
  readonly seed: number
  readonly count: number
  /** Only this input. */
  readonly only?: number | undefined
  /** Goes on with a run that was not finished. */
  readonly resumed?: { readonly next: number; readonly tally: Tally } | undefined
  /** Told how many inputs of the whole run are done. */
  readonly onProgress?: ((done: number, tally: Tally) => void) | undefined
}

/** After this many findings a run has said enough. */
const MAX_FOUND = 20
const MAX_HEX_BYTES = 4096

/** Runs `count` inputs over the targets. */
export const runFuzz = async (targets: readonly Target[], { seed, count, only, resumed, onProgress }: RunOptions): Promise<Tally> => {
  const tally = resumed?.tally ?? emptyTally(targets, seed)
  const [first, last] = only === undefined ? [resumed?.next ?? 0, count] : [only, only + 1]
  for (let input = first; input < last && tally.found.length < MAX_FOUND; input++) {
    const dice = new Dice(seed, input)
    const target = pickWeighted(dice, targets)
    const started = performance.now()
    try {
      const outcome = target.run(dice)
      record(tally, target, outcome instanceof Promise ? await outcome : outcome)
      tally.passed++
    } catch (error) {
      tally.failed++
      tally.found.push(foundBy(error, { input, target: target.name }))
    }
    countTime(tally, target, performance.now() - started)
    if (input % 1000 === 999) onProgress?.(input + 1, tally)
  }
  return tally
}

const emptyTally = (targets: readonly Target[], seed: number): Tally => ({
  seed,
  byTarget: new Map(targets.map(({ name }): [string, TargetTally] => [name, { outcomes: new Map(), inputs: 0, milliseconds: 0, slowestMs: 0 }])),
  found: [],
  passed: 0,
  failed: 0,
})

const record = ({ byTarget }: Tally, { name }: Target, outcome: Outcome): void => {
  const outcomes = byTarget.get(name)?.outcomes
  outcomes?.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
}

const countTime = ({ byTarget }: Tally, { name }: Target, milliseconds: number): void => {
  const target = byTarget.get(name)
  if (target === undefined) return
  target.inputs++
  target.milliseconds += milliseconds
  target.slowestMs = Math.max(target.slowestMs, milliseconds)
}

const foundBy = (error: unknown, where: { readonly input: number; readonly target: string }): Found => {
  const what = error instanceof Finding ? error.message : `the fuzzer itself failed: ${error instanceof Error ? error.stack ?? error.message : String(error)}`
  const bytes = error instanceof Finding ? error.input : undefined
  const hex = bytes && `${toHex(bytes.subarray(0, MAX_HEX_BYTES))}${bytes.length > MAX_HEX_BYTES ? '…' : ''}`
  return { ...where, what, hex }
}
