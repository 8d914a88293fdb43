/**
 * The README of the package does what it says.
 */
import { deepEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'node:test'

const root = resolve(import.meta.dirname, '..')

test('the code blocks of the README run in order and print what they say', () => {
  const blocks = [...readFileSync(join(root, 'README.md'), 'utf8').matchAll(/```js\n([\s\S]*?)```/g)].map((match) => match[1] ?? '')
  const program = blocks.join('\n')
  const promised = [...program.matchAll(/console\.log\(.*\) \/\/ (.*)$/gm)].map((match) => match[1])
  // inside of the package, so that its own name resolves
  const folder = mkdtempSync(join(root, 'dist-test', 'readme-'))
  try {
    writeFileSync(join(folder, 'program.mjs'), program)
    const run = spawnSync(process.execPath, [join(folder, 'program.mjs')], { encoding: 'utf8' })
    deepEqual(run.stderr, '')
    const printed = run.stdout.trim().split('\n')
    for (const line of promised) deepEqual(printed.includes(line ?? ''), true, `prints "${line ?? ''}"`)
    deepEqual(printed.length, promised.length + 1)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
