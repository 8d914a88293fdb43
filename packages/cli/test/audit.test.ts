/**
 * famichat audit: what an admin sees of what was done, in sentences and in JSON; others see nothing.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Place, ServerProcess } from './support/processes.js'

test('an admin reads who did what; others are told that there is nothing', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  await place.person('ben').joins(await ada.invites(), 'Ben')
  const said = await place.run(['audit', '--profile', 'ada'])
  assert.equal(said.code, 0, said.stderr)
  assert.match(said.stdout, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d {2}Ben added a device of Ben {2}\(\S{8}\)\n/)
  assert.match(said.stdout, /Ada made an invite {2}\(/)
  const { lines } = await place.run(['audit', '--profile', 'ada', '--json', '--limit', '1'])
  assert.deepEqual(lines.map(({ type, act, actor }) => [type, act, actor]), [['audit', 'deviceRegistered', 'Ben']])
  assert.equal((await place.run(['audit', '--profile', 'ben'])).code, 1)
  assert.equal((await place.run(['audit', '--limit', 'all'])).code, 2)
})
