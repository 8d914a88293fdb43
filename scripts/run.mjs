/**
 * `node scripts/run.mjs FILE ARGS…`: makes the clone ready, then runs a compiled file of this repository.
 */
import { forward } from './forward.mjs'
import { runMain, setup } from './setup.mjs'

await runMain(async () => {
  const [file, ...args] = process.argv.slice(2)
  if (file === undefined || file === '--help') {
    process.stdout.write('usage: node scripts/run.mjs FILE ARGS…\nFILE is a compiled file, such as packages/cli/dist/main.js\n')
    if (file === undefined) process.exitCode = 2
    return
  }
  await setup()
  await forward(file, args)
})
