/**
 * What the test page can do; the test calls it by name through `famichatPage`.
 */
import { contract } from '../backends/contract.js'
import { nodeBackend as pageBackend } from './page-backend.js'
import { benchFresh, benchPrimitives, benchWarm } from './page-bench.js'
import { foundGroup, resumeGroup } from './page-group.js'

/** A promise of the contract, and why it is not kept. */
export interface ClauseResult {
  readonly sentence: string
  readonly failure?: string
}

const runContract = async (): Promise<readonly ClauseResult[]> => {
  const results: ClauseResult[] = []
  for (const { sentence, holds } of contract) {
    try {
      await holds(pageBackend)
      results.push({ sentence })
    } catch (error) {
      results.push({ sentence, failure: String(error) })
    }
  }
  return results
}

/** Whether the page's policy lets text become code. */
const isEvalRefused = (): boolean => {
  try {
    globalThis.eval('1')
    return false
  } catch {
    return true
  }
}

/** Runs the work in a task of the page's own: in what a debugger calls, eval would be let through. */
const inOwnTask = <Given, Result>(work: (given: Given) => Result | Promise<Result>) =>
  (given: Given): Promise<Result> => new Promise((resolve, reject) => {
    setTimeout(() => { Promise.resolve().then(() => work(given)).then(resolve, reject) }, 0)
  })

const offered = { runContract, isEvalRefused, foundGroup, resumeGroup, benchPrimitives, benchWarm, benchFresh }

Object.assign(globalThis, {
  famichatPage: Object.fromEntries(Object.entries(offered).map(([name, work]) => [name, inOwnTask<number, unknown>(work)])),
})
