/**
 * The page's end of the line to the worker: a question returns its answer or throws a {@link Refused}.
 */
import workerUrl from '../worker/worker.ts?worker&url'
import type { Asks, News, Question, Refusal, Reply } from '../requests.js'
import { trustedScriptUrl } from './trusted.js'

/** The worker's no, with its code. */
export class Refused extends Error {
  readonly code: string

  constructor({ code, reason }: Refusal) {
    super(`${code}${reason === '' ? '' : ` (${reason})`}`)
    this.code = code
  }
}

/** Asks, and hears news. */
export interface WorkerClient {
  ask<Name extends keyof Asks>(ask: Name, ...given: Parameters<Asks[Name]>): Promise<ReturnType<Asks[Name]>>
}

interface Open {
  resolve(answer: unknown): void
  reject(error: Refused): void
}

/** Starts the worker. */
export const startWorker = (onNews: (news: News) => void): WorkerClient => {
  const worker = new Worker(trustedScriptUrl(workerUrl), { type: 'module' })
  const open = new Map<number, Open>()
  let asked = 0
  worker.addEventListener('message', ({ data }: MessageEvent<Reply>) => {
    if ('news' in data) {
      onNews(data)
      return
    }
    const question = open.get(data.id)
    open.delete(data.id)
    if ('refusal' in data) question?.reject(new Refused(data.refusal))
    else question?.resolve(data.answer)
  })
  worker.addEventListener('error', () => { onNews({ news: 'ended', code: 'web.worker.failed' }) })
  return {
    ask: (ask, ...given) => new Promise((resolve, reject) => {
      const id = ++asked
      open.set(id, { resolve: (answer) => { resolve(answer as ReturnType<Asks[typeof ask]>) }, reject })
      worker.postMessage({ id, ask, given } satisfies Question)
    }),
  }
}
