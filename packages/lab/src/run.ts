/**
 * A run of the lab: every contender, every size, one process after the other, so that they do not slow each other down.
 */
import { describeJob, type Job, runJob } from './job.js'
import type { Registered } from './registry.js'
import { Results } from './results.js'
import type { Row } from './row.js'

/** What to run. */
export interface RunPlan {
  readonly contenders: readonly Registered[]
  /** In members, ascending. */
  readonly sizes: readonly number[]
  /** Left out when false. */
  readonly withSecurity: boolean
  /** For one repeated piece of work, in milliseconds. */
  readonly budgetMs: number
  /** After which one process is ended. */
  readonly timeoutMs: number
}

/** Our engine's phases are split at this size. */
const PHASE_MEMBERS = 100
const PHASE_MEMBERS_QUICK = 10
const LARGE = 100

/** The jobs of a plan: sizes outermost, so that an interrupted run has compared all at the small ones. */
export const jobsOf = ({ contenders, sizes, withSecurity, budgetMs }: RunPlan): readonly Job[] => {
  const common = ({ id, file }: Registered): Pick<Job, 'contender' | 'file' | 'budgetMs'> => ({ contender: id, file, budgetMs })
  const ours = contenders.find(({ id }) => id === 'famichat')
  const largest = sizes.at(-1) ?? 0
  return [
    ...withSecurity ? contenders.map((each): Job => ({ ...common(each), part: 'security', members: 3 })) : [],
    ...ours === undefined ? [] : [{ ...common(ours), part: 'phases', members: largest >= LARGE ? PHASE_MEMBERS : PHASE_MEMBERS_QUICK } as const],
    ...sizes.flatMap((members) => contenders.map((each): Job => ({ ...common(each), part: 'timing', members }))),
  ]
}

/** Who watches a run. */
export interface Watcher {
  /** Told what begins. */
  readonly onStep: (what: string) => void
  readonly onRow: (row: Row) => void
  /** Called when all contenders have done a size: a long run leaves reports even if it is interrupted. */
  readonly onSize?: (results: Results) => void
}

/** Runs all jobs. */
export const run = async (plan: RunPlan, { onStep, onRow, onSize }: Watcher): Promise<Results> => {
  const results = new Results()
  const unloadable = new Set<string>()
  const jobs = jobsOf(plan)
  for (const [index, job] of jobs.entries()) {
    onStep(`${job.contender}, ${describeJob(job)}`)
    // what does not load does not load at any size: said once
    if (!unloadable.has(job.contender)) await runJob(job, { timeoutMs: plan.timeoutMs, onRow: (row) => { results.add(row); onRow(row) } })
    if (results.entry(job.contender) === undefined) unloadable.add(job.contender)
    if (job.part === 'timing' && jobs[index + 1]?.members !== job.members) onSize?.(results)
  }
  return results
}
