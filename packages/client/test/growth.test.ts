/**
 * What a message costs must not grow with the people who get it: counted in reads and writes of the profile, which no machine is too busy for.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Client } from '@famichat/client'
import type { Store } from '../dist/store/store.js'
import { Community } from './support/community.js'

interface Counted { reads: number; writes: number }

const counting = (store: Store, counted: Counted): Store => ({
  exclusive: (work) => store.exclusive(work),
  get: (...of) => {
    counted.reads++
    return store.get(...of)
  },
  list: async (...of) => {
    const entries = await store.list(...of)
    counted.reads += 1 + entries.length
    return entries
  },
  version: (name) => {
    counted.reads++
    return store.version(name)
  },
  write: (changes, guard) => {
    counted.writes += changes.length
    return store.write(changes, guard)
  },
  close: () => store.close(),
})

/** What the tenth message costs its author in a group of so many people. */
const costAmong = async (t: TestContext, size: number): Promise<Counted> => {
  const community = await Community.start(t)
  const counted: Counted = { reads: 0, writes: 0 }
  const { store, ...rest } = community.options('Ada')
  const ada = await Client.join({ ...rest, store: counting(store, counted) }, community.setupLink, 'Ada')
  try {
    const others = Array.from({ length: size - 1 }, (_, index) => `Person ${index.toString()}`)
    for (const name of others) await community.join((await ada.invite()).link, name)
    await ada.sync()
    const { conversationId } = await ada.createGroup('Everybody', others)
    for (let index = 0; index < 9; index++) await ada.send(conversationId, `message ${index.toString()}`)
    Object.assign(counted, { reads: 0, writes: 0 })
    await ada.send(conversationId, 'the tenth')
    return { ...counted }
  } finally {
    await ada.close()
  }
}

test('a message costs its author as many reads and writes of the profile among sixteen people as between two', async (t) => {
  const two = await costAmong(t, 2)
  assert.ok(two.reads > 0 && two.writes > 0)
  assert.deepEqual(await costAmong(t, 16), two)
})
