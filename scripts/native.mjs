/**
 * The one native module: SQLite with encryption. Compiling it takes minutes, so the result is kept in the
 * user's cache, keyed by module version, Node ABI, platform, processor and C library.
 */
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { installedVersion, npmCommand, seconds } from './install.mjs'
import { ROOT } from './workspace.mjs'

const NAME = 'better-sqlite3-multiple-ciphers'
const BINARY = join(ROOT, 'node_modules', NAME, 'build/Release/better_sqlite3.node')
const STAMP = `${BINARY}.built-for`
const PROGRESS_EVERY_MS = 15_000
const TRY_IT =
  `const D = require('${NAME}'); const d = new D(':memory:'); ` +
  `d.pragma("cipher='chacha20'"); if (d.prepare('select 1 as one').get().one !== 1) process.exit(1)`

/** Puts a working SQLite binary in place: already there, else from the cache, else downloaded or compiled. */
export const makeNativeModule = async (say) => {
  const version = installedVersion(NAME)
  if (version === undefined) return
  const key = `${version}-${process.versions.modules}-${process.platform}-${process.arch}`
  if (existsSync(BINARY) && existsSync(STAMP) && readFileSync(STAMP, 'utf8') === key) return
  const cached = join(cacheFolder(), `${key}-${cLibrary()}.node`)
  if (existsSync(BINARY) && works()) {
    keep(BINARY, cached)
  } else if (existsSync(cached) && place(cached)) {
    say('encrypted SQLite taken from the cache')
  } else {
    await compile(say)
    keep(BINARY, cached)
  }
  writeFileSync(STAMP, key)
}

const cacheFolder = () => {
  const base = process.env.XDG_CACHE_HOME
  return join(base !== undefined && base !== '' ? base : join(homedir(), '.cache'), 'famichat', 'native')
}

// a report's full form looks up network names; the C library alone needs none of that
const cLibrary = () => {
  if (process.platform !== 'linux') return 'system'
  process.report.excludeNetwork = true
  return process.report.getReport().header.glibcVersionRuntime === undefined ? 'musl' : 'glibc'
}

const works = () => spawnSync(process.execPath, ['-e', TRY_IT], { cwd: ROOT, stdio: 'ignore' }).status === 0

const place = (cached) => {
  mkdirSync(dirname(BINARY), { recursive: true })
  copyWhole(cached, BINARY)
  if (works()) return true
  rmSync(BINARY, { force: true })
  rmSync(cached, { force: true })
  return false
}

/** A cache that cannot be written costs time at the next install, nothing else. */
const keep = (binary, cached) => {
  try {
    mkdirSync(dirname(cached), { recursive: true })
    copyWhole(binary, cached)
  } catch {
    // deliberately ignored: see above
  }
}

// renamed into place, so that a reader never meets half a file
const copyWhole = (from, to) => {
  const unfinished = `${to}.${process.pid}`
  copyFileSync(from, unfinished)
  renameSync(unfinished, to)
}

const compile = async (say) => {
  say('building the encrypted SQLite: 2-4 minutes, once on this machine …')
  const started = process.hrtime.bigint()
  const progress = setInterval(() => { say(`… still building (${seconds(started)} s)`) }, PROGRESS_EVERY_MS)
  const { code, output } = await runRebuild().finally(() => { clearInterval(progress) })
  if (code === 0 && works()) {
    say(`encrypted SQLite built in ${seconds(started)} s`)
    return
  }
  throw new Error(whyNotBuilt(output))
}

const runRebuild = () =>
  new Promise((resolve) => {
    const npm = npmCommand()
    const child = spawn(npm.command, [...npm.args, 'rebuild', NAME, '--ignore-scripts=false', '--foreground-scripts', '--no-update-notifier'], {
      cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], env: { ...nodeHeaders(), ...process.env },
    })
    let output = ''
    const collect = (chunk) => { output = (output + String(chunk)).slice(-8000) }
    child.stdout.on('data', collect)
    child.stderr.on('data', collect)
    child.on('error', (error) => { resolve({ code: 1, output: error.message }) })
    child.on('close', (code) => { resolve({ code: code ?? 1, output }) })
  })

/** Headers that came with this Node, so that none have to be fetched; what the user has set goes before. */
export const nodeHeaders = (execPath = process.execPath, version = process.versions) => {
  const folder = dirname(dirname(execPath))
  const file = join(folder, 'include/node/node_version.h')
  if (!existsSync(file)) return {}
  const text = readFileSync(file, 'utf8')
  const isOurs = version.node === ['MAJOR', 'MINOR', 'PATCH'].map((part) => new RegExp(`#define NODE_${part}_VERSION (\\d+)`).exec(text)?.[1]).join('.')
  return isOurs ? { npm_config_nodedir: folder } : {}
}

const whyNotBuilt = (output) => {
  const has = (...names) => names.some((name) => spawnSync(name, ['--version'], { stdio: 'ignore' }).status === 0)
  const missing = [
    ...(has('g++', 'c++', 'clang++') ? [] : ['a C++ compiler']),
    ...(has('make', 'gmake') ? [] : ['make']),
    ...(has('python3', 'python') ? [] : ['python3']),
  ]
  if (missing.length > 0 && process.platform !== 'win32') {
    return (
      `Famichat keeps its data in an encrypted SQLite that must be compiled here, and this machine lacks ${missing.join(', ')}.\n` +
      'On Debian or Ubuntu: apt-get install g++ make python3   then run the same command again.'
    )
  }
  // what npm says about itself would hide what went wrong
  const lines = output.trim().split('\n').filter((line) => !line.startsWith('npm '))
  const remedy = /network|ENOTFOUND|ECONN|ETIMEDOUT|EAI_AGAIN/.test(output)
    ? 'It could not fetch the headers of this Node: check the network connection, or install them (on Debian: libnode-dev, or the nodejs package of nodesource.com), then run the same command again.'
    : 'Look in it for the first error; once that is mended, run the same command again.'
  return `The encrypted SQLite could not be built. The end of its output:\n${lines.slice(-25).join('\n')}\n${remedy}`
}
