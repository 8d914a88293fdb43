/**
 * All fuzzed entry points of a seed, with the share of inputs each gets.
 */
import { decoderTargets } from './decoders.js'
import { joinTargets } from './joins.js'
import { insiderTargets, outsiderTargets } from './members.js'
import { ownCommitTarget } from './own-commits.js'
import { rowTargets } from './rows.js'
import { joinSamples, officialSamples, playGroup } from './samples.js'
import { endedScenes, openScene, pastScene, pendingScene, quietScene, type Setting } from './scenes.js'
import { Bench, type Subject } from './subject.js'
import type { Target } from './target.js'

/** Suites the groups use: one for AES, one for ChaCha20 and one whose public keys can be off the curve. */
const SUITES = [1, 2, 3]

/** Decoders are fast, live groups are not: of 100 inputs so many go to decoders. */
const DECODER_PERCENT = 90

export interface Targets {
  readonly targets: readonly Target[]
  /** Messages taken from the official test vectors; their number changes which input has which number. */
  readonly officialSamples: number
}

/** Sets up groups, samples and entry points. The same seed gives the same. */
export const makeTargets = async (seed: number): Promise<Targets> => {
  const official = officialSamples()
  const played = await Promise.all(SUITES.map((suiteId) => playGroup(seed, suiteId)))
  const decoders = decoderTargets(joinSamples([...played, official]))
  const live: Target[] = []
  const subjects: Subject[] = []
  const bench = new Bench()
  for (const suiteId of SUITES) {
    // scenes of one seed would share their keys, and take each other's messages
    const setting = (scene: number): Setting => ({ bench, suiteId, seed: seed * 100 + scene })
    const open = await openScene(setting(1))
    subjects.push(...open.subjects, await quietScene(setting(2)), await pastScene(setting(3)), await pendingScene(setting(4)), ...await endedScenes(setting(5)))
    live.push(...insiderTargets(open), ...await joinTargets(bench, open), await ownCommitTarget(open, setting(7)))
  }
  live.push(...outsiderTargets(subjects), ...rowTargets(subjects))
  return { targets: [...share(decoders, DECODER_PERCENT), ...share(live, 100 - DECODER_PERCENT)], officialSamples: official.messages.length }
}

/** Scales weights so that all together have `percent` of the inputs. */
const share = (targets: readonly Target[], percent: number): readonly Target[] => {
  const sum = targets.reduce((total, { weight }) => total + weight, 0)
  return targets.map((target) => ({ ...target, weight: Math.max(1, Math.round((target.weight * percent * 1000) / sum)) }))
}
