/**
 * A device is lost and comes back: the commands as people type them.
 */
import assert from 'node:assert/strict'
import { rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Finished, Place, ServerProcess } from './support/processes.js'

const PASSPHRASE = 'correct horse battery'

const done = ({ code, stderr, lines }: Finished): Finished['lines'] => {
  assert.equal(code, 0, stderr)
  return lines
}

test('verify, acknowledge, archive and recovery, from one lost profile to the next', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const ben = await place.person('ben').joins(await ada.invites(), 'Ben')
  await ada.does('send', 'Ben', 'before the loss')
  await ben.does('send', 'Ada', 'an answer')

  const [mine] = await ada.does('verify', 'Ben')
  const [theirs] = await ben.does('verify', 'Ada')
  assert.equal(mine?.number, theirs?.number)
  assert.equal((await ada.does('verify', 'Ben', '--matches'))[0]?.state, 'verified')
  assert.equal((await ben.does('verify', '--scan', String(mine?.scan)))[0]?.state, 'verified')
  assert.equal((await ada.tries(['acknowledge', 'Ben'])).code, 1)
  assert.equal((await ada.does('code', 'Ben'))[0]?.code, (await ben.does('code', 'Ada'))[0]?.code)

  const words = (await ada.does('recovery', 'phrase'))[0]?.words as readonly string[]
  assert.equal(words.length, 12)
  const checking = place.start(['--json', '--profile', 'ada', 'recovery', 'check'], {}, { isAsked: true })
  for (let asked = 1; asked <= 3; asked++) {
    await checking.until('a word is asked for', ({ lines }) => lines.length === asked)
    checking.types(words[Number(checking.lines.at(-1)?.place) - 1] ?? '')
  }
  assert.deepEqual(done(await checking.finished).at(-1), { type: 'recovery_checked' })
  assert.equal((await ada.answers(['zebra', 'zebra', 'zebra'], 'recovery', 'check')).code, 1)

  done(await ada.answers([PASSPHRASE], 'archive', 'create', 'ada.archive'))
  assert.equal(statSync(join(place.home, 'ada.archive')).mode & 0o077, 0, 'for its owner only')
  assert.equal((await ada.answers([PASSPHRASE], 'archive', 'create', 'ada.archive')).code, 2, 'what is there is not written over')
  const [whole] = done(await ada.answers([PASSPHRASE], 'archive', 'verify', 'ada.archive'))
  assert.deepEqual([whole?.type, whole?.messages], ['archive_whole', 2])
  assert.match((await ada.answers(['wrong'], 'archive', 'verify', 'ada.archive')).stderr, /client\.archive\.wrong_key/)
  rmSync(ada.folder, { recursive: true })

  const found = place.person('found')
  assert.equal(done(await found.answers([words.join(' ')], 'recovery', 'use', 'ada.archive'))[0]?.type, 'restored')
  assert.deepEqual((await found.does('tail', 'Ben', '--once')).filter(({ type }) => type === 'message').map(({ text }) => text), ['before the loss', 'an answer'])
  await ben.does('tail', 'Ada', '--once')
  await found.does('send', 'Ben', 'I am back')
  assert.deepEqual(await ben.reads('Ada'), ['before the loss', 'an answer', 'I am back'])
  assert.equal((await found.does('verify'))[0]?.state, 'verified')
  done(await found.answers([PASSPHRASE], 'archive', 'restore', 'ada.archive'))
  assert.deepEqual(await found.reads('Ben'), ['before the loss', 'an answer', 'I am back'], 'nothing twice')
})
