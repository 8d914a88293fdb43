/**
 * Contenders that are missing, do not load, crash or hang cost their own rows only.
 */
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseJob } from '../dist/job.js'
import { contenderAt, loadContender, registeredContenders } from '../dist/registry.js'
import { reasonOf } from '../dist/refusal.js'
import { run, type RunPlan } from '../dist/run.js'
import type { Results } from '../dist/results.js'
import { readmeExample, troubled, withFolder, writeContender } from './fixtures.js'

const PLAN: Omit<RunPlan, 'contenders'> = { sizes: [3, 10], withSecurity: false, budgetMs: 20, timeoutMs: 60_000 }
const quiet = { onStep: () => undefined, onRow: () => undefined }

const reasons = (results: Results, contender: string): readonly string[] =>
  results.failures.filter((failure) => failure.contender === contender).map(({ part, reason }) => `${part}: ${reason}`)

test('a contender that is missing, one that throws at load and one that crashes the process are said in rows, and the rest goes on', async () => {
  await withFolder(async (folder) => {
    const results = await run({
      ...PLAN,
      contenders: [
        contenderAt(join(folder, 'missing.mjs')),
        writeContender(folder, 'unmet', "import 'no-such-library'\nexport const contender = {}"),
        writeContender(folder, 'throws', "throw new Error('this platform is not supported')"),
        writeContender(folder, 'nothing', 'export const other = 1'),
        writeContender(folder, 'crashes', troubled('process.abort()')),
        writeContender(folder, 'exits', troubled("console.error('FATAL ERROR: out of memory'); process.exit(7)")),
        writeContender(folder, 'refuses', troubled("throw new RangeError('too many people')")),
        writeContender(folder, 'works', readmeExample()),
      ],
    }, quiet)
    match(reasons(results, 'missing').join(), /^timing, 3 members: not installed: Cannot find module/)
    match(reasons(results, 'unmet').join(), /^timing, 3 members: not installed: Cannot find package 'no-such-library'/)
    deepEqual(reasons(results, 'throws'), ['timing, 3 members: this platform is not supported'])
    deepEqual(reasons(results, 'nothing'), ['timing, 3 members: lab.contender.not_a_contender'])
    match(reasons(results, 'crashes').join(), /^timing, 10 members: the process was ended by SIGABRT/)
    deepEqual(reasons(results, 'exits'), ['timing, 10 members: the process ended with code 7: FATAL ERROR: out of memory'])
    deepEqual(reasons(results, 'refuses'), ['timing, 10 members: too many people'])
    deepEqual(reasons(results, 'works'), [])
    // what was measured before the trouble is kept
    for (const id of ['crashes', 'exits', 'refuses', 'works']) ok(results.value(id, 3, 'send') !== undefined, id)
    ok(results.value('works', 10, 'send') !== undefined)
    equal(results.value('crashes', 10, 'send'), undefined)
  })
})

test('a contender that never comes back is stopped', async () => {
  await withFolder(async (folder) => {
    const hangs = writeContender(folder, 'hangs', 'setInterval(() => undefined, 1000)\nawait new Promise(() => undefined)')
    const results = await run({ ...PLAN, sizes: [3], timeoutMs: 1500, contenders: [hangs] }, quiet)
    deepEqual(reasons(results, 'hangs'), ['timing, 3 members: stopped after 2 s'])
  })
})

test('no contender is measured beyond the size it names', async () => {
  await withFolder(async (folder) => {
    const results = await run({ ...PLAN, sizes: [101], contenders: [writeContender(folder, 'postcards', readmeExample())] }, quiet)
    deepEqual(reasons(results, 'postcards'), ['timing, 101 members: not tried beyond 100 members'])
  })
})

test('a file that exports no contender is refused', async () => {
  await withFolder(async (folder) => {
    const { file } = writeContender(folder, 'nothing', 'export const contender = { facts: {} }')
    const refused = await loadContender(file).then(() => undefined, (error: unknown) => error)
    equal((refused as { readonly code?: unknown }).code, 'lab.contender.not_a_contender')
  })
})

test('no reason names a folder of this machine', () => {
  equal(reasonOf(new Error("Cannot find module '/home/ada/lab/peers/dist/olm.js' imported from file:///home/ada/lab/dist/registry.js")),
    "Cannot find module 'dist/olm.js' imported from dist/registry.js")
})

test('the words of a Rust library are found where it hides them', () => {
  equal(reasonOf({ tag: 'Mls', inner: { mlsError: { tag: 'Other', inner: { msg: 'no such conversation' } } } }), 'no such conversation')
  equal(reasonOf({ code: 1, description: 'no room key' }), 'no room key')
  equal(reasonOf('a text'), 'a text')
})

test('a worker takes no job it does not know', () => {
  for (const text of [undefined, '', '{', '{}', '{"contender":"a","file":"b","part":"dancing","members":3,"budgetMs":1}']) {
    throws(() => parseJob(text), { code: 'lab.job.malformed' })
  }
})

test('each file of the two folders is a contender, whether it was compiled or not', () => {
  deepEqual(registeredContenders().map(({ id }) => id), ['famichat', 'ts-mls', 'openmls', 'signal-pairwise', 'signal-sender-keys', 'olm', 'megolm'])
})
