/**
 * `npm run interop`: our engine in one group with ts-mls and OpenMLS. The peers have their own packages in interop/,
 * outside of the workspaces: one of them is under the GPL, and the product must not depend on it.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { forward } from './forward.mjs'
import { installPackages } from './install.mjs'
import { runMain, setup } from './setup.mjs'
import { ROOT } from './workspace.mjs'

const FOLDER = 'interop'
const say = (text) => { process.stderr.write(`setup: ${text}\n`) }

/** Compiles interop/, which the root does not build: its peers may not be installed. */
const build = () => {
  const result = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', FOLDER], { cwd: ROOT, encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`The build of ${FOLDER}/ failed:\n${`${result.stdout}${result.stderr}`.trim()}`)
}

await runMain(async () => {
  await setup()
  installPackages(say, FOLDER)
  build()
  await forward(`${FOLDER}/dist/cli.js`, process.argv.slice(2))
})
