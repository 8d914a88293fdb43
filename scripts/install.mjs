/**
 * Keeps node_modules equal to package-lock.json: installs when they differ, does nothing when they agree.
 * Install scripts never run here; the one native module is built by native.mjs.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readJson, ROOT } from './workspace.mjs'

/**
 * Why node_modules must be installed again, as words for the user; undefined when it is current.
 * `folder` is where package.json lies, relative to the root.
 */
export const staleReason = (folder = '.') => {
  // npm writes this file last, so an interrupted install has none
  if (!existsSync(join(ROOT, folder, 'node_modules/.package-lock.json'))) return 'nothing is installed yet'
  const wanted = readJson(`${folder}/package-lock.json`).packages
  const present = readJson(`${folder}/node_modules/.package-lock.json`).packages
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/')) continue
    const installed = present[path]
    if (installed === undefined) {
      if (entry.optional === true || entry.peer === true) continue
      return `${path.replace(/^.*node_modules\//, '')} is new in package-lock.json`
    }
    if (installed.version !== entry.version || installed.integrity !== entry.integrity || installed.resolved !== entry.resolved) {
      return `${path.replace(/^.*node_modules\//, '')} changed in package-lock.json`
    }
    if (entry.link === true && !existsSync(join(ROOT, folder, path))) return `the link to ${entry.resolved} is missing`
  }
  const gone = Object.keys(present).find((path) => path.includes('node_modules/') && wanted[path] === undefined)
  return gone === undefined ? undefined : `${gone.replace(/^.*node_modules\//, '')} left package-lock.json`
}

/** Runs `npm ci` when node_modules differs from the lock file. Throws a sentence when npm fails. */
export const installPackages = (say, folder = '.') => {
  const reason = staleReason(folder)
  if (reason === undefined) return false
  say(`installing packages${folder === '.' ? '' : ` of ${folder}`} (${reason}) …`)
  const started = process.hrtime.bigint()
  const npm = npmCommand()
  const result = spawnSync(npm.command, [...npm.args, 'ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: join(ROOT, folder),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  if (result.status !== 0) {
    const output = `${result.stdout ?? ''}${result.stderr ?? ''}`.trim()
    throw new Error(
      `npm could not install the packages.\n${output}\n` +
        'Check the network connection. If it says package.json and package-lock.json disagree, run: npm install',
    )
  }
  say(`packages installed in ${seconds(started)} s`)
  return true
}

/** How to start npm: the one that started us, else the one on the PATH. */
export const npmCommand = () => {
  const inherited = process.env.npm_execpath
  if (inherited !== undefined && /npm-cli\.c?js$/.test(inherited) && existsSync(inherited)) {
    return { command: process.execPath, args: [inherited] }
  }
  return { command: process.platform === 'win32' ? 'npm.cmd' : 'npm', args: [] }
}

/** Whole and tenth seconds since a `process.hrtime.bigint()`. */
export const seconds = (started) => (Number((process.hrtime.bigint() - started) / 100_000_000n) / 10).toFixed(1)

/** The version field of an installed package, or undefined when it is not installed. */
export const installedVersion = (name) => {
  const path = join(ROOT, 'node_modules', name, 'package.json')
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')).version : undefined
}
