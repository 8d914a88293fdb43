/**
 * famichat chat: at a real terminal, and with lines from a pipe.
 */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseChatLine } from '../dist/chat-line.js'
import { Place, ServerProcess } from './support/processes.js'

/** What a terminal shows, without the keys that steer it. */
const shown = ({ stdout }: { readonly stdout: string }): string => stdout.replace(/\u001b\[[0-9;]*[A-Za-z]/g, '')

test('what is typed in a chat is a text, or a command that names a message by its number', () => {
  assert.deepEqual(parseChatLine('  hello there '), { type: 'text', body: 'hello there' })
  assert.deepEqual(parseChatLine('//me too'), { type: 'text', body: '/me too' })
  assert.deepEqual(parseChatLine('/reply 12 Yes, at seven'), { type: 'reply', seq: 12, body: 'Yes, at seven' })
  assert.deepEqual(parseChatLine('/react 3 👍'), { type: 'react', seq: 3, body: '👍' })
  assert.deepEqual(parseChatLine('/delete 4'), { type: 'delete', seq: 4 })
  assert.deepEqual(parseChatLine('/save 4'), { type: 'save', seq: 4, path: '.' })
  assert.deepEqual(parseChatLine('/file a b.txt'), { type: 'file', seq: 0, path: 'a b.txt' })
  assert.deepEqual(parseChatLine('   '), { type: 'nothing' })
  for (const wrong of ['/reply', '/reply x hello', '/reply 12', '/delete 1 2', '/file', '/nonsense']) assert.equal(parseChatLine(wrong).type, 'wrong', wrong)
})

test('at a terminal: what others say appears above the line being typed, and messages are answered by their numbers', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const ben = await place.person('ben').joins(await ada.invites(), 'Ben')
  await ada.does('send', 'Ben', 'Dinner at seven?')
  const chat = place.atTerminal(['--profile', 'ben', 'chat', 'Ada'])
  await chat.until('the chat opens with what was said', ({ stdout }) => /\d+ {2}Ada: Dinner at seven\?/.test(stdout))
  chat.typesPart('Yes, with ')
  await chat.until('it is being typed', (running) => shown(running).includes('> Yes, with '))
  await ada.does('send', 'Ben', 'Or at eight?')
  await chat.until('it appears, and the line is drawn again', (running) => /Ada: Or at eight\?\s+> Yes, with /.test(shown(running)))
  chat.typesPart('pleasure\r')
  await chat.until('it comes back with its number', (running) => /\d+ {2}Ben: Yes, with pleasure/.test(shown(running)))
  const [, seq = ''] = /(\d+) {2}Ada: Or at eight\?/.exec(chat.stdout) ?? []
  chat.typesPart(`/reply ${seq} Eight it is\r`)
  await chat.until('the answer', ({ stdout }) => stdout.includes(`Ben to Ada's ${seq}: Eight it is`))
  chat.typesPart('/delete 999\r')
  await chat.until('a refusal is said, and the chat goes on', ({ stdout }) => stdout.includes('there is no such message here'))
  chat.typesPart('/who\r')
  await chat.until('who is here', ({ stdout }) => /Ada, Ben|Ben, Ada/.test(stdout))
  chat.typesPart('\u0004')
  assert.equal((await chat.finished).code, 0)
  assert.deepEqual((await ada.reads('Ben')).slice(0, 3), ['Dinner at seven?', 'Or at eight?', 'Yes, with pleasure'])
  assert.ok(ben)
})

test('lines from a pipe are sent one by one, a file too, and the end of input ends the chat', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const ben = await place.person('ben').joins(await ada.invites(), 'Ben')
  writeFileSync(join(place.home, 'note.txt'), 'bring bread')
  const chat = place.start(['--json', '--profile', 'ada', 'chat', 'Ben'], {}, { isAsked: true })
  for (const line of ['one', '/file note.txt', '/nonsense', 'two']) chat.types(line)
  chat.endsInput()
  assert.equal((await chat.finished).code, 0)
  assert.deepEqual(await ben.reads('Ada'), ['one', 'two'])
  const file = (await ben.does('tail', 'Ada', '--once')).find(({ type }) => type === 'attachment')
  assert.ok(file !== undefined)
  const reading = place.start(['--json', '--profile', 'ben', 'chat', 'Ada'], {}, { isAsked: true })
  reading.types(`/save ${String(file.seq)}`)
  reading.endsInput()
  assert.equal((await reading.finished).code, 0)
  assert.ok(existsSync(join(place.home, 'note.txt')), 'nothing is replaced')
  assert.equal(readFileSync(join(place.home, 'note.txt'), 'utf8'), 'bring bread')
})

test('a chat without a conversation says what to do, and offers a choice once there is one', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = await place.person('ada').joins(server.setupLink, 'Ada')
  const nothing = await ada.tries(['chat'])
  assert.equal(nothing.code, 2)
  assert.match(nothing.stderr, /famichat chat NAME/)
  await place.person('ben').joins(await ada.invites(), 'Ben')
  await ada.does('send', 'Ben', 'Hello')
  const chat = place.atTerminal(['--profile', 'ada', 'chat'])
  await chat.until('the list', ({ stdout }) => /1 {2}Ben/.test(stdout) && stdout.includes('Which? '))
  chat.typesPart('1\r')
  await chat.until('the chat', ({ stdout }) => stdout.includes('Ada: Hello'))
  chat.typesPart('/quit\r')
  assert.equal((await chat.finished).code, 0)
})
