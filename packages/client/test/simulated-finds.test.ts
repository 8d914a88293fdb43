/**
 * Bugs that the simulation found, each as it would happen to people (docs/simulation.md).
 */
import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { Client, type ConversationId } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import { Community, settle, textsOf } from './support/community.js'

const DAY_MS = 24 * 3600 * 1000
/** Nobody answers. */
const NO_NETWORK = { ...nodePlatform.network, fetch: () => Promise.reject(new TypeError('fetch failed')) }

const pair = async (t: TestContext): Promise<{ community: Community; ada: Client; ben: Client; id: ConversationId }> => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben'])
  await ben.sync()
  return { community, ada, ben, id }
}

/** Writes without a network, and closes the profile again. */
const writeOffline = async (community: Community, id: ConversationId, text: string): Promise<void> => {
  const offline = await Client.open({ ...community.options('Ben'), network: NO_NETWORK, sleep: () => Promise.resolve() })
  await assert.rejects(offline.send(id, text), { code: 'client.server.unreachable' })
  await offline.close()
}

test('S51: a device whose clock is a day off sends, and is sent to', async (t) => {
  const { community, ada, ben, id } = await pair(t)
  await community.close(ben)
  const today = Date.now() // eslint-disable-line no-restricted-properties -- where the real server's clock is
  const yesterday = await Client.open({ ...community.options('Ben'), clock: { nowMs: () => today - DAY_MS } })
  await yesterday.send(id, 'from yesterday')
  await ada.send(id, 'from today')
  await yesterday.sync()
  assert.deepEqual(await textsOf(yesterday, id), ['from yesterday', 'from today'])
  await yesterday.close()
})

test('S52: what an older copy of a profile wrote without a network is sent once it is added afresh, under new keys', async (t) => {
  const { community, ada, ben, id } = await pair(t)
  await community.close(ben)
  const folder = community.profile('Ben')
  cpSync(folder, `${folder}.copy`, { recursive: true })
  const later = await community.open('Ben')
  await later.send(id, 'sent before the copy came back')
  await community.close(later)
  rmSync(folder, { recursive: true })
  cpSync(`${folder}.copy`, folder, { recursive: true })
  await writeOffline(community, id, 'written by the copy')
  const restored = await community.open('Ben')
  await restored.sync()
  assert.deepEqual([(await restored.waiting(id)).length, await textsOf(restored, id)], [1, []], 'nothing was encrypted under a used key and sent')
  await ada.sync()
  await settle(restored, ada)
  assert.deepEqual(await textsOf(ada, id), ['sent before the copy came back', 'written by the copy'])
})

test('S52: a profile put back to before it was added comes into the conversation all the same', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  await community.close(ben)
  const folder = community.profile('Ben')
  cpSync(folder, `${folder}.copy`, { recursive: true })
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben'])
  const later = await community.open('Ben')
  await later.sync()
  await community.close(later)
  rmSync(folder, { recursive: true })
  cpSync(`${folder}.copy`, folder, { recursive: true })
  const restored = await community.open('Ben')
  await settle(restored, ada, restored)
  await ada.send(id, 'are you back?')
  await restored.sync()
  assert.deepEqual(await textsOf(restored, id), ['are you back?'])
})

test('who leaves says first what waited to be sent', async (t) => {
  const { community, ada, ben, id } = await pair(t)
  await community.close(ben)
  await writeOffline(community, id, 'one last thing')
  const again = await community.open('Ben')
  await again.leave(id)
  await settle(ada, again)
  assert.deepEqual(await textsOf(ada, id), ['one last thing'])
  assert.equal((await again.info(id)).state, 'ended')
  assert.equal((await ada.info(id)).members.length, 1)
})
