/**
 * `npm start`: makes the clone ready, then runs `famichat server` with the web app and the arguments given after `--`.
 */
import { forward } from './forward.mjs'
import { runMain, setup } from './setup.mjs'
import { buildWeb, SITE } from './web.mjs'

await runMain(async () => {
  const [first] = process.argv.slice(2)
  // without the two dashes npm keeps --port for itself, and its value alone comes here
  if (first !== undefined && !first.startsWith('-')) throw new Error(`"${first}" is no option. Options go behind two dashes: npm start -- --port 9000   (npm start -- --help shows them)`)
  await setup()
  buildWeb()
  await forward('packages/cli/dist/main.js', ['server', '--web', SITE, ...process.argv.slice(2)])
})
