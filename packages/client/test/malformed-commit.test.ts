/**
 * A commit that only some members cannot take (RFC 9420 §16.12): everybody else goes on, and the others come back by themselves.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toHex } from '@famichat/base'
import type { Client, ConversationId } from '@famichat/client'
import { Community, textsOf } from './support/community.js'
import { poisoned } from './support/poisoned.js'
import { commitAgainst, leavesOf } from './support/rogue.js'

const PEOPLE = Array.from({ length: 16 }, (_, at) => `Person ${at.toString()}`)
/** The left and the right half of a tree of sixteen. */
const HALF = 8

const viewsOf = async (clients: readonly Client[], id: ConversationId): Promise<ReadonlySet<string>> =>
  new Set(await Promise.all(clients.map(async (client) => {
    const { state, epoch, epochAuthenticator } = await client.info(id)
    return `${state} ${epoch.toString()} ${toHex(epochAuthenticator)}`
  })))

test('S48: of sixteen members eight cannot take a commit: the others go on, and the eight are back with the first of them that is online', async (t) => {
  const community = await Community.start(t)
  const people = await community.people(...PEOPLE)
  const [ada] = people
  assert.ok(ada)
  const { conversationId: id } = await ada.createGroup('Street', PEOPLE.slice(1))
  for (const person of people) await person.sync()
  const byDevice = new Map(people.map((person) => [person.identity.deviceId, person]))
  await community.close(ada)
  const leaves = await leavesOf(community.profile(PEOPLE[0] ?? ''), id)
  const half = (isRight: boolean): Client[] => leaves.filter(({ leafIndex }) => (leafIndex >= HALF) === isRight).flatMap(({ deviceId }) => byDevice.get(deviceId) ?? [])
  const [left, right] = [half(false).filter((person) => person !== ada), half(true)]
  const [eve, ben] = left
  assert.ok(eve && ben)
  assert.deepEqual([left.length, right.length], [HALF - 1, HALF])
  await ben.send(id, 'before')
  for (const person of [...left, ...right]) await person.sync()

  const eveName = eve.identity.accountName
  await community.close(eve)
  const keys = leaves.filter(({ leafIndex }) => leafIndex >= HALF).map(({ encryptionKey }) => encryptionKey)
  await commitAgainst(community.profile(eveName), id, () => [], { backend: poisoned(keys) })
  const rogue = await community.open(eveName)
  await rogue.sync()
  const again = await community.open(PEOPLE[0] ?? '')
  const healthy = [again, rogue, ...left.slice(1)]
  await again.sync()
  await again.send(id, 'we go on')
  for (const person of healthy) await person.sync()
  assert.equal((await viewsOf(healthy, id)).size, 1)
  const { epoch } = await again.info(id)

  for (const person of right) {
    await person.sync()
    assert.equal((await person.info(id)).state, 'stuck', 'a device that cannot follow says so')
    await assert.rejects(person.send(id, 'to whom?'), { code: 'client.conversation.stuck' })
  }
  // no admin, and not who made it
  await ben.sync()
  for (const person of [...right, ...healthy]) await person.sync()
  const everybody = [...healthy, ...right]
  assert.equal((await viewsOf(everybody, id)).size, 1)
  const healed = await ben.info(id)
  assert.deepEqual([healed.state, healed.epoch, healed.members.length], ['active', epoch + 1n, PEOPLE.length])
  const [victim] = right
  await victim?.send(id, 'we are back')
  for (const person of everybody) await person.sync()
  for (const person of healthy) assert.deepEqual(await textsOf(person, id), ['before', 'we go on', 'we are back'], 'who had taken it did not go back behind it')
  for (const person of right) assert.deepEqual(await textsOf(person, id), ['before', 'we are back'])
})
