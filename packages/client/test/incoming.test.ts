/**
 * What a bot hears: messages of others, in any conversation, each once for each reader, across restarts.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client, IncomingMessage } from '@famichat/client'
import { Community } from './support/community.js'

/** Takes messages until there are so many, then stops as a program that ends does. */
const take = async (client: Client, reader: string, count: number): Promise<string[]> => {
  const stop = new AbortController()
  const bodies: string[] = []
  for await (const { content } of client.incoming(reader, stop.signal)) {
    bodies.push(content.type === 'text' ? content.body : content.type)
    if (bodies.length === count) stop.abort()
  }
  return bodies
}

test('a reader gets what others say in every conversation, once, and after a restart what came meanwhile', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, bot] = await community.people('Ada', 'Ben', 'Bot')
  assert.ok(ada && ben && bot)
  const { conversationId: direct } = await ada.createDirect('Bot')
  const { conversationId: group } = await ben.createGroup('Garden', ['Bot', 'Ada'])
  await ada.send(direct, 'one')
  await ben.send(group, 'two')
  await bot.sync()
  await bot.send(group, 'my own')
  assert.deepEqual((await take(bot, 'dice', 2)).sort(), ['one', 'two'])
  await ada.send(direct, 'three')
  await community.close(bot)
  const again = await community.open('Bot')
  assert.deepEqual(await take(again, 'dice', 1), ['three'])
  assert.deepEqual((await take(again, 'another', 3)).sort(), ['one', 'three', 'two'], 'each reader has its own marks')
})

test('a message whose handling died is handled again, and what comes while the reader waits wakes it', async (t) => {
  const community = await Community.start(t)
  const [ada, bot] = await community.people('Ada', 'Bot')
  assert.ok(ada && bot)
  const { conversationId } = await ada.createDirect('Bot')
  await ada.send(conversationId, 'one')
  const dying = async (): Promise<void> => {
    for await (const message of bot.incoming('dice', new AbortController().signal)) throw new Error(`died over ${message.messageId}`)
  }
  await assert.rejects(dying(), /died over/)
  const stop = new AbortController()
  const seen: IncomingMessage[] = []
  for await (const message of bot.incoming('dice', stop.signal)) {
    seen.push(message)
    if (seen.length === 1) await ada.send(conversationId, 'two')
    else stop.abort()
  }
  assert.deepEqual(seen.map(({ content }) => content.type === 'text' && content.body), ['one', 'two'])
})

test('a profile without an account is joined, one with an account is opened', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const { link } = await ada.invite()
  const bot = await community.openOrJoin(link, 'Bot')
  const { accountId } = bot.identity
  await community.close(bot)
  const again = await community.openOrJoin('', 'Bot')
  assert.equal(again.identity.accountId, accountId)
})
