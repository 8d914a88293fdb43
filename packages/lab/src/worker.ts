/**
 * The process of one job (job.ts): loads the contender and does its part.
 */
import { demonstrate } from './experiments.js'
import { describeJob, parseJob } from './job.js'
import { measurePhases } from './phases.js'
import { reasonOf } from './refusal.js'
import { loadContender } from './registry.js'
import type { Row } from './row.js'
import { measure } from './timing.js'

const REHEARSAL_MEMBERS = 6

const send = (row: Row | { readonly kind: 'end' }): Promise<void> => new Promise((resolve) => {
  if (process.send === undefined) process.stdout.write(`${JSON.stringify(row)}\n`, () => { resolve() })
  else process.send(row, () => { resolve() })
})

const main = async (): Promise<void> => {
  const job = parseJob(process.argv[2])
  const { contender: id, part, members, budgetMs } = job
  const sent: Promise<void>[] = []
  const onRow = (row: Row): void => { sent.push(send(row)) }
  try {
    const contender = await loadContender(job.file)
    const { name, protocol, library, version, licence, note } = contender.facts
    onRow({ kind: 'entry', contender: id, name, protocol, library, version, licence, note })
    if (part === 'security') await demonstrate(contender, id, onRow)
    else if (part === 'phases') await measurePhases(id, members, onRow)
    else if (members > contender.facts.largest) onRow({ kind: 'failure', contender: id, part: describeJob(job), reason: `not tried beyond ${contender.facts.largest.toLocaleString('en')} members` })
    else {
      // code that was never compiled or a library that was never called is not what is measured
      await measure(contender, { contender: id, members: REHEARSAL_MEMBERS, budgetMs: budgetMs / 10, onRow: () => undefined })
      await measure(contender, { contender: id, members, budgetMs, onRow })
    }
  } catch (error) {
    onRow({ kind: 'failure', contender: id, part: describeJob(job), reason: isMissing(error) ? `not installed: ${reasonOf(error)}` : reasonOf(error) })
  }
  await Promise.all(sent)
  await send({ kind: 'end' })
}

const isMissing = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && (error.code === 'ERR_MODULE_NOT_FOUND' || error.code === 'MODULE_NOT_FOUND')

await main()
process.exit(0)
