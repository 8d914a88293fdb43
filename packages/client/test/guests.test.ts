/**
 * Guests: who stays until a time reads nothing that is said later, whoever is online.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client, ConversationId } from '@famichat/client'
import { Community, settle, textsOf } from './support/community.js'

const HOUR_MS = 3600 * 1000

const namesIn = async (client: Client, id: ConversationId): Promise<readonly string[]> => (await client.info(id)).members.map(({ name }) => name).sort()

test('a guest reads until the time is over, and nothing that is said later', async (t) => {
  let nowMs = Date.UTC(2026, 10, 29, 16)
  const community = await Community.start(t, { nowMs: () => nowMs })
  const [ada, ben, sitter] = await community.people('Ada', 'Ben', 'Sitter')
  assert.ok(ada && ben && sitter)
  const { conversationId: id } = await ada.createGroup('House', ['Ben'])
  await settle(ben)
  await assert.rejects(ben.add(id, 'Sitter', { untilMs: nowMs + HOUR_MS }), { code: 'client.member.not_admin' })
  const { members } = await ada.add(id, 'Sitter', { untilMs: nowMs + HOUR_MS })
  assert.equal(members.find(({ name }) => name === 'Sitter')?.guestUntilMs, nowMs + HOUR_MS)
  await settle(ben, sitter)
  await sitter.send(id, 'all asleep')
  await ben.send(id, 'thank you')
  nowMs += 2 * HOUR_MS
  await assert.rejects(sitter.send(id, 'one more thing'), { code: 'client.guest.expired' })
  // Ben decides nothing, and is the first to write: he lets the guest go
  await ben.send(id, 'between us')
  await settle(ada, sitter)
  assert.deepEqual(await namesIn(ada, id), ['Ada', 'Ben'])
  assert.deepEqual(await textsOf(sitter, id), ['all asleep', 'thank you'])
  assert.deepEqual(await textsOf(ada, id), ['all asleep', 'thank you', 'between us'])
  assert.equal((await sitter.info(id)).state, 'ended')
  assert.deepEqual((await sitter.history(id)).flatMap((event) => (event.kind === 'notice' || event.kind === 'unreadable' ? [event.errorCode] : [])), [])
})

test('a guest whose time is over gets nothing from the server, also where a member\'s clock is slow', async (t) => {
  let nowMs = Date.UTC(2026, 10, 29, 16)
  const community = await Community.start(t, { nowMs: () => nowMs })
  const [ada, sitter] = await community.people('Ada', 'Sitter')
  assert.ok(ada && sitter)
  const { conversationId: id } = await ada.createGroup('House', [])
  await ada.add(id, 'Sitter', { untilMs: nowMs + 10_000 })
  await settle(sitter)
  await community.close(ada)
  const start = nowMs
  const slow = await community.openWith('Ada', { nowMs: () => start })
  nowMs += 20_000
  await slow.send(id, 'said too late')
  await sitter.sync()
  assert.deepEqual(await textsOf(sitter, id), [])
  assert.deepEqual((await sitter.history(id)).flatMap((event) => (event.kind === 'notice' ? [event.errorCode] : [])), [])
  await community.close(slow)
  const right = await community.open('Ada')
  await right.sync()
  assert.deepEqual(await namesIn(right, id), ['Ada'])
  await sitter.sync()
  assert.equal((await sitter.info(id)).state, 'ended')
  // for good, this time
  await right.add(id, 'Sitter')
  await sitter.sync()
  await right.send(id, 'welcome back')
  await sitter.sync()
  assert.deepEqual(await textsOf(sitter, id), ['welcome back'])
  assert.equal((await right.info(id)).members.find(({ name }) => name === 'Sitter')?.guestUntilMs, undefined)
})
