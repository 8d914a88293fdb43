/**
 * Set-up notices what is out of date and says what to do; a child's end becomes ours.
 */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { staleReason } from '../install.mjs'
import { nodeHeaders } from '../native.mjs'
import { checkNodeVersion } from '../setup.mjs'
import { ROOT } from '../workspace.mjs'

const FORWARD = `import(${JSON.stringify(new URL('../forward.mjs', import.meta.url).href)}).then(({ forward }) => forward(process.argv[1], process.argv.slice(2)))`

const program = (t, source) => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-forward-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  const path = join(folder, 'program.mjs')
  writeFileSync(path, source)
  return path
}

test('an old Node is refused with a sentence that names both versions', () => {
  assert.throws(() => { checkNodeVersion('18.20.1') }, /needs Node 20\.19 or newer and this is 18\.20\.1/)
  assert.throws(() => { checkNodeVersion('20.18.3') }, /needs Node 20\.19/)
  for (const version of ['20.19.0', '22.0.0', '100.1.0']) checkNodeVersion(version)
})

test('what is installed here is what the lock file says', () => {
  assert.equal(staleReason(), undefined)
})

test('headers that came with this Node are used to compile, those of another version are not', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'famichat-headers-'))
  t.after(() => { rmSync(folder, { recursive: true, force: true }) })
  const execPath = join(folder, 'bin/node')
  assert.deepEqual(nodeHeaders(execPath), {}, 'there are none')
  mkdirSync(join(folder, 'include/node'), { recursive: true })
  writeFileSync(join(folder, 'include/node/node_version.h'), '#define NODE_MAJOR_VERSION 20\n#define NODE_MINOR_VERSION 20\n#define NODE_PATCH_VERSION 2\n')
  assert.deepEqual(nodeHeaders(execPath, { node: '20.20.2' }), { npm_config_nodedir: folder })
  assert.deepEqual(nodeHeaders(execPath, { node: '20.20.3' }), {})
})

test('an option that npm kept for itself is missed, and how to give it is said', () => {
  const { status, stderr } = spawnSync(process.execPath, [join(ROOT, 'scripts/start.mjs'), '9000'], { cwd: ROOT, encoding: 'utf8' })
  assert.deepEqual([status, stderr], [1, '"9000" is no option. Options go behind two dashes: npm start -- --port 9000   (npm start -- --help shows them)\n'])
})

test('arguments and the exit code pass through', (t) => {
  const path = program(t, 'console.log(process.argv.slice(2).join("|")); process.exit(7)')
  const { status, stdout } = spawnSync(process.execPath, ['-e', FORWARD, path, 'a b', '--flag'], { cwd: ROOT, encoding: 'utf8' })
  assert.equal(status, 7)
  assert.equal(stdout, 'a b|--flag\n')
})

for (const signal of ['SIGTERM', 'SIGINT']) {
  test(`${signal} reaches the program, which ends in its own way`, async (t) => {
    const path = program(t, `process.on('${signal}', () => { console.log('goodbye'); process.exit(5) }); setInterval(() => {}, 1000); console.log('ready')`)
    const child = spawn(process.execPath, ['-e', FORWARD, path], { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += String(chunk)
      if (output === 'ready\n') child.kill(signal)
    })
    const code = await new Promise((settle) => { child.on('close', settle) })
    assert.equal(code, 5)
    assert.equal(output, 'ready\ngoodbye\n')
  })
}

test('a program that was never built is named', () => {
  const { status, stderr } = spawnSync(process.execPath, ['-e', FORWARD, 'packages/none/dist/main.js'], { cwd: ROOT, encoding: 'utf8' })
  assert.equal(status, 1)
  assert.match(stderr, /There is no packages\/none\/dist\/main\.js/)
})
