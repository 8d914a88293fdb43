/**
 * Members who only stay connected hear that somebody asks to be added afresh, and one of them does it at once (E3d, S48).
 */
import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { toHex } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import { Client, type ConversationEvent, type ConversationId } from '@famichat/client'
import { CallsForHelp } from '../dist/conversation/calls-for-help.js'
import { platformTimer, type Timer } from '../dist/net/timer.js'
import { PARAMETERS } from '../dist/parameters.js'
import { Community, settle, textsOf } from './support/community.js'
import { poisoned } from './support/poisoned.js'
import { commitAgainst, leavesOf } from './support/rogue.js'

const HEALED_WITHIN_MS = 30_000
const DEADLINE_MS = 60_000
/** Virtual milliseconds in one of the machine's: who waits less here waits less there. */
const HASTE = 50

/** Waits of seconds are over sooner, and added up; those for answers are the machine's; those of an hour never end. */
class HastyTime {
  /** How long this device has waited, in its own time. */
  waitedMs = 0

  readonly timer: Timer = (milliseconds, act) => {
    if (milliseconds >= PARAMETERS.upkeepEveryMs / 2) return () => undefined
    if (milliseconds >= HEALED_WITHIN_MS) return platformTimer(milliseconds, act)
    return platformTimer(milliseconds / HASTE, () => {
      this.waitedMs += milliseconds
      act()
    })
  }
}

interface Connected {
  readonly client: Client
  readonly time: HastyTime
}

/** Opens profiles that do nothing but stay connected, while `work` looks. */
const whileConnected = async (community: Community, work: (connect: (name: string) => Promise<Connected>) => Promise<void>): Promise<void> => {
  const stop = new AbortController()
  const ends: (() => Promise<void>)[] = []
  try {
    await work(async (name) => {
      const time = new HastyTime()
      const client = await Client.open({ ...community.options(name), timer: time.timer })
      const running = client.live(stop.signal)
      ends.push(async () => {
        await running
        await client.close()
      })
      return { client, time }
    })
  } finally {
    stop.abort()
    for (const end of ends) await end()
  }
}

/** The first event that is it, of those that are there and those to come. */
const seeing = async ({ client }: Connected, id: ConversationId, isIt: (event: ConversationEvent) => boolean): Promise<ConversationEvent> => {
  for await (const event of client.events(id, { signal: AbortSignal.timeout(DEADLINE_MS) })) if (isIt(event)) return event
  throw new Error('it did not happen')
}

const isText = (body: string) => (event: ConversationEvent): boolean => event.kind === 'message' && event.content.type === 'text' && event.content.body === body

const changesAfter = (epoch: bigint) => (event: ConversationEvent): boolean => event.kind === 'membership' && event.epoch > epoch

const viewOf = async ({ client }: Connected, id: ConversationId): Promise<string> => {
  const { state, epoch, epochAuthenticator } = await client.info(id)
  return `${state} ${epoch.toString()} ${toHex(epochAuthenticator)}`
}

test('S48: a device that lost its state is back within 30 seconds while the members only stay connected, with one commit', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo] = await community.people('Ada', 'Ben', 'Cleo')
  assert.ok(ada && ben && cleo)
  await community.close(cleo)
  const folder = community.profile('Cleo')
  cpSync(folder, `${folder}.copy`, { recursive: true })
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  const later = await community.open('Cleo')
  await settle(ben, later)
  const { epoch } = await ada.info(id)
  for (const client of [ada, ben, later]) await community.close(client)
  rmSync(folder, { recursive: true })
  cpSync(`${folder}.copy`, folder, { recursive: true })

  await whileConnected(community, async (connect) => {
    const [adas, bens] = [await connect('Ada'), await connect('Ben')]
    const cleos = await connect('Cleo')
    for (const member of [adas, bens]) {
      await seeing(member, id, changesAfter(epoch))
      assert.ok(member.time.waitedMs <= HEALED_WITHIN_MS, `${member.time.waitedMs.toString()} ms`)
    }
    const stop = new AbortController()
    await adas.client.send(id, 'are you back?')
    for await (const _ of cleos.client.incoming('test', stop.signal)) stop.abort()
    assert.deepEqual(await textsOf(cleos.client, id), ['are you back?'])
    const views = [await viewOf(adas, id), await viewOf(bens, id), await viewOf(cleos, id)]
    assert.equal(new Set(views).size, 1)
    assert.equal((await adas.client.info(id)).epoch, epoch + 1n, 'the second member found it done')
  })
})

test('S48: a member who cannot take a commit while it only stays connected asks at once, and is back within 30 seconds', async (t) => {
  const community = await Community.start(t)
  const names = ['Ada', 'Ben', 'Cleo', 'Eve']
  const [ada, ...others] = await community.people(...names)
  const [, cleo, eve] = others
  assert.ok(ada && cleo && eve)
  const { conversationId: id } = await ada.createGroup('Street', names.slice(1))
  await settle(...others)
  const { epoch } = await ada.info(id)
  for (const client of [ada, ...others]) await community.close(client)
  const leaves = await leavesOf(community.profile('Eve'), id)
  const victim = leaves.filter(({ accountId }) => accountId === cleo.identity.accountId)
  await commitAgainst(community.profile('Eve'), id, () => [], { backend: poisoned(victim.map(({ encryptionKey }) => encryptionKey)) })

  await whileConnected(community, async (connect) => {
    const members = [await connect('Ada'), await connect('Ben')]
    const cleos = await connect('Cleo')
    const eves = await connect('Eve')
    for (const member of members) {
      await seeing(member, id, changesAfter(epoch + 1n))
      assert.ok(member.time.waitedMs <= HEALED_WITHIN_MS, `${member.time.waitedMs.toString()} ms`)
    }
    // Eve's own program hears from Cleo's, signed, that it could not take what Eve's committed
    await seeing(eves, id, (event) => event.kind === 'notice' && event.errorCode === 'client.change.not_taken' && event.accountId === cleo.identity.accountId && event.epoch === epoch)
    assert.ok(eves.time.waitedMs <= HEALED_WITHIN_MS, `${eves.time.waitedMs.toString()} ms`)
    await members[0]?.client.send(id, 'all here?')
    for (const member of [...members, cleos, eves]) await seeing(member, id, isText('all here?'))
    const views = await Promise.all([...members, cleos, eves].map((member) => viewOf(member, id)))
    assert.equal(new Set(views).size, 1)
    assert.ok(views[0]?.startsWith(`active ${(epoch + 2n).toString()} `), 'one commit that some could not take, and one that healed it')
  })
})

test('S49: who asks on and on is heard ever more seldom, and an hour apart in the end; a quiet while makes that good', () => {
  const id = 'conversation' as ConversationId
  const planned: { readonly milliseconds: number; readonly act: () => void }[] = []
  let helped = 0
  const calls = new CallsForHelp({
    timer: (milliseconds, act) => {
      const plan = { milliseconds, act }
      planned.push(plan)
      return () => { planned.splice(planned.indexOf(plan), 1) }
    },
    random: insecureSeededRandom(48), help: () => { helped++ },
  })
  const pass = (): number => {
    const next = planned.shift()
    next?.act()
    return next?.milliseconds ?? 0
  }
  const pauses: number[] = []
  for (let i = 0; i < 11; i++) {
    for (let j = 0; j < 100; j++) calls.heard(id)
    const waited = pass()
    assert.ok(waited >= PARAMETERS.helpAfterMs && waited <= PARAMETERS.helpAfterMs + PARAMETERS.helpJitterMs)
    pauses.push(pass())
  }
  assert.deepEqual(pauses, [10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600].map((seconds) => seconds * 1000))
  assert.equal(helped, 11)
  pass()
  pass()
  calls.heard(id)
  pass()
  assert.equal(pass(), PARAMETERS.helpPauseMs)
  calls.heard(id)
  calls.stop()
  assert.deepEqual([planned.length, helped], [0, 13])
})
