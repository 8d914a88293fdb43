/**
 * What a fuzzing run has to say: a progress line, findings with the way to see them again, and the page docs/fuzzing.md.
 */
import type { Found, Tally, TargetTally } from './run.js'

const thousands = (value: number): string => value.toString().replace(/\B(?=(\d{3})+$)/g, ' ')
const padded = (value: number, length: number): string => thousands(value).padStart(length)

/** How many of a target's inputs were taken. */
const acceptedOf = ({ outcomes }: TargetTally): number => outcomes.get('accepted') ?? 0

/** Refusals of all entry points by code, most frequent first. */
const refusalsOf = ({ byTarget }: Tally): readonly (readonly [code: string, count: number])[] => {
  const byCode = new Map<string, number>()
  for (const { outcomes } of byTarget.values()) {
    for (const [outcome, count] of outcomes) if (outcome !== 'accepted') byCode.set(outcome, (byCode.get(outcome) ?? 0) + count)
  }
  return [...byCode].sort(([codeA, a], [codeB, b]) => b - a || (codeA < codeB ? -1 : 1))
}

/** What stands beside how far a run is. */
export const progressNote = ({ done, total, seconds }: { readonly done: number; readonly total: number; readonly seconds: number }, { failed }: Tally): string => {
  const left = done === 0 ? 0 : (seconds * (total - done)) / done
  return `${failed.toString()} failed, ${Math.round(done / Math.max(seconds, 0.001)).toString()}/s, ${Math.ceil(left / 60).toString()} min left`
}

/** One violated oracle, and how to replay it. */
export const describeFound = ({ input, target, what, hex }: Found, seed: number, entry = ''): string => [
  `FAILED input ${input.toString()} of ${target}: ${what}`,
  `       again: npm run fuzz -- --seed ${seed.toString()} --only ${input.toString()}${entry === '' ? '' : ` --entry "${entry}"`}`,
  ...(hex === undefined ? [] : [`       bytes: ${hex}`]),
].join('\n')

/** The table of entry points, and of refusals. */
export const describeTally = (tally: Tally): string => [
  `${'inputs'.padStart(12)} ${'accepted'.padStart(12)} ${'µs/input'.padStart(9)}  entry point`,
  ...[...tally.byTarget].map(([name, target]) => {
    const mean = target.inputs === 0 ? 0 : Math.round((1000 * target.milliseconds) / target.inputs)
    return `${padded(target.inputs, 12)} ${padded(acceptedOf(target), 12)} ${padded(mean, 9)}  ${name}`
  }),
  '',
  ...refusalsOf(tally).map(([code, count]) => `${padded(count, 12)}  ${code}`),
].join('\n')

/** Facts of a run for the page. */
export interface RunFacts {
  readonly tally: Tally
  readonly date: string
  readonly commit: string
  readonly seconds: number
  readonly officialSamples: number
  readonly node: string
  /** Largest heap seen, in bytes. */
  readonly peakHeapBytes: number
}

const BEGIN = '<!-- written by npm run fuzz -- --long: do not edit below -->'

/** The page with the results of this run; what stands above the mark is kept. */
export const writtenPage = (page: string, facts: RunFacts): string => {
  const { tally, date, commit, seconds, officialSamples, node, peakHeapBytes } = facts
  const mark = page.indexOf(BEGIN)
  const inputs = tally.passed + tally.failed
  const prose = (mark < 0 ? page : page.slice(0, mark)).trimEnd()
  const rows = [...tally.byTarget].map(([name, target]) =>
    `| ${name} | ${thousands(target.inputs)} | ${thousands(acceptedOf(target))} | ${thousands(target.inputs - acceptedOf(target))} | ${target.outcomes.size.toString()} |`)
  const findings = tally.found.map(({ input, target, what }) => `- input ${input.toString()}, ${target}: ${what.split('\n')[0] ?? ''}`)
  return `${prose}

${BEGIN}

## The long run

${date}, commit ${commit}, Node ${node}, seed ${tally.seed.toString()}, ${officialSamples.toString()} messages of the official vectors among the samples.
${thousands(inputs)} inputs in ${Math.round(seconds / 60).toString()} minutes on one core, with other work beside it; the heap never held more than ${Math.ceil(peakHeapBytes / 2 ** 20).toString()} MiB.
**${thousands(tally.passed)} passed, ${thousands(tally.failed)} failed.**

Findings of this run: ${findings.length === 0 ? 'none.' : `\n\n${findings.join('\n')}`}

| entry point | inputs | accepted | refused | different outcomes |
|---|--:|--:|--:|--:|
${rows.join('\n')}

| refused as | inputs |
|---|--:|
${refusalsOf(tally).map(([code, count]) => `| \`${code}\` | ${thousands(count)} |`).join('\n')}
`
}
