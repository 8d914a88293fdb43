/**
 * One profile, several processes at once: no message key serves twice, nothing is lost or shown twice.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Place, ServerProcess } from './support/processes.js'

test('a tail and many sends on one profile at the same time send every message under its own key', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const ben = await place.person('ben').joins(await ada.invites(), 'Ben')
  await ada.does('create', 'direct', 'Ben')
  const listener = ada.starts('tail', 'Ben')
  await listener.until('the tail runs', ({ lines }) => lines.length > 0)
  const texts = Array.from({ length: 6 }, (_, index) => `parallel ${index}`)
  await Promise.all([...texts.map((text) => ada.does('send', 'Ben', text)), ben.does('send', 'Ada', 'and one back')])
  const all = [...texts, 'and one back'].sort()
  await listener.until('everything is shown', (running) => running.texts.length >= all.length)
  assert.deepEqual([...listener.texts].sort(), all)
  // a key used twice would leave the second message unreadable at the receiver
  const received = await ben.does('tail', 'Ada', '--once')
  assert.deepEqual(received.filter(({ type }) => type === 'message').map(({ text }) => text), listener.texts)
  assert.ok(!received.some(({ type }) => type === 'unreadable'))
})
