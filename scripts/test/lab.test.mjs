/**
 * The protocol lab in short: every peer installs, loads and does all the work; what is demonstrated of each is known.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { join } from 'node:path'
import { ROOT } from '../workspace.mjs'

const CONTENDERS = ['famichat', 'ts-mls', 'openmls', 'signal-pairwise', 'signal-sender-keys', 'olm', 'megolm']
const SIZES = [2, 4]

/** What holds of whom, in the order of the lab's table: round trip … deniability. */
const KNOWN = {
  famichat: 'holds holds holds holds holds partly holds holds fails',
  'ts-mls': 'holds holds holds partly holds partly holds holds fails',
  openmls: 'holds holds holds partly holds partly holds fails fails',
  'signal-pairwise': 'holds holds holds holds holds holds holds holds holds',
  'signal-sender-keys': 'holds holds holds holds holds partly holds holds partly',
  olm: 'holds holds holds partly holds holds holds fails holds',
  megolm: 'holds holds fails holds fails partly holds fails partly',
}

test('npm run lab -- --quick measures and demonstrates with every contender', async () => {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/lab.mjs'), '--quick', '--sizes', SIZES.join(','), '--json'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  let errors = ''
  child.stdout.on('data', (data) => { output += data })
  child.stderr.on('data', (data) => { errors += data })
  const code = await new Promise((settle, refuse) => {
    child.on('error', refuse)
    child.on('close', settle)
  })
  equal(code, 0, errors)
  const rows = JSON.parse(output)
  const of = (kind) => rows.filter((row) => row.kind === kind)
  const failures = of('failure').filter(({ part }) => !part.startsWith('state of '))
  deepEqual(failures, [], errors)
  deepEqual(of('entry').map(({ contender }) => contender), CONTENDERS)
  for (const contender of CONTENDERS) {
    equal(of('finding').filter((row) => row.contender === contender).map(({ outcome }) => outcome).join(' '), KNOWN[contender], contender)
    for (const members of SIZES) {
      const works = new Set(of('measurement').filter((row) => row.contender === contender && row.members === members).map(({ work }) => work))
      for (const work of ['set-up', 'join', 'send', 'send: bytes', 'receive', 'add', 'remove']) ok(works.has(work), `${contender} ${members} ${work}`)
    }
  }
})
