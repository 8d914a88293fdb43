/**
 * Plays a crowd in a thread of its own, which may have more memory than a process has by itself, and tells how far it is.
 */
import { parentPort, workerData } from 'node:worker_threads'
import { type Crowd, type CrowdFigures, playCrowd } from './crowd.js'

/** What it tells. */
export type CrowdMessage = { readonly what: string; readonly done: number; readonly of: number } | { readonly figures: CrowdFigures }

const tell = (message: CrowdMessage): void => { parentPort?.postMessage(message) }

tell({ figures: await playCrowd(workerData as Crowd, (what) => (done, of) => { tell({ what, done, of }) }) })
