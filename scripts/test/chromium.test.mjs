/**
 * Finding and installing Chromium, with a package manager that is only played.
 */
import { equal, match } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { ROOT } from '../workspace.mjs'

const isRoot = process.getuid?.() === 0

/** Runs the script with a PATH of one folder that holds `programs`: shell text by name. */
const runWith = (programs, env = {}) => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-chromium-'))
  try {
    for (const [name, text] of Object.entries(programs)) writeFileSync(join(folder, name), `#!/bin/sh\nHERE=${folder}\n${text}\n`, { mode: 0o755 })
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/chromium.mjs')], {
      encoding: 'utf8',
      env: { PATH: folder, ...env },
    })
    return { status, path: stdout.trim().replace(folder, ''), words: stderr }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test('a Chromium on the PATH is used as it is', () => {
  const { status, path, words } = runWith({ chromium: 'exit 0' })
  equal(status, 0)
  equal(path, '/chromium')
  equal(words, '')
})

test('the one that CHROMIUM names comes first, and must exist', () => {
  equal(runWith({ chromium: 'exit 0' }, { CHROMIUM: process.execPath }).path, process.execPath)
  const { status, words } = runWith({ chromium: 'exit 0' }, { CHROMIUM: '/nowhere/chromium' })
  equal(status, 1)
  equal(words, 'CHROMIUM names /nowhere/chromium, which does not exist.\n')
})

test('without Chromium and without apt-get it says in a sentence what to do', () => {
  const { status, words } = runWith({})
  equal(status, 1)
  match(words, /^Tests in a browser need Chromium, and none was found\. Install the package chromium .*\n$/)
})

const WANTS_UPDATE = `case "$*" in
  --version) exit 0;;
  *update*) : > "$HERE/updated"; exit 0;;
  *install*) [ -f "$HERE/updated" ] || exit 100; : > "$HERE/chromium"; exit 0;;
esac`

test('root gets it installed, after an update of the package lists where that is needed', { skip: isRoot ? false : 'needs root' }, () => {
  const { status, path, words } = runWith({ 'apt-get': WANTS_UPDATE })
  equal(status, 0)
  equal(path, '/chromium')
  match(words, /installing Chromium/)
})

test('an installation that fails is a sentence too', { skip: isRoot ? false : 'needs root' }, () => {
  const { status, words } = runWith({ 'apt-get': '[ "$1" = --version ]' })
  equal(status, 1)
  match(words, /Chromium could not be installed with apt-get\./)
})
