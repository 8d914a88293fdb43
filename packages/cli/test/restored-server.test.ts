/**
 * A server put back to an older backup, with real processes: a device linked after it comes back, and the account goes on.
 */
import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { test } from 'node:test'
import { type Person, Place, ServerProcess } from './support/processes.js'

const linked = async (host: Person, device: Person): Promise<string> => {
  const linking = host.starts('link')
  await linking.until('a link is printed', ({ lines }) => lines.some(({ type }) => type === 'link'))
  await device.does('join', linking.lines.find(({ type }) => type === 'link')?.link ?? '')
  assert.equal((await linking.finished).code, 0)
  return String((await device.does('status'))[0]?.device)
}

test('after an older backup was restored, a person links and revokes devices as if nothing had happened', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const made = await place.run(['backup', 'create', 'one.backup', '--data', 'server', '--key', 'kept.key'])
  assert.equal(made.code, 0, made.stderr)
  const phone = await linked(ada, place.person('phone'))
  await server.stop()
  rmSync(server.dataDir, { recursive: true })
  const restored = await place.run(['backup', 'restore', 'one.backup', '--data', 'server', '--key', 'kept.key'])
  assert.equal(restored.code, 0, restored.stderr)
  await server.start()
  const tablet = await linked(ada, place.person('tablet'))
  assert.deepEqual((await ada.does('devices')).map(({ device }) => device).sort(), [String((await ada.does('status'))[0]?.device), phone, tablet].sort())
  // the phone came after the backup: it registers again by itself
  await place.person('phone').does('conversations')
  await ada.does('revoke', phone)
  await ada.does('revoke', tablet)
  for (const device of ['phone', 'tablet']) assert.equal((await place.person(device).tries(['conversations'])).code, 1)
})
