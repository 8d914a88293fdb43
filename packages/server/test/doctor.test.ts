/**
 * The doctor says what is wrong, and what to do.
 */
import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { examine, type Examination, type Finding } from '@famichat/server'
import { startTestServer, temporaryFolder } from './support/test-server.js'

const statesOf = (findings: readonly Finding[]): Readonly<Record<string, Finding['state']>> => Object.fromEntries(findings.map(({ check, state }) => [check, state]))

test('a server that is well is told so; what is missing comes with a sentence that says what to do', async (t) => {
  const server = await startTestServer(t)
  const examination: Examination = { dataDir: server.dataDir, url: server.running.url, isPublic: false, passkeyDomain: undefined, clock: server.clock }
  const findings = await examine(examination)
  // the test's clock is not the machine's, and the disk is what it is
  const { clock: _clock, disk: _disk, ...states } = statesOf(findings)
  assert.deepEqual(states, {
    folder: 'good', keys: 'good', backup: 'warning', server: 'good', ready: 'good', tls: 'warning', websocket: 'good', figures: 'good', passkeys: 'good',
  })
  for (const { state, text } of findings) if (state !== 'good') assert.match(text, /: (run|give|let|make|put|start)/)
  const asPublic = statesOf(await examine({ ...examination, isPublic: true }))
  assert.deepEqual([asPublic.tls, asPublic.figures, asPublic.passkeys], ['bad', 'bad', 'warning'])
  server.clock.advance(3_600_000)
  assert.equal(statesOf(await examine(examination)).clock, 'bad')
})

test('exposed keys, a wrong folder, an old backup, a domain that does not fit and a server that is not there are named', async (t) => {
  const server = await startTestServer(t)
  chmodSync(join(server.dataDir, 'database.key'), 0o644)
  chmodSync(server.dataDir, 0o755)
  writeFileSync(join(server.dataDir, 'backup.last'), JSON.stringify({ createdAtMs: server.clock.nowMs() - 9 * 24 * 3600 * 1000 }))
  const url = 'http://127.0.0.1:9'
  const findings = await examine({ dataDir: server.dataDir, url, isPublic: true, passkeyDomain: 'other.example', clock: server.clock })
  const states = statesOf(findings)
  assert.deepEqual([states.folder, states.keys, states.backup, states.server, states.passkeys], ['warning', 'bad', 'warning', 'bad', 'bad'])
  assert.match(findings.find(({ check }) => check === 'keys')?.text ?? '', /database\.key.*chmod 600/)
  assert.match(findings.find(({ check }) => check === 'backup')?.text ?? '', /9 days old/)
  const empty = temporaryFolder(t)
  mkdirSync(join(empty, 'x'))
  assert.equal(statesOf(await examine({ dataDir: empty, url, isPublic: false, passkeyDomain: undefined, clock: server.clock })).folder, 'bad')
})
