/**
 * Invites that bind: who made one knows who used it, who used it knows who made it, and their first conversation is locked with
 * the link's secret. A server that swaps either side fails, and it is said.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client } from '@famichat/client'
import { openSqliteStore } from '@famichat/client/node'
import { readInvites } from '../dist/identity/invite-secrets.js'
import { InviteState } from '../dist/store/records.js'
import { Community, linkDevice, settle, textsOf } from './support/community.js'
import { lieAbout, lieAboutPeople } from './support/lies.js'

/** How many invites still lock a conversation that this person begins. */
const invitesOf = async (community: Community, name: string): Promise<number> => {
  const store = openSqliteStore({ folder: community.profile(name) })
  const { length } = (await readInvites(store)).filter(({ record: { state } }) => state !== InviteState.spent)
  await store.close()
  return length
}

/** Takes the invite's secret from a closed profile. */
const forgetSecret = async (community: Community, name: string): Promise<void> => {
  const store = openSqliteStore({ folder: community.profile(name) })
  await store.write((await readInvites(store)).map(({ inviteId }) => ({ table: 'invites', key: inviteId, value: undefined })))
  await store.close()
}

test('E14: the first conversation of inviter and joiner is locked with the link\'s secret, once: without it nobody gets in', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const cleo = await community.join((await ada.invite()).link, 'Cleo')
  await cleo.sync()
  await ada.sync()
  const { conversationId } = await ada.createGroup('Garden', ['Ben', 'Cleo'])
  await settle(ben, cleo)
  await ben.send(conversationId, 'in')
  await settle(ada, cleo)
  assert.deepEqual(await textsOf(cleo, conversationId), ['in'])
  await community.close(ben)
  // Cleo's invite is still unused by a conversation that began with her alone
  await community.close(cleo)
  assert.deepEqual([await invitesOf(community, 'Ben'), await invitesOf(community, 'Cleo')], [0, 1])
  await forgetSecret(community, 'Cleo')
  const without = await community.open('Cleo')
  await without.sync()
  await ada.createDirect('Cleo')
  assert.deepEqual((await without.sync()).map(({ code }) => code), ['mls.psk.unknown'])
})

test('E14: the joiner may begin too, and a device of either that came later gets in with the next commit', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const phone = await linkDevice(community, ben, 'ben-phone')
  const { conversationId } = await ben.createDirect('Ada')
  await settle(ada, phone, ben)
  await ada.send(conversationId, 'all of you')
  await settle(ben, phone)
  for (const client of [ben, phone]) assert.deepEqual(await textsOf(client, conversationId), ['all of you'])
  await community.close(ada)
  await community.close(ben)
  assert.deepEqual([await invitesOf(community, 'Ada'), await invitesOf(community, 'Ben')], [0, 0])
})

test('E14: a server that lets somebody else use the invite is caught by the inviter, who says nothing to the impostor', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  // Mallory came by an invite of Ben's; the server says that she used Ada's
  const { link } = await ada.invite()
  const mallory: Client = await community.join((await ben.invite()).link, 'Mallory')
  await community.close(ada)
  const deceived = await community.deceive('Ada', lieAbout('inviteList', ({ invites }) => ({ invites: invites.map((invite) => (invite.usedBy === undefined
    ? { ...invite, usedBy: mallory.identity.accountId, joinerProof: new Uint8Array(32) } : invite)) })))
  assert.deepEqual((await deceived.sync()).map(({ code, accountId }) => [code, accountId]), [['client.invite.joiner_differs', mallory.identity.accountId]])
  await assert.rejects(deceived.createDirect('Mallory'), { code: 'client.invite.joiner_differs' })
  await assert.rejects(deceived.createGroup('Garden', ['Ben', 'Mallory']), { code: 'client.invite.joiner_differs' })
  assert.ok(link)
})

test('E14: a server that swaps the inviter is caught by the joiner', async (t) => {
  const community = await Community.start(t)
  const [ada, mallory] = await community.people('Ada', 'Mallory')
  assert.ok(ada && mallory)
  const ben = await community.join((await ada.invite()).link, 'Ben')
  await community.close(ben)
  const deceived = await community.deceive('Ben', lieAboutPeople((accounts) => {
    const impostor = accounts.find(({ accountId }) => accountId === mallory.identity.accountId)
    assert.ok(impostor)
    return accounts.map((account) => (account.accountId === ada.identity.accountId ? { ...impostor, accountName: account.accountName } : account))
  }))
  await assert.rejects(deceived.sync(), { code: 'client.invite.inviter_missing' })
})
