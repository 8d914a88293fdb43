/**
 * Members and servers that cheat inside a conversation: old messages wrapped anew, heads that lie, logs told differently.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import type { Client, ConversationId } from '@famichat/client'
import { type Envelope, makeId, type MessageId } from '@famichat/protocol'
import type { MessageContent } from '../dist/content/content.js'
import { encodeMessageDocument, encodeMessageHead } from '../dist/conversation/message-document.js'
import { PARAMETERS } from '../dist/parameters.js'
import { Community, settle, textsOf, trio } from './support/community.js'
import { lieAboutLog } from './support/lies.js'
import { forge, keepRows, reencrypt, smuggle } from './support/insider.js'

const noticesOf = async (client: Client, id: ConversationId): Promise<readonly (readonly [string, number])[]> =>
  (await client.history(id)).flatMap((event) => (event.kind === 'notice' ? [[event.errorCode, event.count] as const] : []))

/** What a member's client would send around a content, with a time of its own choice. */
const headAndDocument = (
  conversationId: ConversationId, { number, ...document }: { readonly number: number; readonly sentAtMs: number; readonly content: MessageContent },
): { readonly head: Uint8Array; readonly document: Uint8Array } => ({
  head: encodeMessageHead({ conversationId, number, transcriptPrefix: new Uint8Array(16), lastSeq: 0, listNumber: 0, listPrefix: new Uint8Array(16) }),
  document: encodeMessageDocument({ messageId: makeId<MessageId>(systemRandom), ...document }),
})

const atSeq = (envelope: Envelope, seq: number): Envelope => ({ ...envelope, header: { ...envelope.header, seq } })

test('A07: a member who encrypts somebody\'s message anew is caught: it is shown once, and said', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, eve] = await community.people('Ada', 'Ben', 'Eve')
  assert.ok(ada && ben && eve)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Eve'])
  await settle(ben, eve)
  await community.close(eve)
  const rows = await keepRows(community.profile('Eve'), id)
  await ben.send(id, 'transfer five')
  const taken: Uint8Array[] = []
  const looking = await community.deceive('Eve', lieAboutLog((envelopes) => {
    taken.push(...envelopes.map(({ message }) => message.slice()))
    return envelopes
  }))
  await looking.sync()
  const { epoch } = await looking.info(id)
  await community.close(looking)
  const [original] = taken
  assert.ok(original)
  await smuggle(community.profile('Eve'), id, { epoch, message: reencrypt(rows, original) })
  const again = await community.open('Eve')
  await again.sync()
  await settle(ada, ben)
  assert.deepEqual(await textsOf(ada, id), ['transfer five'])
  assert.deepEqual(await noticesOf(ada, id), [['client.message.replayed', 1]])
  // its author recognises its own name on it, and does not show it either
  assert.deepEqual(await textsOf(ben, id), ['transfer five'])
})

test('A08: a message whose head names another conversation is not shown', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  const { conversationId: other } = await ada.createGroup('Garden', ['Ben'])
  await ben.sync()
  await community.close(ben)
  const head = encodeMessageHead({ conversationId: other, number: 1, transcriptPrefix: new Uint8Array(16), lastSeq: 0, listNumber: 1, listPrefix: new Uint8Array(16) })
  await forge(community.profile('Ben'), id, { head, document: new Uint8Array(3) })
  const again = await community.open('Ben')
  await again.sync()
  await ada.sync()
  assert.deepEqual((await ada.history(id)).flatMap((event) => (event.kind === 'unreadable' ? [event.errorCode] : [])), ['client.message.misplaced'])
})

test('A09: a deletion by somebody who did not write it deletes nothing, whatever its sender\'s client allows', async (t) => {
  const community = await Community.start(t)
  const [ada, ben, eve] = await community.people('Ada', 'Ben', 'Eve')
  assert.ok(ada && ben && eve)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben', 'Eve'])
  await settle(ben, eve)
  const { messageId } = await ada.send(id, 'mine')
  await settle(ben, eve)
  await community.close(eve)
  for (const [at, content] of ([{ type: 'delete', messageId }, { type: 'edit', messageId, body: 'Eve\'s' }] as const).entries()) {
    await forge(community.profile('Eve'), id, headAndDocument(id, { number: at + 1, sentAtMs: 1, content }))
  }
  const again = await community.open('Eve')
  await again.sync()
  await settle(ada, ben)
  for (const client of [ada, ben]) {
    assert.deepEqual((await client.messages(id)).map(({ content, isEdited }) => ['body' in content && content.body, isEdited]), [['mine', false]])
    assert.deepEqual((await client.history(id)).filter(({ kind }) => kind === 'deleted'), [])
  }
})

test('A09: what its author took back is not shown, also where the server delivers the deletion first', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ben.sync()
  await community.close(ben)
  const { messageId } = await ada.send(id, 'oops')
  await ada.send(id, { type: 'delete', messageId })
  const deceived = await community.deceive('Ben', lieAboutLog(([first, second, ...rest]) =>
    (first && second ? [atSeq(second, first.header.seq), atSeq(first, second.header.seq), ...rest] : [])))
  await deceived.sync()
  assert.deepEqual(await deceived.messages(id), [])
  const history = await deceived.history(id)
  assert.ok(!JSON.stringify(history, (_key, value: unknown) => (typeof value === 'bigint' ? Number(value) : value)).includes('oops'))
  assert.ok((await noticesOf(deceived, id)).some(([code]) => code === 'client.log.reordered'))
})

test('A11: a message from the far future or past is shown near the time the server took it, and in its place', async (t) => {
  const nowMs = Date.UTC(2026, 10, 25, 12)
  const community = await Community.start(t, { nowMs: () => nowMs })
  const [ada, eve] = await community.people('Ada', 'Eve')
  assert.ok(ada && eve)
  const { conversationId: id } = await ada.createDirect('Eve')
  await eve.sync()
  await community.close(eve)
  const farMs = 100 * 365 * 24 * 3600 * 1000
  for (const [at, sentAtMs] of [nowMs + farMs, 0, nowMs - 1000, Number.MAX_SAFE_INTEGER].entries()) {
    await forge(community.profile('Eve'), id, headAndDocument(id, { number: at + 1, sentAtMs, content: { type: 'text', body: at.toString() } }))
  }
  const again = await community.open('Eve')
  await again.sync()
  await ada.sync()
  const { clockAheadMs, clockBehindMs } = PARAMETERS
  assert.deepEqual((await ada.messages(id)).map(({ content, atMs }) => ['body' in content && content.body, atMs - nowMs]),
    [['0', clockAheadMs], ['1', -clockBehindMs], ['2', -1000], ['3', clockAheadMs]])
})

test('S2: a message that the server leaves out without a hole is missed by its number', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ada.send(id, 'one')
  await ben.sync()
  await community.close(ben)
  for (const body of ['two', 'three', 'four']) await ada.send(id, body)
  const deceived = await community.deceive('Ben', lieAboutLog((envelopes) => envelopes.slice(2).map((envelope) => atSeq(envelope, envelope.header.seq - 2))))
  await deceived.sync()
  assert.deepEqual(await textsOf(deceived, id), ['one', 'four'])
  // the numbers miss them, and the positions their author had seen are not these
  assert.deepEqual(await noticesOf(deceived, id), [['client.log.reordered', 1], ['client.message.missing', 2]])
})

test('S2: the first messages of somebody who was there before are missed too, and whoever comes later misses none', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  await community.close(ben)
  for (const body of ['one', 'two', 'three']) await cleo.send(id, body)
  const deceived = await community.deceive('Ben', lieAboutLog((envelopes) => envelopes.slice(2).map((envelope) => atSeq(envelope, envelope.header.seq - 2))))
  await deceived.sync()
  assert.deepEqual(await textsOf(deceived, id), ['three'])
  assert.deepEqual(await noticesOf(deceived, id), [['client.log.reordered', 1], ['client.message.missing', 2]])
  const dora = await community.join((await ada.invite()).link, 'Dora')
  await ada.sync()
  await ada.add(id, 'Dora')
  await dora.sync()
  await cleo.send(id, 'four')
  await dora.sync()
  assert.deepEqual([await textsOf(dora, id), await noticesOf(dora, id)], [['four'], []])
})

test('S1: an answer that is told before its question is shown from the right person, and the order is called into question', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  await community.close(cleo)
  await ada.send(id, 'question')
  await ben.send(id, 'answer')
  const deceived = await community.deceive('Cleo', lieAboutLog(([first, second, ...rest]) =>
    (first && second ? [atSeq(second, first.header.seq), atSeq(first, second.header.seq), ...rest] : [])))
  await deceived.sync()
  assert.deepEqual((await deceived.messages(id)).map(({ accountId, content }) => [accountId === ben.identity.accountId, 'body' in content && content.body]), [[true, 'answer'], [false, 'question']])
  assert.deepEqual(await noticesOf(deceived, id), [['client.log.reordered', 1]])
})

test('S3: entries that come several times, also after a restart, are shown once', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createDirect('Ben')
  await ben.sync()
  await community.close(ben)
  for (const body of ['one', 'two']) await ada.send(id, body)
  const repeat = lieAboutLog((envelopes) => envelopes.flatMap((envelope) => [envelope, envelope, envelope]))
  for (let opening = 0; opening < 2; opening++) {
    const deceived = await community.deceive('Ben', repeat)
    await deceived.sync()
    assert.deepEqual(await textsOf(deceived, id), ['one', 'two'])
    assert.deepEqual(await noticesOf(deceived, id), [])
    await community.close(deceived)
  }
})
