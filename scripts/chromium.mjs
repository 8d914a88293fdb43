/**
 * `node scripts/chromium.mjs`: prints where a Chromium is, for tests in a real browser; installs Debian's when it is
 * absent and we may. Nothing is downloaded from anywhere but the machine's own package sources.
 */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { runMain } from './setup.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const HOW = 'Install the package chromium (Debian, Ubuntu: apt-get install chromium), or say where one is: CHROMIUM=/path/to/chromium.'

/** The path of a Chromium. Throws a sentence when there is none and none can be installed. */
export const chromiumPath = (say = sayOnStderr) => {
  const named = process.env.CHROMIUM
  if (named !== undefined && named !== '') {
    if (existsSync(named)) return named
    throw new Error(`CHROMIUM names ${named}, which does not exist.`)
  }
  return find() ?? install(say)
}

const find = () =>
  (process.env.PATH ?? '').split(delimiter).flatMap((folder) => NAMES.map((name) => join(folder, name))).find((path) => existsSync(path))

const install = (say) => {
  const hasApt = spawnSync('apt-get', ['--version'], { stdio: 'ignore' }).status === 0
  if (!hasApt || process.getuid?.() !== 0) throw new Error(`Tests in a browser need Chromium, and none was found. ${HOW}`)
  say('installing Chromium with apt-get, once on this machine …')
  const attempt = aptGet('install') || (aptGet('update') && aptGet('install'))
  const path = attempt ? find() : undefined
  if (path === undefined) throw new Error(`Chromium could not be installed with apt-get. ${HOW}`)
  return path
}

const aptGet = (verb) => {
  const what = verb === 'install' ? ['-y', '--no-install-recommends', 'chromium'] : []
  // another apt-get may be at work: wait for it
  const { status } = spawnSync('apt-get', ['-o', 'DPkg::Lock::Timeout=300', verb, ...what], {
    stdio: 'ignore',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  })
  return status === 0
}

const sayOnStderr = (text) => { process.stderr.write(`chromium: ${text}\n`) }

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(() => { process.stdout.write(`${chromiumPath()}\n`) })
}
