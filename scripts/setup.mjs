/**
 * Makes a clone ready to run: Node version, packages, native module, build. Does only what is needed.
 * No dependency. Everything it says goes to stderr, so stdout belongs to the command that follows.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installPackages } from './install.mjs'
import { makeNativeModule } from './native.mjs'
import { filesUnder, packageNames, readJson, ROOT } from './workspace.mjs'

const BUILD_OUTPUT = /\.(d\.ts|js|d\.ts\.map|js\.map)$/

/** Gets everything ready; throws an Error whose message is a sentence for the user. */
export const setup = async ({ say = sayOnStderr } = {}) => {
  checkNodeVersion()
  installPackages(say)
  await makeNativeModule(say)
  if (!existsSync(join(ROOT, 'packages/cli/dist/main.js'))) say('compiling …')
  build()
}

/** Runs `main`, turning an Error into its message and exit code 1. */
export const runMain = async (main) => {
  try {
    await main()
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
    process.exitCode = 1
  }
}

/** Compiles what changed. Throws with the compiler's own words. */
export const build = () => {
  removeOrphans()
  const result = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b'], { cwd: ROOT, encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`The build failed:\n${`${result.stdout}${result.stderr}`.trim()}`)
}

/** Throws unless this Node is at least the one package.json asks for. */
export const checkNodeVersion = (running = process.versions.node) => {
  const wanted = /(\d+)\.(\d+)/.exec(readJson('package.json').engines.node)
  const [major, minor] = running.split('.').map(Number)
  const [wantedMajor, wantedMinor] = [Number(wanted[1]), Number(wanted[2])]
  if (major > wantedMajor || (major === wantedMajor && minor >= wantedMinor)) return
  throw new Error(`Famichat needs Node ${wantedMajor}.${wantedMinor} or newer and this is ${running}. Get a newer one from nodejs.org or your system's packages.`)
}

const sayOnStderr = (text) => { process.stderr.write(`setup: ${text}\n`) }

/** Removes compiled files whose source is gone: tsc leaves them, and a deleted test would run on. */
const removeOrphans = () => {
  for (const name of packageNames()) {
    for (const [output, source] of [['dist', 'src'], ['dist-test', 'test']]) {
      const folder = `packages/${name}/${output}`
      if (!existsSync(join(ROOT, folder, '.tsbuildinfo'))) continue
      for (const file of filesUnder(folder, { skip: new Set(['node_modules']) })) {
        if (!BUILD_OUTPUT.test(file)) continue
        const stem = `packages/${name}/${source}${file.slice(folder.length).replace(BUILD_OUTPUT, '')}`
        if (!['.ts', '.tsx', '.mts'].some((extension) => existsSync(join(ROOT, stem + extension)))) rmSync(join(ROOT, file))
      }
    }
  }
}
