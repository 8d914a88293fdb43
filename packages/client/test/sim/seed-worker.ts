/**
 * A thread that plays the seeds it is given.
 */
import { parentPort } from 'node:worker_threads'
import { run } from './run.js'

parentPort?.on('message', (seed: number) => {
  void run({ seed }).then((result) => { parentPort?.postMessage(result) })
})
