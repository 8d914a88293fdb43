/**
 * famichat backup: an operator makes, rehearses and restores one; wrong use is said in a sentence.
 */
import assert from 'node:assert/strict'
import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Place } from './support/processes.js'

test('an operator backs up a running server, rehearses, loses everything but two files, and restores', async (t) => {
  const place = new Place(t)
  const server = place.start(['server', '--json', '--data', 'server'])
  await server.until('the server starts', ({ lines }) => lines.some(({ type }) => type === 'started'))
  const { setupLink } = server.lines.find(({ type }) => type === 'started') ?? {}
  assert.equal((await place.run(['join', String(setupLink), '--name', 'Ada'])).code, 0)
  const made = await place.run(['backup', 'create', 'one.backup', '--data', 'server'])
  assert.equal(made.code, 0, made.stderr)
  assert.match(made.stderr, /keep a copy of that away from this machine/)
  await server.stop()
  renameSync(join(place.home, 'server/backup.key'), join(place.home, 'kept.key'))
  renameSync(join(place.home, 'server'), join(place.home, 'burnt'))
  const keyed = ['one.backup', '--key', 'kept.key']
  const verified = await place.run(['backup', 'verify', ...keyed])
  assert.match(verified.stdout, /^sound: of .*, 1 people, 1 devices/)
  const restored = await place.run(['backup', 'restore', ...keyed, '--data', 'server', '--json'])
  assert.deepEqual(restored.lines.map(({ type, accounts }) => [type, accounts]).at(-1), ['restored', 1])
  assert.ok(existsSync(join(place.home, 'server/famichat.db')))
  const again = await place.run(['backup', 'restore', ...keyed, '--data', 'server'])
  assert.deepEqual([again.code, again.stderr.includes('a restore overwrites nothing')], [1, true])
  const back = place.start(['server', '--json', '--data', 'server'])
  await back.until('the server starts', ({ lines }) => lines.some(({ type }) => type === 'started'))
  assert.equal(back.lines.find(({ type }) => type === 'started')?.setupLink, undefined)
})
