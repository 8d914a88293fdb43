/**
 * Safety numbers, verification, and what a changed key stops.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { systemRandom } from '@famichat/base'
import type { Client } from '@famichat/client'
import { generateSignatureKey } from '@famichat/mls'
import { type AccountId, idFromBytes } from '@famichat/protocol'
import { headCode, safetyNumber } from '../dist/identity/safety-number.js'
import { surroundingsOf } from '../dist/platform.js'
import { Community, settle, textsOf } from './support/community.js'
import { lieAboutPeople } from './support/lies.js'

const adaAndBen = async (t: TestContext): Promise<{ community: Community; ada: Client; ben: Client }> => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  return { community, ada, ben }
}

/** Opens a profile to which the server shows another key for Ben. */
const withOtherKeyForBen = async (community: Community, profile: string): Promise<Client> => {
  const { suite } = surroundingsOf(community.options('unused'))
  const { signer: { publicKey: accountKey } } = await generateSignatureKey(suite, systemRandom)
  return community.deceive(profile, lieAboutPeople((accounts) => accounts.map((account) => (account.accountName === 'Ben' ? { ...account, accountKey } : account))))
}

test('the digits are those that were published first: no other version shows others', async (t) => {
  const { suite } = surroundingsOf((await Community.start(t)).options('unused'))
  const one = { accountId: idFromBytes<AccountId>(new Uint8Array(16).fill(1)), accountKey: new Uint8Array(32).fill(2) }
  const other = { accountId: idFromBytes<AccountId>(new Uint8Array(16).fill(3)), accountKey: new Uint8Array(32).fill(4) }
  const number = safetyNumber(suite, one, other)
  assert.equal(number, GOLDEN_NUMBER)
  assert.equal(safetyNumber(suite, other, one), number)
  assert.notEqual(safetyNumber(suite, one, { ...other, accountKey: new Uint8Array(32).fill(5) }), number)
  assert.notEqual(safetyNumber(suite, one, { ...other, accountId: one.accountId }), number)
  assert.equal(headCode(suite, new Uint8Array(16).fill(1), new Uint8Array(32).fill(2)), GOLDEN_CODE)
})

/** Computed by another program, from the description in docs/identity.md. */
const GOLDEN_NUMBER = '11321 38779 62299 91620 73364 48781 62011 01472 32168 61063 04614 14892'
const GOLDEN_CODE = '93728 00227 02371 07352 40239 33361'

test('two people see the same sixty digits, and what they found is remembered', async (t) => {
  const { community, ada, ben } = await adaAndBen(t)
  const [mine, theirs] = [await ada.contacts.safetyNumber('Ben'), await ben.contacts.safetyNumber('Ada')]
  assert.equal(mine.number, theirs.number)
  assert.match(mine.number, /^(\d{5} ){11}\d{5}$/)
  assert.equal(mine.state, 'unverified')
  await ada.contacts.markVerified('Ben')
  await community.close(ada)
  const again = await community.open('Ada')
  await again.sync()
  assert.deepEqual((await again.contacts.list()).map(({ name, state }) => [name, state]), [['Ben', 'verified']])
  assert.deepEqual((await ben.contacts.list()).map(({ state }) => state), ['unverified'], 'each side knows only what it compared itself')
})

test('a scanned code verifies whom it is from, and nothing else does', async (t) => {
  const { community, ada, ben } = await adaAndBen(t)
  const cleo = await community.join((await ada.invite()).link, 'Cleo')
  await settle(ada, ben, cleo)
  const { scan } = await ben.contacts.safetyNumber('Ada')
  assert.equal((await ada.contacts.scan(scan)).state, 'verified')
  await assert.rejects(cleo.contacts.scan(scan), { code: 'client.verification.not_for_you' })
  await assert.rejects(ada.contacts.scan(scan.slice(0, -9)), { code: 'client.verification.malformed' })
  await assert.rejects(ada.contacts.scan('famichat'), { code: 'client.verification.malformed' })
  await community.close(ada)
  const deceived = await withOtherKeyForBen(community, 'Ada')
  await assert.rejects(deceived.contacts.scan(scan), { code: 'client.verification.differs' })
})

test('a verified key that changes is said, and stops what is sent until it is acknowledged', async (t) => {
  const { community, ada, ben } = await adaAndBen(t)
  const { conversationId } = await ada.createDirect('Ben')
  await settle(ada, ben)
  await ada.contacts.markVerified('Ben')
  await assert.rejects(ada.contacts.acknowledge('Ben'), { code: 'client.member.not_changed' })
  await community.close(ada)

  const deceived = await withOtherKeyForBen(community, 'Ada')
  const problems = await deceived.sync()
  assert.deepEqual(problems, [{ conversationId: undefined, accountId: ben.identity.accountId, code: 'client.member.key_changed' }])
  await deceived.sync()
  const notices = (await deceived.history(conversationId)).flatMap((event) => (event.kind === 'notice' ? [[event.errorCode, event.accountId]] : []))
  assert.deepEqual(notices, [['client.member.key_changed', ben.identity.accountId]], 'said once in the conversation')
  await assert.rejects(deceived.send(conversationId, 'not sent'), { code: 'client.member.key_changed' })
  await assert.rejects(deceived.contacts.markVerified('Ben'), { code: 'client.member.key_changed' })
  assert.deepEqual(await deceived.waiting(conversationId), [], 'nothing waits either')
  await community.close(deceived)

  // the server shows the right key again: that alone does not end the alarm
  const ada2 = await community.open('Ada')
  await ada2.sync()
  await assert.rejects(ada2.send(conversationId, 'not sent'), { code: 'client.member.key_changed' })
  assert.equal((await ada2.contacts.acknowledge('Ben')).state, 'unverified')
  await ada2.send(conversationId, 'sent')
  await ben.sync()
  assert.deepEqual(await textsOf(ben, conversationId), ['sent'])
})

test('an acknowledged new key puts the devices of the old one out of every conversation', async (t) => {
  const { community, ada, ben } = await adaAndBen(t)
  const { conversationId } = await ada.createGroup('Garden', ['Ben'])
  await settle(ada, ben)
  await community.close(ada)
  const deceived = await withOtherKeyForBen(community, 'Ada')
  await deceived.sync()
  await deceived.send(conversationId, 'to the key that was there before: Ben was not verified')
  await deceived.contacts.acknowledge('Ben')
  await deceived.sync()
  assert.deepEqual((await deceived.info(conversationId)).members.map(({ name }) => name), ['Ada'])
  assert.deepEqual(await deceived.sync(), [])
})

test('the code of a conversation is the same for those who agree, and another after each change', async (t) => {
  const { ada, ben } = await adaAndBen(t)
  const { conversationId, headCode: before } = await ada.createDirect('Ben')
  await settle(ada, ben)
  assert.match(before, /^(\d{5} ){5}\d{5}$/)
  assert.equal((await ben.info(conversationId)).headCode, (await ada.info(conversationId)).headCode)
  const group = await ada.createGroup('Garden', [])
  await ada.add(group.conversationId, 'Ben')
  assert.notEqual((await ada.info(group.conversationId)).headCode, group.headCode)
})
