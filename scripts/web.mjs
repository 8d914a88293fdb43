/**
 * Builds the web app into packages/web/site, when something it is made of is newer than what is there.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { filesUnder, ROOT } from './workspace.mjs'

/** Where the built app is. */
export const SITE = join(ROOT, 'packages/web/site')

const INPUTS = ['packages/web/src', 'packages/web/public', 'packages/base/src', 'packages/mls/src', 'packages/protocol/src', 'packages/client/src']
const FILES = ['packages/web/index.html', 'packages/web/vite.config.ts', 'packages/web/package.json', 'package-lock.json']

/** Builds it if need be; throws with the builder's words. The packages it is made of must be compiled. */
export const buildWeb = (say = sayOnStderr) => {
  if (!isStale()) return
  say('building the web app …')
  const result = spawnSync(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], {
    cwd: join(ROOT, 'packages/web'), encoding: 'utf8',
  })
  if (result.status !== 0) throw new Error(`The web app could not be built:\n${`${result.stdout}${result.stderr}`.trim()}`)
}

const isStale = () => {
  const built = join(SITE, 'index.html')
  if (!existsSync(built)) return true
  const builtMs = statSync(built).mtimeMs
  return [...INPUTS.flatMap((folder) => filesUnder(folder)), ...FILES].some((file) => statSync(join(ROOT, file)).mtimeMs > builtMs)
}

const sayOnStderr = (text) => { process.stderr.write(`setup: ${text}\n`) }
