/**
 * Who may change what in a conversation (mls-validation.md B10): forbidden changes are not built, and those that a rogue member
 * pushes through are refused by everybody alike, undone, and said.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import type { Client, ConversationId } from '@famichat/client'
import { Community, settle, textsOf } from './support/community.js'
import { commitAgainst, keyPackageOf, proposeAgainst, type Wish, wishes } from './support/rogue.js'

interface Garden {
  readonly community: Community
  readonly ada: Client
  readonly ben: Client
  readonly eve: Client
  readonly dora: Client
  readonly id: ConversationId
}

/** Ada decides in the garden, Ben and Eve are in it, Dora is not. */
const garden = async (t: TestContext): Promise<Garden> => {
  const community = await Community.start(t)
  const [ada, ben, eve, dora] = await community.people('Ada', 'Ben', 'Eve', 'Dora')
  assert.ok(ada && ben && eve && dora)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Eve'])
  await settle(ben, eve)
  return { community, ada, ben, eve, dora, id }
}

const noticesOf = async (client: Client, id: ConversationId): Promise<readonly (readonly [string, string])[]> =>
  Promise.all((await client.history(id)).flatMap((event) => (event.kind === 'notice' ? [event] : []))
    .map(async ({ errorCode, accountId }) => [errorCode, await client.nameOf(accountId)] as const))

const namesIn = async (client: Client, id: ConversationId): Promise<readonly string[]> => (await client.info(id)).members.map(({ name }) => name).sort()
const adminsIn = async (client: Client, id: ConversationId): Promise<readonly string[]> =>
  (await client.info(id)).members.filter(({ isAdmin }) => isAdmin).map(({ name }) => name)

/** Takes the log and does nothing about it. */
const look = async (client: Client, id: ConversationId): Promise<void> => {
  await client.membership.dismiss(id, client.identity.accountName).catch(() => undefined)
}

const sync = async (...clients: Client[]): Promise<void> => { for (const client of clients) await client.sync() }

/** Eve makes a commit of her own; the others refuse it, put it right, and go on without her. */
const eveCommits = async ({ community, eve, id }: Garden, wish: Wish): Promise<void> => {
  await community.close(eve)
  await commitAgainst(community.profile('Eve'), id, wish)
  const again = await community.open('Eve')
  await again.sync()
  await community.close(again)
}

const assertUndone = async ({ ada, ben, id }: Garden): Promise<void> => {
  await settle(ben, ada)
  for (const client of [ada, ben]) {
    assert.deepEqual(await noticesOf(client, id), [['client.change.refused', 'Eve']])
    assert.deepEqual(await namesIn(client, id), ['Ada', 'Ben'])
    assert.deepEqual(await adminsIn(client, id), ['Ada'])
    const { isDisturbed, name, state } = await client.info(id)
    assert.deepEqual([isDisturbed, name, state], [false, 'Garden', 'active'])
  }
  assert.deepEqual((await ada.info(id)).epochAuthenticator, (await ben.info(id)).epochAuthenticator)
}

test('A01: somebody whom a member adds without being allowed to reads nothing, and is out again before anything is said', async (t) => {
  const place = await garden(t)
  const { community, ada, ben, dora, id } = place
  await community.close(dora)
  await eveCommits(place, wishes.add(await keyPackageOf(community.profile('Dora'))))
  // Ben is no admin either: what he says waits until it is put right, and he may do that
  await ben.send(id, 'not for Dora')
  await assertUndone(place)
  const ghost = await community.open('Dora')
  await ghost.sync()
  assert.deepEqual(await ghost.conversations(), [], 'the way in ended with the undoing')
  assert.deepEqual(await textsOf(ada, id), ['not for Dora'])
})

test('A01: a member whom another removes without being allowed to is back, and the other is out', async (t) => {
  const place = await garden(t)
  const { ada, ben, id } = place
  await eveCommits(place, wishes.remove(ben.identity.accountId))
  await ada.send(id, 'Ben stays')
  await settle(ben, ada)
  assert.deepEqual(await namesIn(ada, id), ['Ada', 'Ben'])
  assert.deepEqual(await textsOf(ben, id), ['Ben stays'])
  assert.deepEqual((await noticesOf(ben, id))[0], ['client.change.refused', 'Eve'])
  assert.deepEqual((await ada.info(id)).epochAuthenticator, (await ben.info(id)).epochAuthenticator)
})

test('A01, A04: rules, and extensions that are none of a client\'s, which a member sets without being allowed to do not hold', async (t) => {
  const place = await garden(t)
  await eveCommits(place, wishes.rules((rules) => ({ ...rules, name: 'Eve\'s' })))
  await assertUndone(place)
  const other = await garden(t)
  await eveCommits(other, wishes.extensions((extensions) => extensions.slice(1)))
  await assertUndone(other)
})

test('A02, A04: proposals of a member who may not, a new list of admins among them, are left out of an admin\'s commit, and stop nobody', async (t) => {
  const place = await garden(t)
  const { community, ada, ben, eve, dora, id } = place
  await community.close(dora)
  await community.close(eve)
  const keyPackage = await keyPackageOf(community.profile('Dora'))
  for (const wish of [wishes.add(keyPackage), wishes.remove(ada.identity.accountId), wishes.rules((rules) => ({ ...rules, admins: [eve.identity.accountId] }))]) {
    await proposeAgainst(community.profile('Eve'), id, wish)
  }
  const again = await community.open('Eve')
  await again.sync()
  await ada.send(id, 'as before')
  await sync(ben, again)
  for (const client of [ada, ben, again]) {
    assert.deepEqual(await namesIn(client, id), ['Ada', 'Ben', 'Eve'])
    assert.deepEqual(await adminsIn(client, id), ['Ada'])
    assert.deepEqual(await textsOf(client, id), ['as before'])
    assert.deepEqual(await noticesOf(client, id), [])
  }
})

test('A02: smuggled into a commit of an admin whose client does not ask, they are refused by everybody else', async (t) => {
  const place = await garden(t)
  const { community, ada, ben, eve, dora, id } = place
  await community.close(dora)
  await community.close(eve)
  await proposeAgainst(community.profile('Eve'), id, wishes.add(await keyPackageOf(community.profile('Dora'))))
  const again = await community.open('Eve', (point) => { if (point === 'send.accepted') throw new Error('gone') })
  await assert.rejects(again.sync())
  await community.close(again)
  await look(ada, id)
  await community.close(ada)
  await commitAgainst(community.profile('Ada'), id, () => [])
  const careless = await community.open('Ada', (point) => { if (point === 'commit.accepted') throw new Error('gone') })
  await assert.rejects(careless.sync())
  await community.close(careless)
  await look(ben, id)
  assert.deepEqual(await noticesOf(ben, id), [['client.change.refused', 'Ada']])
  assert.equal((await ben.info(id)).isDisturbed, true)
  await ben.send(id, 'without Dora')
  // an admin stays: only what was smuggled in is put right
  assert.deepEqual(await namesIn(ben, id), ['Ada', 'Ben', 'Eve'])
  const ada2 = await community.open('Ada')
  await ada2.sync()
  assert.deepEqual(await namesIn(ada2, id), ['Ada', 'Ben', 'Eve'])
  assert.deepEqual(await textsOf(ada2, id), ['without Dora'])
  const dora2 = await community.open('Dora')
  await dora2.sync()
  assert.deepEqual(await textsOf(dora2, id), [])
})

test('A03: members who decide nothing renew their keys, by value and by reference, and leave', async (t) => {
  const { community, ada, ben, eve, id } = await garden(t)
  await community.close(eve)
  await commitAgainst(community.profile('Eve'), id, () => [])
  const renewed = await community.open('Eve')
  await renewed.sync()
  const { epoch } = await renewed.info(id)
  await renewed.leave(id)
  await sync(ben, ada, renewed)
  for (const client of [ada, ben]) {
    assert.deepEqual(await noticesOf(client, id), [])
    assert.deepEqual(await namesIn(client, id), ['Ada', 'Ben'])
  }
  assert.ok((await ben.info(id)).epoch > epoch)
  assert.equal((await renewed.info(id)).state, 'ended')
})

test('A04: the list of admins is theirs alone, and the last of them cannot be removed', async (t) => {
  const place = await garden(t)
  await eveCommits(place, wishes.rules((rules) => ({ ...rules, admins: [place.eve.identity.accountId] })))
  await assertUndone(place)

  const other = await garden(t)
  const { ada, ben, id } = other
  await eveCommits(other, wishes.remove(ada.identity.accountId))
  await ben.send(id, 'Ada comes back')
  await settle(ada, ben)
  assert.deepEqual(await adminsIn(ben, id), ['Ada'])
  assert.deepEqual(await namesIn(ben, id), ['Ada', 'Ben'])
  assert.deepEqual(await textsOf(ada, id), ['Ada comes back'])
})

test('A04: an admin cannot leave nobody in charge: not by rules, and not by leaving', async (t) => {
  const { community, ada, ben, eve, id } = await garden(t)
  await community.close(ada)
  await commitAgainst(community.profile('Ada'), id, wishes.rules((rules) => ({ ...rules, admins: [] })))
  const again = await community.open('Ada')
  await again.sync()
  await sync(ben, eve, again)
  assert.deepEqual((await noticesOf(ben, id))[0], ['client.change.refused', 'Ada'])
  assert.deepEqual(await adminsIn(ben, id), ['Ada'])
  await again.leave(id)
  await sync(ben, eve, again)
  assert.deepEqual(await namesIn(ben, id), ['Ben', 'Eve'])
  assert.deepEqual(await adminsIn(ben, id), ['Ben'])
})

test('A04: who is appointed decides, who is dismissed does not any more', async (t) => {
  const { ada, ben, eve, id } = await garden(t)
  await assert.rejects(ben.add(id, 'Dora'), { code: 'client.member.not_admin' })
  await assert.rejects(ben.remove(id, 'Eve'), { code: 'client.member.not_admin' })
  await ada.membership.appoint(id, 'Ben')
  await ben.add(id, 'Dora')
  await ben.membership.dismiss(id, 'Ada')
  await assert.rejects(ada.remove(id, 'Eve'), { code: 'client.member.not_admin' })
  await eve.sync()
  assert.deepEqual(await adminsIn(eve, id), ['Ben'])
  assert.deepEqual(await namesIn(eve, id), ['Ada', 'Ben', 'Dora', 'Eve'])
})

test('nobody comes into a direct conversation, whoever of the two wants it', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, dora] = await community.people('Ada', 'Ben', 'Dora')
  assert.ok(ada && ben && dora)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ben.sync()
  await community.close(ben)
  await community.close(dora)
  await commitAgainst(community.profile('Ben'), id, wishes.add(await keyPackageOf(community.profile('Dora'))))
  const again = await community.open('Ben')
  await again.sync()
  await ada.send(id, 'to you alone')
  await again.sync()
  for (const client of [ada, again]) {
    assert.deepEqual((await noticesOf(client, id))[0], ['client.change.refused', 'Ben'])
    assert.deepEqual(await namesIn(client, id), ['Ada', 'Ben'])
  }
  assert.deepEqual(await textsOf(again, id), ['to you alone'])
})

test('a commit that closes the group is not entered at all', async (t) => {
  const { community, ada, eve, id } = await garden(t)
  await community.close(eve)
  await commitAgainst(community.profile('Eve'), id, () => [{ proposalType: 5, version: 1, groupId: new Uint8Array(16), cipherSuite: 3, extensions: [] }])
  const again = await community.open('Eve')
  await again.sync()
  await ada.sync()
  assert.deepEqual(await noticesOf(ada, id), [['client.change.refused', 'Eve']])
  await assert.rejects(ada.send(id, 'no'), { code: 'client.conversation.stuck' })
})
