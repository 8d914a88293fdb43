/**
 * One helper thread of node-threads.ts: sleeps, does jobs, sleeps.
 * Layer: crypto.
 */
import { workerData } from 'node:worker_threads'
import { makeJobRunner } from './jobs.js'
import { nodePrimitives } from './node-backend.js'
import { awaitBatch, openControl, reportForWork, takeJob } from './shared-batch.js'

const batch = openControl(workerData as SharedArrayBuffer)
const run = makeJobRunner(nodePrimitives)
reportForWork(batch)
for (let seen = 0; ;) {
  seen = awaitBatch(batch, seen)
  while (takeJob(batch, run)) { /* until none is left */ }
}
