/**
 * Checkpoints of a long run: what was counted so far, so that a machine that stops in between costs a minute, not hours.
 * Inputs do not depend on each other, so a run in parts is the same run.
 */
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Tally, TargetTally } from './run.js'
import type { Outcome } from './target.js'

/** A run that was not finished. */
export interface Checkpoint {
  /** What has to be the same for the numbers to belong together: seed, count, code and samples. */
  readonly run: string
  /** The first input that was not run. */
  readonly next: number
  readonly seconds: number
  readonly peakHeapBytes: number
  readonly tally: Tally
}

interface Saved extends Omit<Checkpoint, 'tally'> {
  readonly tally: Omit<Tally, 'byTarget'> & { readonly byTarget: readonly (readonly [string, Omit<TargetTally, 'outcomes'> & { readonly outcomes: readonly (readonly [Outcome, number])[] }])[] }
}

/** Replaces the file in one step. */
export const saveCheckpoint = (file: string, { tally, ...rest }: Checkpoint): void => {
  const byTarget = [...tally.byTarget].map(([name, target]) => [name, { ...target, outcomes: [...target.outcomes] }] as const)
  const saved: Saved = { ...rest, tally: { ...tally, byTarget } }
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.new`, JSON.stringify(saved))
  renameSync(`${file}.new`, file)
}

/** The unfinished run of this name, if there is one. */
export const loadCheckpoint = (file: string, run: string): Checkpoint | undefined => {
  if (!existsSync(file)) return undefined
  const { tally, ...rest } = JSON.parse(readFileSync(file, 'utf8')) as Saved
  if (rest.run !== run) return undefined
  const byTarget = new Map(tally.byTarget.map(([name, target]) => [name, { ...target, outcomes: new Map(target.outcomes) }]))
  return { ...rest, tally: { ...tally, byTarget } }
}

export const dropCheckpoint = (file: string): void => { rmSync(file, { force: true }) }
