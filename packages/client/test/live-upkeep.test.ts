/**
 * What time alone brings, on a device that only stays connected: nobody syncs, and what is due is done all the same.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, type ConversationEvent, type ConversationId } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import { PARAMETERS } from '../dist/parameters.js'
import { platformTimer, type Timer } from '../dist/net/timer.js'
import { Community, settle } from './support/community.js'

const HOUR_MS = 3600 * 1000
const DAY_MS = 24 * HOUR_MS

/** A timer whose long waits end when the test says so; short ones are for answers that do not come. */
class Waits {
  #planned: (() => void) | undefined
  #onPlanned: (() => void) | undefined
  readonly waitsMs: number[] = []

  readonly timer: Timer = (milliseconds, act) => {
    if (milliseconds < PARAMETERS.upkeepEveryMs / 2) return platformTimer(milliseconds, act)
    this.waitsMs.push(milliseconds)
    this.#planned = act
    this.#onPlanned?.()
    return () => { this.#planned = undefined }
  }

  /** The device is connected, and waits. */
  async planned(): Promise<void> {
    if (this.#planned === undefined) await new Promise<void>((resolve) => { this.#onPlanned = resolve })
  }

  /** The wait is over. */
  async end(): Promise<void> {
    await this.planned()
    const act = this.#planned
    this.#planned = undefined
    act?.()
  }
}

const seeing = async (client: Client, id: ConversationId, isIt: (event: ConversationEvent) => boolean): Promise<ConversationEvent> => {
  const signal = AbortSignal.timeout(60_000)
  for await (const event of client.events(id, { signal })) if (isIt(event)) return event
  throw new Error('it did not happen')
}

/** Ada only stays connected while `work` looks. */
const whileConnected = async (community: Community, ada: Client, work: (live: Client, waits: Waits) => Promise<void>): Promise<void> => {
  await community.close(ada)
  const waits = new Waits()
  const live = await Client.open({ ...nodePlatform, ...community.options('Ada'), timer: waits.timer })
  const stop = new AbortController()
  const running = live.live(stop.signal)
  try {
    await work(live, waits)
  } finally {
    stop.abort()
    await running
    await live.close()
  }
}

test('a device that only stays connected lets a guest go whose time is over', async (t) => {
  let nowMs = Date.UTC(2026, 10, 29, 16)
  const community = await Community.start(t, { nowMs: () => nowMs })
  const [ada, sitter] = await community.people('Ada', 'Sitter')
  assert.ok(ada && sitter)
  const { conversationId: id } = await ada.createGroup('House', [])
  await ada.add(id, 'Sitter', { untilMs: nowMs + HOUR_MS / 2 })
  await settle(sitter)
  await whileConnected(community, ada, async (live, waits) => {
    await waits.planned()
    nowMs += HOUR_MS
    await waits.end()
    await seeing(live, id, (event) => event.kind === 'membership' && event.removed.includes(sitter.identity.accountId))
    assert.deepEqual((await live.info(id)).members.map(({ name }) => name), ['Ada'])
    const [first = 0] = waits.waitsMs
    assert.ok(first >= 0.75 * PARAMETERS.upkeepEveryMs && first <= 1.25 * PARAMETERS.upkeepEveryMs, 'an hour, give or take a quarter')
  })
})

test('a device that only stays connected renews its keys when they are old, and says who gives no sign', async (t) => {
  let nowMs = Date.UTC(2026, 10, 25, 12)
  const community = await Community.start(t, { nowMs: () => nowMs })
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben'])
  await settle(ben)
  await ben.send(id, 'off to the mountains')
  await ada.sync()
  await community.close(ben)
  const { epoch } = await ada.info(id)
  await whileConnected(community, ada, async (live, waits) => {
    await waits.planned()
    nowMs += 22 * DAY_MS
    await waits.end()
    const renewed = await seeing(live, id, (event) => event.kind === 'membership' && event.epoch > epoch)
    assert.equal(renewed.accountId, ada.identity.accountId)
    // the server's clock is heard of with the commit: by both it was 22 days
    await waits.end()
    const named = await seeing(live, id, (event) => event.kind === 'notice' && event.errorCode === 'client.device.idle')
    assert.deepEqual([named.accountId, named.deviceId], [ben.identity.accountId, ben.identity.deviceId])
  })
})

test('a device that is told to stop while it looks around ends in order', async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  await ada.createGroup('Garden', [])
  await whileConnected(community, ada, (_live, waits) => waits.end())
})

test('two parts of a program that stay connected at once share one connection, and each ends when it is told to', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ben.sync()
  const [first, second] = [new AbortController(), new AbortController()]
  const running = [ben.live(first.signal), ben.live(second.signal)]
  await ada.send(id, 'one')
  await seeing(ben, id, (event) => event.kind === 'message')
  first.abort()
  await running[0]
  await ada.send(id, 'two')
  await seeing(ben, id, (event) => event.kind === 'message' && event.content.type === 'text' && event.content.body === 'two')
  second.abort()
  await running[1]
})
