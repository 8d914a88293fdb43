/**
 * `npm start`: makes the clone ready, then runs `famichat server` with the arguments given after `--`.
 */
import { forward } from './forward.mjs'
import { runMain, setup } from './setup.mjs'

await runMain(async () => {
  await setup()
  await forward('packages/cli/dist/main.js', ['server', ...process.argv.slice(2)])
})
