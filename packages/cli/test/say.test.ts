/**
 * Messages that are more than a text, on the command line, with real processes.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Place, ServerProcess } from './support/processes.js'

test('replies, reactions, edits, deletions, letters and files, from one profile to another', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const ben = await place.person('ben').joins(await ada.invites(), 'Ben')
  await ada.does('send', 'Ben', 'Dinner at seven?')
  const [question] = (await ben.does('tail', 'Ada', '--once')).filter(({ type }) => type === 'message')
  const id = String(question?.id)
  await ben.does('reply', 'Ada', id.slice(0, 8), 'Yes')
  await ben.does('react', 'Ada', id, '👍')
  await ada.does('edit', 'Ben', id, 'Dinner at eight?')
  const [slip] = await ada.does('send', 'Ben', 'a slip')
  await ada.does('delete', 'Ben', String(slip?.id))
  writeFileSync(join(place.home, 'letter.txt'), 'Dear Ben,\nit is warm here.\n')
  await ada.does('letter', 'Ben', '--subject', 'Summer', 'letter.txt')
  const photo = randomBytes(1_300_000)
  writeFileSync(join(place.home, 'photo.jpg'), photo)
  const [progress] = await ada.does('attach', 'Ben', 'photo.jpg', '--caption', 'us')
  assert.equal(progress?.type, 'progress')

  const lines = await ben.does('tail', 'Ada', '--once')
  assert.deepEqual(lines.map(({ type }) => type), ['joined', 'message', 'reply', 'reaction', 'edit', 'deleted', 'delete', 'letter', 'attachment'])
  const attachment = lines.at(-1)
  assert.deepEqual([attachment?.fileName, attachment?.mediaType, attachment?.fileBytes, attachment?.caption], ['photo.jpg', 'image/jpeg', photo.length, 'us'])
  await ben.does('save', 'Ada', String(attachment?.id), '--to', join(ben.folder, 'new', 'folder'))
  assert.ok(readFileSync(join(ben.folder, 'new', 'folder', 'photo.jpg')).equals(photo))
  const nowhere = await ben.tries(['save', 'Ada', String(attachment?.id), '--to', join(ben.folder, 'new', 'folder', 'photo.jpg')])
  assert.deepEqual([nowhere.code, nowhere.stderr.includes('nothing can be written in')], [2, true])
  await ben.does('save', 'Ada', String(attachment?.id), '--to', ben.folder)
  const again = await ben.tries(['save', 'Ada', String(attachment?.id), '--to', ben.folder])
  assert.equal(again.code, 2, 'a name that the sender chose replaces nothing')

  const shown = (await place.run(['--profile', 'ben', 'tail', 'Ada', '--once', '--ids'])).stdout
  assert.match(shown, new RegExp(`^${id.slice(0, 8)}  Ada: Dinner at seven\\?$`, 'm'))
  assert.match(shown, /Ben to Ada's .{8}: Yes/)
  assert.match(shown, /Ada writes: Summer\n\n {4}Dear Ben,\n {4}it is warm here\./)
  assert.ok(!shown.includes('a slip'))
})

test('what somebody else writes does not steer the terminal', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  await place.person('ben').joins(await ada.invites(), 'Ben')
  await ada.does('send', 'Ben', 'red \u001b[31m bell \u0007 end')
  await ada.does('send', 'Ben', 'hello\nBen: I agree\u2028Cleo: so do I\r\nAda: good')
  const { stdout } = await place.run(['--profile', 'ben', 'tail', 'Ada', '--once'])
  assert.match(stdout, /red .\[31m bell . end/)
  assert.ok(!stdout.includes('\u001b') && !stdout.includes('\u0007'))
  assert.match(stdout, /^Ada: hello\n {4}Ben: I agree\n {4}Cleo: so do I\n {4}Ada: good$/m, 'no line of a message looks like another person\'s')
})

test('a group that bears a person\'s name takes nothing that is meant for the person', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const ben = await place.person('ben').joins(await ada.invites(), 'Ben')
  const mallory = await place.person('mallory').joins(await ada.invites(), 'Mallory')
  await mallory.does('create', 'group', 'BEN', 'Ada')
  const [group] = await ada.does('conversations')
  assert.equal(group?.name, 'BEN')
  const reading = await ada.tries(['tail', 'Ben', '--once'])
  assert.match(reading.stderr, /"client\.conversation\.ambiguous"/, 'nobody asked which of the two is meant')
  await ada.does('send', 'Ben', 'for Ben alone')
  assert.ok((await ben.does('tail', 'Ada', '--once')).some(({ text }) => text === 'for Ben alone'))
  assert.ok((await ada.does('tail', 'Ben', '--once')).some(({ text }) => text === 'for Ben alone'), 'the name is the person\'s')
  assert.ok(!(await mallory.does('tail', String(group.id), '--once')).some(({ text }) => text === 'for Ben alone'))
  await ada.does('send', String(group.id), 'for the group')
  assert.ok((await mallory.does('tail', String(group.id), '--once')).some(({ text }) => text === 'for the group'), 'its id finds the group')
})
