/**
 * `npm run lab`: protocols side by side (packages/lab). The peers have their own packages in packages/lab/peers, outside of
 * the workspaces: some are under the GPL, and the product must not depend on them. What of them cannot be installed or built is
 * said in the tables; the rest runs.
 */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { forward } from './forward.mjs'
import { installPackages } from './install.mjs'
import { runMain, setup } from './setup.mjs'
import { ROOT } from './workspace.mjs'

const FOLDER = 'packages/lab/peers'
const say = (text) => { process.stderr.write(`setup: ${text}\n`) }

/** Makes the peers ready, as far as that goes. */
const preparePeers = () => {
  try {
    installPackages(say, FOLDER)
  } catch (error) {
    say(error instanceof Error ? error.message : String(error))
  }
  // emits what compiles although the types of a missing peer are unknown
  const result = spawnSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', FOLDER], { cwd: ROOT, encoding: 'utf8' })
  if (result.status !== 0) say(`the build of ${FOLDER}/ complains:\n${`${result.stdout}${result.stderr}`.trim()}`)
}

await runMain(async () => {
  const args = process.argv.slice(2)
  await setup()
  if (!args.includes('--help')) preparePeers()
  await forward('packages/lab/dist/cli.js', args)
})
