/**
 * The commands of this repository take calls that make no sense alike: one line with a code, exit code 2; --help is a whole text.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../workspace.mjs'

const COMMANDS = ['client/dist-test/sim', 'client/dist-test/bench', 'server/dist-test/chaos', 'server/dist-test/load', 'server/dist-test/races', 'vault/dist-test/kills', 'vault/dist-test/bench', 'mls/dist-test/fuzz', 'mls/dist-test/bench', 'mls/dist-test/browser', 'mls/dist-test/vectors', 'web/dist-test/figures', 'lab/dist']
const call = (command, ...args) => spawnSync(process.execPath, [join(ROOT, 'packages', command, 'cli.js'), ...args], { encoding: 'utf8', timeout: 60_000 })

for (const command of COMMANDS) {
  test(`${command} says what it does not understand in one coded line, and how to call it when asked`, () => {
    const wrong = call(command, '--nonsense')
    assert.deepEqual([wrong.status, wrong.stdout], [2, ''])
    assert.match(wrong.stderr, /^--nonsense: [^\n]*\(command\.option\.unknown\)\n$/)
    const help = call(command, '--help')
    assert.deepEqual([help.status, help.stderr], [0, ''])
    assert.match(help.stdout, /^Usage: npm run /)
  })
}
