/**
 * `npm run screenshots`: makes the clone ready, builds the web app, plays its journeys and writes docs/screenshots/.
 * Pictures of Japanese and of emoji need fonts that have them (Debian: fonts-noto-cjk, fonts-noto-color-emoji).
 */
import { forward } from './forward.mjs'
import { runMain, setup } from './setup.mjs'
import { buildWeb } from './web.mjs'

await runMain(async () => {
  await setup()
  buildWeb()
  await forward('packages/web/dist-test/screenshots/cli.js', process.argv.slice(2))
})
