/**
 * `npm start`: makes the clone ready, then runs `famichat server` with the web app and the arguments given after `--`.
 */
import { forward } from './forward.mjs'
import { runMain, setup } from './setup.mjs'
import { buildWeb, SITE } from './web.mjs'

await runMain(async () => {
  await setup()
  buildWeb()
  await forward('packages/cli/dist/main.js', ['server', '--web', SITE, ...process.argv.slice(2)])
})
