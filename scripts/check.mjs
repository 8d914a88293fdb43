/**
 * `npm run check`: everything a machine can say about the code without running it, one line per step.
 * A step is a program that exits with 0 when it has nothing to complain about.
 */
import { spawnSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { seconds } from './install.mjs'
import { runMain, setup } from './setup.mjs'
import { ROOT } from './workspace.mjs'

/** The steps in the order they run. */
const STEPS = [
  { name: 'types', about: 'the compiler accepts every project', run: ['node_modules/typescript/bin/tsc', '-b', '--pretty', 'false'] },
  { name: 'projects', about: 'every package is built and installed from the root', run: ['scripts/check-projects.mjs'] },
  { name: 'arrows', about: 'imports follow the table in scripts/arrows.mjs', run: ['scripts/check-arrows.mjs'] },
  { name: 'files', about: 'no file above 400 lines, each opens by saying what it is', run: ['scripts/check-files.mjs'] },
  { name: 'links', about: 'pages name files, headings and npm commands that are there', run: ['scripts/check-links.mjs'] },
  { name: 'dependencies', about: 'docs/dependencies.md explains each runtime dependency', run: ['scripts/check-dependencies.mjs'] },
  { name: 'supply', about: 'package-lock.json: exact versions, hashes, no install scripts, no more packages than agreed on', run: ['scripts/check-supply.mjs'] },
  { name: 'docs', about: 'docs/rfc9420-map.md and docs/api-*.md say what the code says', run: ['scripts/docs-engine.mjs', '--check'] },
  { name: 'validation', about: 'docs/mls-validation.md: every check of the engine has a test', run: ['scripts/docs-validation.mjs', '--check'] },
  { name: 'threats', about: 'docs/threats.md: each threat with the tests that bear its id', run: ['scripts/docs-threats.mjs', '--check'] },
  { name: 'limits', about: 'docs/limits.md: every cap, from the code that holds it', run: ['scripts/docs-limits.mjs', '--check'] },
  { name: 'lint', about: 'eslint.config.js: strict typed rules and the house style', run: ['node_modules/eslint/bin/eslint.js', '.', '--max-warnings=0'] },
  { name: 'unused', about: 'knip: no unused file, export or dependency', run: ['node_modules/knip/bin/knip.js', '--no-progress', '--no-config-hints'] },
]

const USAGE = `usage: npm run check [-- STEP…]
Runs all steps, or only those named:
${STEPS.map((step) => `  ${step.name.padEnd(13)} ${step.about}`).join('\n')}
`

/** Runs the named steps (all when none is named), printing a line each, and says how many passed and failed. */
export const runChecks = (names) => {
  const totals = { passed: 0, failed: 0 }
  for (const step of STEPS) {
    if (names.length > 0 && !names.includes(step.name)) continue
    const started = process.hrtime.bigint()
    const result = spawnSync(process.execPath, step.run.map((part, at) => (at === 0 ? join(ROOT, part) : part)), { cwd: ROOT, encoding: 'utf8', maxBuffer: 1 << 26 })
    const ok = result.status === 0
    totals[ok ? 'passed' : 'failed']++
    process.stdout.write(`${ok ? 'ok    ' : 'FAILED'} check ${step.name}  (${seconds(started)} s)\n`)
    if (!ok) process.stdout.write(`${`${result.stdout ?? ''}${result.stderr ?? ''}`.trim().replace(/^/gm, '    ')}\n`)
  }
  return totals
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const names = process.argv.slice(2)
    if (names.includes('--help')) {
      process.stdout.write(USAGE)
      return
    }
    const unknown = names.find((name) => !STEPS.some((step) => step.name === name))
    if (unknown !== undefined) throw new Error(`There is no step "${unknown}".\n${USAGE}`)
    await setup()
    if (runChecks(names).failed > 0) process.exitCode = 1
  })
}
