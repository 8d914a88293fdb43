/**
 * kill -9, of a client at every named point and of the server in the middle of traffic: nothing that was written is
 * lost, shown twice, or out of order.
 */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { Client, type ConversationId } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'
import { type Person, Place, ServerProcess } from './support/processes.js'

const crash = async (person: Person, point: string, ...args: string[]): Promise<void> => {
  const { code, stderr } = await person.tries(args, { FAMICHAT_CRASH_AT: point })
  assert.equal(code, undefined, `${args[0] ?? ''} should have been killed at ${point}; it said: ${stderr}`)
}

test('S15 S18 a client that is killed at any point of joining, creating, adding, sending and receiving goes on where it was', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const ada = place.person('ada')
  for (const point of ['join.written', 'join.registered']) await crash(ada, point, 'join', server.setupLink, '--name', 'Ada')
  await ada.joins(server.setupLink, 'Ada')
  const [ben, cleo] = [await place.person('ben').joins(await ada.invites(), 'Ben'), await place.person('cleo').joins(await ada.invites(), 'Cleo')]

  // written before the server hears of it: the next command finishes what was begun
  await crash(ada, 'create.written', 'create', 'group', 'Garden', 'Ben')
  await ada.does('conversations')
  for (const point of ['welcome.computed', 'welcome.written']) await crash(ben, point, 'conversations')
  assert.deepEqual(await ben.reads('Garden'), [])

  const expected: string[] = []
  for (const point of ['send.computed', 'send.written', 'send.accepted', 'receive.computed', 'receive.written']) {
    const text = `killed at ${point}`
    // nothing of the last message is left to receive: the point is met by this one
    await ada.does('conversations')
    await crash(ada, point, 'send', 'Garden', text)
    // what was not written was never sent, and nobody was told that it was
    if (point === 'send.computed') continue
    expected.push(text)
  }
  for (const point of ['receive.computed', 'receive.written']) {
    await crash(ben, point, 'tail', 'Garden', '--once')
    const text = `after Ben was killed at ${point}`
    await ada.does('send', 'Garden', text)
    expected.push(text)
  }
  assert.deepEqual(await ben.reads('Garden'), expected)
  assert.deepEqual(await ada.reads('Garden'), expected)

  await ada.does('appoint', 'Garden', 'Ben')
  await ben.does('conversations')
  await crash(ben, 'commit.written', 'add', 'Garden', 'Cleo')
  await ben.does('send', 'Garden', 'Cleo is in')
  await cleo.does('conversations')
  await ben.does('conversations')
  await crash(ben, 'commit.accepted', 'remove', 'Garden', 'Cleo')
  await ben.does('send', 'Garden', 'Cleo is out')
  assert.deepEqual(await cleo.reads('Garden'), ['Cleo is in'])
  expected.push('Cleo is in', 'Cleo is out')
  assert.deepEqual(await ada.reads('Garden'), expected)
  assert.deepEqual(await ben.reads('Garden'), expected)
})

test('S16 a server that is killed in the middle of traffic loses and repeats nothing', async (t) => {
  const place = new Place(t)
  const server = await ServerProcess.start(place)
  const open = (name: string) => ({ ...nodePlatform, store: openSqliteStore({ folder: join(place.home, name) }) })
  const ada = await Client.join(open('ada'), server.setupLink, 'Ada')
  const ben = await Client.join(open('ben'), (await ada.invite()).link, 'Ben')
  try {
    await traffic(server, ada, ben)
  } finally {
    await ada.close()
    await ben.close()
  }
})

/** Both write while the server is killed twice; what arrives is compared with what was written. */
const traffic = async (server: ServerProcess, ada: Client, ben: Client): Promise<void> => {
  await ada.sync()
  const { conversationId } = await ada.createDirect('Ben')
  await ben.sync()
  const texts: string[] = []
  const write = async (client: Client, name: string): Promise<void> => {
    for (let i = 0; i < 40; i++) {
      const text = `${name} ${i}`
      texts.push(text)
      // thrown when the server is away for long: the message is in the outbox all the same
      await client.send(conversationId, text).catch(() => undefined)
    }
  }
  // both stay connected: what could not be sent goes out when the server is back
  const stop = new AbortController()
  const live = Promise.all([ada.live(stop.signal), ben.live(stop.signal)])
  const writing = Promise.all([write(ada, 'Ada'), write(ben, 'Ben')])
  for (let kills = 0; kills < 2; kills++) {
    await atLeast(ada, conversationId, 10 * (kills + 1))
    await server.kill()
    await server.start()
  }
  await writing
  for (const client of [ada, ben]) await atLeast(client, conversationId, texts.length)
  stop.abort()
  await live
  for (const client of [ada, ben]) await client.sync()
  const [ofAda, ofBen] = [await textsOf(ada, conversationId), await textsOf(ben, conversationId)]
  assert.deepEqual(ofAda, ofBen)
  assert.deepEqual([...ofAda].sort(), [...texts].sort())
  for (const name of ['Ada', 'Ben']) {
    assert.deepEqual(ofAda.filter((text) => text.startsWith(name)), texts.filter((text) => text.startsWith(name)), `${name}'s messages are in order`)
  }
}

const textsOf = async (client: Client, id: ConversationId): Promise<string[]> =>
  (await client.history(id)).flatMap((event) => (event.kind === 'message' && event.content.type === 'text' ? [event.content.body] : []))

const atLeast = async (client: Client, id: ConversationId, count: number): Promise<void> => {
  for await (const _ of client.events(id)) if ((await textsOf(client, id)).length >= count) return
}
