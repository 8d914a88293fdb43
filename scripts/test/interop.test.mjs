/**
 * Agreement with independent implementations, in short: interop/README.md says what is compared.
 */
import { equal, match } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { join } from 'node:path'
import { ROOT } from '../workspace.mjs'

const SCHEDULES = 200

test(`our engine, ts-mls and OpenMLS agree in ${SCHEDULES} random schedules`, async () => {
  const child = spawn(process.execPath, [join(ROOT, 'scripts/interop.mjs'), '--schedules', String(SCHEDULES)], { cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => { output += data })
  const code = await new Promise((settle, refuse) => {
    child.on('error', refuse)
    child.on('close', settle)
  })
  process.stdout.write(output)
  match(output.trimEnd().split('\n').at(-1), new RegExp(`^${SCHEDULES} passed, 0 failed, 0 skipped$`), output)
  equal(code, 0)
})
