/**
 * famichat vault: what an operator sees, with a server that runs.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Place } from './support/processes.js'

test('an operator counts, rotates and drops keys while the server runs', async (t) => {
  const place = new Place(t)
  const data = ['--data', `${place.home}/server`]
  const server = place.start(['server', '--json', ...data])
  await server.until('the server starts', ({ lines }) => lines.some(({ type }) => type === 'started'))
  const { setupLink } = server.lines.find(({ type }) => type === 'started') ?? {}
  assert.equal((await place.run(['join', String(setupLink), '--name', 'Ada'])).code, 0)
  const status = async (): Promise<string> => (await place.run(['vault', 'status', ...data])).stdout
  assert.equal(await status(), 'accounts.name: 1 row v1\nfamilies.name: 1 row v1\npasskeys.label: empty\npush_subscriptions.endpoint: empty\nv1 encrypts; the ring holds v1\n')
  const early = await place.run(['vault', 'drop-key', 'v1', ...data])
  assert.deepEqual([early.code, early.stderr.includes('the key is the one that encrypts')], [1, true])
  const { lines } = await place.run(['vault', 'rotate', '--json', ...data])
  assert.deepEqual(lines.at(-1), { type: 'rotated', keyId: 2, rows: 2 })
  assert.ok(lines.some((line) => line.type === 'progress' && line.name === 'accounts.name' && line.doneRows === 1))
  assert.equal((await place.run(['vault', 'drop-key', 'v1', ...data])).stdout, 'v1 is gone\n')
  const gone = await place.run(['vault', 'drop-key', 'v1', ...data])
  assert.deepEqual([gone.code, gone.stderr], [2, 'famichat: the ring holds no v1, but v2\n'])
  assert.equal(await status(), 'accounts.name: 1 row v2\nfamilies.name: 1 row v2\npasskeys.label: empty\npush_subscriptions.endpoint: empty\nv2 encrypts; the ring holds v2\n')
  const families = await place.run(['families', '--json'])
  assert.equal(families.code, 0, families.stderr)
  assert.ok(families.stdout.includes('Ada'))
})
