/**
 * famichat doctor: an operator asks about a server that runs, and about one that is not there.
 */
import assert from 'node:assert/strict'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Place, ServerProcess } from './support/processes.js'

test('the doctor says of each thing whether it is well and what to do, in lines and in JSON, and ends with 1 when something is wrong', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const { port } = new URL(server.url)
  const well = await place.run(['doctor', '--data', 'server', '--port', port])
  assert.match(well.stdout, /^ok +keys +\S/m)
  assert.match(well.stdout, /^ok +websocket +\S/m)
  assert.match(well.stdout, /^warning backup .*: run /m)
  const asJson = await place.run(['doctor', '--data', 'server', '--port', port, '--json'])
  const states = new Map(asJson.lines.map(({ check, state }) => [check, state]))
  assert.deepEqual(['server', 'ready', 'websocket', 'keys'].map((check) => states.get(check)), ['good', 'good', 'good', 'good'])
  // a disk that is nearly full is this machine's affair
  assert.deepEqual([...states].filter(([check, state]) => state === 'bad' && check !== 'disk'), [])
  await server.stop()
  chmodSync(join(server.dataDir, 'database.key'), 0o644)
  const wrong = await place.run(['doctor', '--data', 'server', '--port', port])
  assert.equal(wrong.code, 1)
  assert.match(wrong.stdout, /^WRONG +keys .*chmod 600/m)
  assert.match(wrong.stdout, /^WRONG +server .*: /m)
})
