/**
 * Profiles that are closed and opened again after every step: what is stored is all there is.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Community, textsOf } from './support/community.js'

test('a conversation goes on from what is stored, through additions, removals and messages', async (t) => {
  const community = await Community.start(t)
  const names = ['Ada', 'Ben', 'Cleo', 'Dora', 'Emil']
  for (const person of await community.people(...names)) await community.close(person)
  const as = async <T>(name: string, work: (client: Awaited<ReturnType<Community['open']>>) => Promise<T>): Promise<T> => {
    const client = await community.open(name)
    await client.sync()
    const result = await work(client)
    await community.close(client)
    return result
  }
  const { conversationId: id } = await as('Ada', (ada) => ada.createGroup('Garden', ['Ben', 'Cleo', 'Dora']))
  for (const name of ['Ben', 'Dora']) await as('Ada', (ada) => ada.membership.appoint(id, name))
  const sent: string[] = []
  const everybodySends = async (...people: string[]): Promise<void> => {
    for (const name of people) {
      const body = `${name} ${sent.length}`
      await as(name, (client) => client.send(id, body))
      sent.push(body)
    }
  }
  await everybodySends('Ada', 'Ben', 'Cleo', 'Dora')
  await as('Ben', (ben) => ben.remove(id, 'Cleo'))
  await everybodySends('Ada', 'Ben', 'Dora')
  await as('Dora', (dora) => dora.add(id, 'Emil'))
  await as('Dora', (dora) => dora.membership.appoint(id, 'Emil'))
  await everybodySends('Emil', 'Dora', 'Ada')
  await as('Ada', (ada) => ada.remove(id, 'Dora'))
  await everybodySends('Ben', 'Emil', 'Ada')
  await as('Emil', (emil) => emil.remove(id, 'Ben'))
  await as('Emil', (emil) => emil.add(id, 'Cleo'))
  await everybodySends('Cleo', 'Ada')
  assert.deepEqual(await as('Ada', (ada) => textsOf(ada, id)), sent)
})

test('a client that stays open writes what a second one on the same profile can go on from', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo, dora, emil] = await community.people('Ada', 'Ben', 'Cleo', 'Dora', 'Emil')
  assert.ok(ada && ben && cleo && dora && emil)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await ada.membership.appoint(id, 'Ben')
  await ben.sync()
  const sent: string[] = []
  const step = async (work: () => Promise<unknown>): Promise<void> => {
    await work()
    for (const person of [ada, ben, cleo, dora, emil]) await person.sync()
    const second = await community.open('Ada')
    await second.sync()
    sent.push(`step ${sent.length}`)
    await second.send(id, sent.at(-1) ?? '')
    await community.close(second)
    await ada.sync()
    sent.push(`step ${sent.length}`)
    await ada.send(id, sent.at(-1) ?? '')
    assert.deepEqual((await textsOf(ada, id)).slice(-1), sent.slice(-1))
  }
  await step(() => ben.add(id, 'Dora'))
  await step(() => ben.remove(id, 'Cleo'))
  await step(() => ada.membership.appoint(id, 'Dora'))
  await step(() => dora.add(id, 'Emil'))
  await step(() => ben.membership.appoint(id, 'Emil'))
  await step(() => emil.remove(id, 'Dora'))
  await step(() => ada.remove(id, 'Emil'))
  await step(() => ada.add(id, 'Cleo'))
  assert.deepEqual(await textsOf(ada, id), sent)
})

test('a staged commit that makes the tree smaller is merged from what is stored, and leaves nothing behind', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, cleo, dora] = await community.people('Ada', 'Ben', 'Cleo', 'Dora')
  assert.ok(ada && ben && cleo && dora)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Cleo', 'Dora'])
  await ada.membership.appoint(id, 'Ben')
  await ben.sync()
  await ben.remove(id, 'Cleo')
  await ada.sync()
  await community.close(ada)
  // the process ends between the answer of the server and the log
  const dying = await community.open('Ada', (point) => { if (point === 'commit.accepted') throw new Error('crash') })
  await dying.sync()
  await assert.rejects(dying.remove(id, 'Dora'), /crash/)
  await community.close(dying)
  for (let opening = 0; opening < 2; opening++) {
    const again = await community.open('Ada')
    await again.sync()
    assert.deepEqual((await again.info(id)).members.map(({ name }) => name), ['Ada', 'Ben'])
    await again.send(id, `still here ${opening}`)
    await community.close(again)
  }
  await ben.sync()
  assert.deepEqual(await textsOf(ben, id), ['still here 0', 'still here 1'])
})
