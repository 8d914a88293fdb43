/**
 * Jobs: one contender, one piece of the lab, in a process of its own. What the process finds it sends as rows; whatever
 * becomes of the process, the rest of the lab goes on.
 */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { LabError } from './errors.js'
import { withoutPaths } from './refusal.js'
import type { Row } from './row.js'

/** What one process does. */
export interface Job {
  readonly contender: string
  readonly file: string
  /** `timing` at a size in members, `security`, or `phases`, which only our engine has. */
  readonly part: 'timing' | 'security' | 'phases'
  readonly members: number
  /** For one piece of work that is repeated, in milliseconds. */
  readonly budgetMs: number
}

const PARTS: readonly string[] = ['timing', 'security', 'phases']
const WORKER = fileURLToPath(new URL('worker.js', import.meta.url))
const MAX_STDERR = 4000
const MAX_REASON = 200

/** The job a worker was given. @throws LabError `lab.job.malformed` */
export const parseJob = (text: string | undefined): Job => {
  let job: Partial<Job>
  try {
    job = JSON.parse(text ?? '') as Partial<Job>
  } catch (error) {
    throw new LabError('lab.job.malformed', {}, { cause: error })
  }
  const { contender, file, part, members, budgetMs } = job
  if (contender === undefined || file === undefined || part === undefined || !PARTS.includes(part) || members === undefined || budgetMs === undefined) {
    throw new LabError('lab.job.malformed')
  }
  return { contender, file, part, members, budgetMs }
}

/** What a failed job was, in words for a row. */
export const describeJob = ({ part, members }: Pick<Job, 'part' | 'members'>): string =>
  part === 'timing' ? `timing, ${members.toLocaleString('en')} members` : part

/** Runs a job. Rows come as they are found; never rejects: a process that ends early leaves a failure. */
export const runJob = (job: Job, { timeoutMs, onRow }: { readonly timeoutMs: number; readonly onRow: (row: Row) => void }): Promise<void> =>
  new Promise((resolve) => {
    const child = fork(WORKER, [JSON.stringify(job)], { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] })
    let errors = ''
    let isComplete = false
    let isLate = false
    const timer = setTimeout(() => {
      isLate = true
      child.kill('SIGKILL')
    }, timeoutMs)
    child.stderr?.on('data', (data: Buffer) => { errors = `${errors}${data.toString()}`.slice(0, MAX_STDERR) })
    child.on('message', (message: Row | { readonly kind: 'end' }) => {
      if (message.kind === 'end') isComplete = true
      else onRow(message)
    })
    const settle = (how: string): void => {
      clearTimeout(timer)
      if (!isComplete) {
        const reason = isLate ? `stopped after ${Math.round(timeoutMs / 1000)} s` : `${how}${lastWords(errors)}`
        onRow({ kind: 'failure', contender: job.contender, part: describeJob(job), reason })
      }
      resolve()
    }
    child.once('error', (error) => { settle(`the process did not start: ${error.message}`) })
    child.once('close', (code, signal) => { settle(signal === null ? `the process ended with code ${String(code)}` : `the process was ended by ${signal}`) })
  })

/** The line of an error output that says most, and the next where it announces one. */
const lastWords = (errors: string): string => {
  const lines = errors.split('\n').map((line) => line.trim()).filter((line) => line !== '' && !line.startsWith('at ') && !line.startsWith('Node.js v'))
  const index = lines.findIndex((each) => /error\b|panicked|fatal/i.test(each))
  const line = index === -1 ? lines.at(-1) : lines[index]
  if (line === undefined) return ''
  const words = line.endsWith(':') ? `${lines[index + 1] ?? ''} (${line.slice(0, -1)})` : line
  return `: ${withoutPaths(words).replaceAll('|', '/').slice(0, MAX_REASON)}`
}
