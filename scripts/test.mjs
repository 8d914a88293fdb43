/**
 * `npm test`: makes the clone ready, runs every compiled test file, then the checks, and prints the totals last.
 * `npm test -- PATTERN…` runs only test files whose path contains a PATTERN, and no checks.
 */
import { basename, relative, resolve } from 'node:path'
import { run } from 'node:test'
import { inspect } from 'node:util'
import { runChecks } from './check.mjs'
import { runMain, setup } from './setup.mjs'
import { buildWeb } from './web.mjs'
import { filesUnder, packageNames, ROOT } from './workspace.mjs'

const CONCURRENT_FILES = 2
const FILE_TIMEOUT_MS = 10 * 60_000
const USAGE = `usage: npm test [-- PATTERN…]
Builds, then runs every packages/*/test/**/*.test.ts, the scripts' own tests, and the checks of "npm run check".
With PATTERNs: only test files whose path contains one of them, and no checks.
`

const print = (line) => { process.stdout.write(`${line}\n`) }

/** Test files by source path, each with the file that runs: the compiled one for a package, itself for a script. */
const testFiles = (patterns) =>
  [...packageNames().flatMap((name) => filesUnder(`packages/${name}/test`)), ...filesUnder('scripts/test')]
    .filter((source) => /\.test\.m?[tj]s$/.test(source))
    .map((source) => ({ source, runs: source.endsWith('.ts') ? source.replace('/test/', '/dist-test/').replace(/\.ts$/, '.js') : source }))
    .filter((file) => patterns.length === 0 || patterns.some((p) => file.source.includes(p) || file.runs.includes(p)))

/** What is known of one test file while its events arrive. */
const newTally = () => ({ passed: 0, failed: 0, skipped: 0, names: [], output: '', failures: [] })

const record = (tally, path, { type, data }) => {
  if (data.details?.type === 'suite' && type === 'test:pass') return
  const isFile = data.nesting === 0 && resolve(ROOT, data.name) === path
  const error = data.details?.error
  if (data.skip !== undefined || data.todo !== undefined) tally.skipped++
  else if (type === 'test:fail') {
    if (data.details?.type === 'suite' && error?.failureType === 'subtestsFailed') return
    tally.failed++
    if (error?.failureType === 'subtestsFailed') return
    const name = isFile ? 'the file itself' : [...tally.names.slice(0, data.nesting), data.name].join(' > ')
    tally.failures.push({ name, error: isFile ? howFileEnded(error) : error?.cause ?? error })
  } else if (isFile) {
    tally.failed++
    tally.failures.push({ name: 'the file itself', error: 'it holds no test' })
  } else tally.passed++
}

const howFileEnded = (error) => {
  if (error?.exitCode !== undefined && error.exitCode !== null) return `its process ended with exit code ${error.exitCode}`
  if (error?.signal !== undefined && error.signal !== null) return `its process was ended by ${error.signal}`
  return error?.cause ?? error
}

const reportFile = (path, tally) => {
  const where = relative(ROOT, path).replace(/([\\/])dist-test([\\/].*)\.js$/, '$1test$2.ts')
  const counts = [`${tally.passed} passed`, ...(tally.failed > 0 ? [`${tally.failed} FAILED`] : []), ...(tally.skipped > 0 ? [`${tally.skipped} skipped`] : [])]
  print(`${tally.failed > 0 ? 'FAILED' : 'ok    '} ${where}  ${counts.join(', ')}`)
  for (const { name, error } of tally.failures) {
    const text = typeof error === 'string' ? error : inspect(error, { depth: 4 })
    print(`  x ${name}\n${text.replace(/^/gm, '    ')}`)
  }
  if (tally.failed > 0 && tally.output !== '') print(`  output of ${basename(path)}:\n${tally.output.trimEnd().replace(/^/gm, '    ')}`)
}

const runFiles = async (paths) => {
  const tallies = new Map()
  const tallyOf = (path) => tallies.get(path) ?? tallies.set(path, newTally()).get(path)
  let current
  const events = run({ files: paths, concurrency: CONCURRENT_FILES, timeout: FILE_TIMEOUT_MS })
  for await (const event of events) {
    const { type, data } = event
    if (data?.file === undefined) continue
    const path = resolve(ROOT, data.file)
    const tally = tallyOf(path)
    if (type === 'test:stdout' || type === 'test:stderr') tally.output = (tally.output + data.message).slice(-20_000)
    if (type === 'test:start') tally.names[data.nesting] = data.name
    if (type !== 'test:pass' && type !== 'test:fail') continue
    // node:test reports results file after file, so a new file means the last one is complete
    if (current !== undefined && current !== path) reportFile(current, tallyOf(current))
    current = path
    record(tally, path, event)
  }
  if (current !== undefined) reportFile(current, tallyOf(current))
  return [...tallies.values()]
}

await runMain(async () => {
  const patterns = process.argv.slice(2)
  if (patterns.includes('--help')) {
    process.stdout.write(USAGE)
    return
  }
  await setup()
  const files = testFiles(patterns)
  if (files.some(({ source }) => source.startsWith('packages/web/'))) buildWeb()
  if (files.length === 0) print(patterns.length === 0 ? 'There are no tests.' : `No test file's path contains ${patterns.join(' or ')}.`)
  const totals = { passed: 0, failed: 0, skipped: 0 }
  if (files.length > 0) {
    for (const tally of await runFiles(files.map((file) => resolve(ROOT, file.runs)))) {
      for (const kind of ['passed', 'failed', 'skipped']) totals[kind] += tally[kind]
    }
  }
  if (patterns.length === 0) {
    const checks = runChecks([])
    totals.passed += checks.passed
    totals.failed += checks.failed
  }
  print(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`)
  if (totals.failed > 0 || files.length === 0) process.exitCode = 1
})
