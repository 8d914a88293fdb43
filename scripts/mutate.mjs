/**
 * `npm run mutate`: proves that every check of the engine is needed. Each `check(…)` and each `if (…) throw
 * new MlsError` of packages/mls/src is switched off, one at a time, in a copy of the compiled engine, and the engine's tests have to notice.
 * The survivors are explained in packages/mls/test/hostile/survivors.json, or are a finding. Not part of `npm test`.
 */
import { spawn } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { runMain, setup } from './setup.mjs'
import { ROOT } from './workspace.mjs'

const TIMEOUT_MS = 180_000
const USAGE = `usage: npm run mutate [-- OPTIONS]
  --only TEXT     only check sites whose file:line or code contains TEXT (several: A,B,C)
  --skip N        leave out the first N sites
  --workers N     mutants tested at once (2)
  --quick         ask only tests that name the code of a check: faster, and more survivors
  --list          print the sites and stop
`
/** Too slow, or not about single refusals. */
const NEVER = /fuzz|bench|interop|vectors|readme|hostile\/(?:error-codes|random-groups|b6-failures)/

const filesBelow = (folder, ending) => readdirSync(folder, { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(ending))
  .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
  .sort()

/** Index just behind the parenthesis that closes the one at `open`; strings and comments are skipped. */
const closing = (source, open) => {
  let depth = 0
  for (let at = open; at < source.length; at++) {
    const char = source[at]
    if (char === "'" || char === '"' || char === '`') {
      for (at++; source[at] !== char; at++) if (source[at] === '\\') at++
    } else if (char === '(') depth++
    else if (char === ')' && --depth === 0) return at + 1
  }
  throw new Error('a parenthesis is never closed')
}

/** Every place that can refuse, with what to write there instead. */
const sitesOf = (dist) => filesBelow(dist, '.js').filter((file) => file !== 'errors.js').flatMap((file) => {
  const source = readFileSync(join(dist, file), 'utf8')
  return [...checksIn(file, source), ...throwsIn(file, source)]
})

const siteAt = (file, source, at, text, mutant) => {
  const [, code = '?'] = /'((?:mls)\.[a-z_.0-9]+)'/.exec(text) ?? []
  return { file, line: source.slice(0, at).split('\n').length, code, text: text.replace(/\s+/g, ' ').slice(0, 110), mutant }
}

/** The condition is still evaluated: only its verdict is ignored. */
const checksIn = (file, source) => [...source.matchAll(/\bcheck\(/g)].map(({ index }) => {
  const end = closing(source, index + 5)
  const text = source.slice(index, end)
  const comma = firstComma(text)
  return siteAt(file, source, index, text, `${source.slice(0, index)}check(((${text.slice(6, comma)}), true)${text.slice(comma)}${source.slice(end)}`)
})

const throwsIn = (file, source) => [...source.matchAll(/\bif \(/g)].flatMap(({ index }) => {
  const end = closing(source, index + 3)
  const [thrown] = /^\s*\{?\s*throw new MlsError\([^\n]*/.exec(source.slice(end)) ?? []
  if (thrown === undefined) return []
  const mutant = `${source.slice(0, index)}if ((${source.slice(index + 3, end)}, false))${source.slice(end)}`
  return [siteAt(file, source, index, source.slice(index, end) + thrown, mutant)]
})

/** Where the first argument of `check(…)` ends. */
const firstComma = (text) => {
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text[at]
    if (char === "'" || char === '`') for (at++; text[at] !== char; at++) if (text[at] === '\\') at++
    if ('([{'.includes(char)) depth++
    if (')]}'.includes(char)) depth--
    if (char === ',' && depth === 1) return at
  }
  return text.length - 1
}

/** A copy of the compiled engine and its tests that a mutant may be written into. */
const makeWorkshop = () => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-mutate-'))
  cpSync(join(ROOT, 'packages/mls'), join(folder, 'packages/mls'), { recursive: true, filter: (path) => !path.includes('node_modules') })
  cpSync(join(ROOT, 'packages/base'), join(folder, 'packages/base'), { recursive: true, filter: (path) => !path.includes('node_modules') })
  cpSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  cpSync(join(ROOT, 'node_modules/@famichat'), join(folder, 'node_modules/@famichat'), { recursive: true, verbatimSymlinks: true })
  for (const name of readdirSync(join(ROOT, 'node_modules'))) {
    if (name !== '@famichat' && name !== '.package-lock.json') symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name))
  }
  return folder
}

/** True when the tests of a file pass; `names` narrows them down. */
const passes = (folder, { file, names = [] }) => new Promise((resolve) => {
  const patterns = names.map((name) => `--test-name-pattern=${name}`)
  const child = spawn(process.execPath, [...patterns, join(folder, 'packages/mls/dist-test', file)], { cwd: folder, stdio: 'ignore', timeout: TIMEOUT_MS })
  child.on('close', (code) => { resolve(code === 0) })
})

/** The first test file that notices, undefined when none does. */
const killerOf = async (folder, runs) => {
  for (const run of runs) if (!(await passes(folder, run))) return run.file
  return undefined
}

const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** The tests of a compiled file: the fixed start of each name, and the source up to the next test. */
const testsIn = (source) => {
  const starts = [...source.matchAll(/^ *test\(\s*(['"`])((?:\\.|(?!\1).)*)\1/gm)]
  return starts.map((match, at) => ({
    start: match[2].split('${')[0].replace(/\\(['"`])/g, '$1'), body: source.slice(match.index, starts[at + 1]?.index ?? source.length),
  }))
}

/** What to run against a site: the tests that name its code, then the files that do, then everything else of its layer. */
const plan = (tests, { code, file: site }, isQuick) => {
  const naming = tests.filter(({ source }) => source.includes(code))
  const exact = naming.flatMap(({ file, source }) => {
    const names = testsIn(source).filter(({ start, body }) => start.length > 8 && body.includes(code)).map(({ start }) => `^${escaped(start)}`)
    return names.length === 0 ? [] : [{ file, names }]
  })
  const isCrypto = site.startsWith('crypto/')
  const isOwn = ({ file }) => (isCrypto && /backends|experimental/.test(file)) || (site === 'x509.js' && file.startsWith('x509'))
  const isFar = ({ file }) => !isCrypto && /backends|experimental|x509/.test(file)
  const others = tests.filter((test) => !naming.includes(test) && (isOwn(test) || (!isQuick && !isFar(test))))
  return [...exact, ...naming, ...others]
}

await runMain(async () => {
  const given = process.argv.slice(2)
  const option = (name) => (given.includes(name) ? given[given.indexOf(name) + 1] : undefined)
  if (given.includes('--help')) {
    process.stdout.write(USAGE)
    return
  }
  await setup()
  const dist = join(ROOT, 'packages/mls/dist')
  const only = option('--only')
  const sites = sitesOf(dist).filter(({ file, line, code }) => only === undefined || only.split(',').some((part) => `${file}:${line} ${code}`.includes(part))).slice(Number(option('--skip') ?? 0))
  if (given.includes('--list')) {
    for (const { file, line, text } of sites) process.stdout.write(`${file}:${line} ${text}\n`)
    return
  }
  const tests = filesBelow(join(ROOT, 'packages/mls/dist-test'), '.test.js').filter((file) => !NEVER.test(file))
    .map((file) => ({ file, source: readFileSync(join(ROOT, 'packages/mls/dist-test', file), 'utf8') }))
  const explained = JSON.parse(readFileSync(join(ROOT, 'packages/mls/test/hostile/survivors.json'), 'utf8'))
  const workshops = Array.from({ length: Number(option('--workers') ?? 2) }, makeWorkshop)
  const started = Date.now()
  const survivors = []
  const queue = sites.entries()
  let done = 0
  try {
    const broken = await killerOf(workshops[0], tests)
    if (broken !== undefined) throw new Error(`${broken} fails without any mutant: run npm test first.`)
    await Promise.all(workshops.map(async (folder) => {
      for (const [, site] of queue) {
        const target = join(folder, 'packages/mls/dist', site.file)
        const original = readFileSync(target, 'utf8')
        writeFileSync(target, site.mutant)
        const killer = await killerOf(folder, plan(tests, site, given.includes('--quick')))
        writeFileSync(target, original)
        done++
        if (killer === undefined) survivors.push(site)
        process.stdout.write(`${done}/${sites.length} ${Math.round((Date.now() - started) / 1000)} s  ${killer === undefined ? 'SURVIVES' : 'dead    '} ${site.file}:${site.line} ${site.code}${killer === undefined ? '' : ` (${killer})`}\n`)
      }
    }))
  } finally {
    for (const folder of workshops) rmSync(folder, { recursive: true, force: true })
  }
  const reasonOf = ({ file, text }) => explained.find((entry) => entry.file === file && text.startsWith(entry.check))?.why
  process.stdout.write(survivors.length === 0 ? '' : '\nsurvivors:\n')
  for (const site of survivors) process.stdout.write(`${site.file}:${site.line} ${site.text}\n    ${reasonOf(site) ?? 'NOT EXPLAINED'}\n`)
  const findings = survivors.filter((site) => reasonOf(site) === undefined)
  process.stdout.write(`${sites.length} checks switched off one by one: ${sites.length - survivors.length} noticed, ${survivors.length - findings.length} survive with a reason, ${findings.length} unexplained\n`)
  if (findings.length > 0) process.exitCode = 1
})
