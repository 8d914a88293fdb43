/**
 * `npm run web-figures`: makes the clone ready, builds the web app and measures it in Chromium.
 */
import { forward } from './forward.mjs'
import { runMain, setup } from './setup.mjs'
import { buildWeb } from './web.mjs'

await runMain(async () => {
  await setup()
  buildWeb()
  await forward('packages/web/dist-test/figures/cli.js', process.argv.slice(2))
})
