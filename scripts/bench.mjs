/**
 * `npm run bench -- mls …` times the engine in Node, `npm run bench -- browser …` in Chromium;
 * `npm run bench -- e2e …` times a message from one person to another.
 */
import { forward } from './forward.mjs'
import { runMain, setup } from './setup.mjs'

const PROGRAMS = {
  mls: 'packages/mls/dist-test/bench/cli.js',
  browser: 'packages/mls/dist-test/browser/cli.js',
  e2e: 'packages/client/dist-test/bench/cli.js',
}

await runMain(async () => {
  const [what, ...args] = process.argv.slice(2)
  const program = PROGRAMS[what]
  if (program === undefined) {
    process.stdout.write(`usage: npm run bench -- ${Object.keys(PROGRAMS).join('|')} …\nEach says with --help what else it takes.\n`)
    if (what !== '--help') process.exitCode = 2
    return
  }
  await setup()
  await forward(program, [what, ...args])
})
