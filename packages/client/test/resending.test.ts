/**
 * Messages that could not be read are asked for and said again: in their place, once, and to nobody who was not there.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Client, ConversationEvent, ConversationId, MessageId } from '@famichat/client'
import { ContentType, type Envelope } from '@famichat/protocol'
import { Community, type Lie, settle, textsOf, trio } from './support/community.js'
import { lieAboutLog } from './support/lies.js'

/** Damages the messages among the entries that `isMeant` says. */
const damaging = (isMeant: (envelope: Envelope) => boolean): Lie => lieAboutLog((envelopes) => envelopes.map((envelope) =>
  (envelope.header.contentType === ContentType.application && isMeant(envelope) ? { ...envelope, message: envelope.message.with(-1, (envelope.message.at(-1) ?? 0) ^ 1) } : envelope)))

/** Cleo reads what Ada and Ben wrote, damaged by the server where `isMeant` says. */
const readDamaged = async (community: Community, cleo: Client, isMeant: (envelope: Envelope) => boolean): Promise<Client> => {
  await community.close(cleo)
  const deceived = await community.deceive('Cleo', damaging(isMeant))
  await deceived.sync()
  await community.close(deceived)
  return community.open('Cleo')
}

const odd = (events: readonly ConversationEvent[]): readonly string[] =>
  events.flatMap((event) => (event.kind === 'notice' || event.kind === 'unreadable' ? [`${event.kind} ${event.errorCode}`] : []))

const request = (client: Client, id: ConversationId, from: Client, ...messageIds: MessageId[]): Promise<unknown> =>
  client.send(id, { type: 'resendRequest', deviceId: from.identity.deviceId, messageIds } as never)

test('a message that came damaged is said again by its author\'s device, appears in its place, and only there', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  await ada.send(id, 'one')
  const { messageId: lost } = await ada.send(id, 'two')
  await ben.sync()
  await ben.send(id, { type: 'reply', to: { accountId: ada.identity.accountId, messageId: lost }, body: 'three' })
  const reading = await readDamaged(community, cleo, ({ header }) => header.messageId === lost)
  assert.deepEqual(odd(await reading.history(id)), ['unreadable mls.message.decrypt_failed'])
  await settle(ada, ben, reading)
  for (const client of [ada, ben, reading]) {
    assert.deepEqual(await textsOf(client, id), ['one', 'two'])
    assert.deepEqual(odd(await client.history(id)), [])
    assert.deepEqual((await client.messages(id)).map(({ content }) => ('body' in content ? content.body : '')), ['one', 'two', 'three'])
    assert.deepEqual(await client.waiting(id), [])
  }
})

test('a message that its author took back meanwhile is not said again', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  const { messageId } = await ada.send(id, 'a slip')
  const reading = await readDamaged(community, cleo, ({ header }) => header.messageId === messageId)
  await ada.send(id, { type: 'delete', messageId })
  await settle(ada, ben, reading)
  assert.deepEqual(await textsOf(reading, id), [])
  assert.ok(!JSON.stringify(await reading.messages(id), (_, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)).includes('a slip'))
})

test('who was not a member when a message was said gets nothing by asking for it', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  const { messageId } = await ada.send(id, 'before Dora')
  const dora = await community.join((await ada.invite()).link, 'Dora')
  await ada.sync()
  await ada.add(id, 'Dora')
  await settle(dora, ada)
  await request(dora, id, ada, messageId)
  await settle(ada, ben, cleo, dora)
  assert.deepEqual(await textsOf(dora, id), [])
  // nor who was away: Ben goes, something is said, Ben comes back
  await ada.remove(id, 'Ben')
  const { messageId: meanwhile } = await ada.send(id, 'while Ben is away')
  await ada.add(id, 'Ben')
  await settle(ben, ada)
  await request(ben, id, ada, meanwhile, messageId)
  await settle(ada, ben, cleo, dora)
  assert.ok(!(await textsOf(ben, id)).includes('while Ben is away'))
})

test('asking again and again brings one answer an hour, and nobody answers for another', async (t) => {
  const { ada, ben, cleo, id } = await trio(t)
  const { messageId } = await ada.send(id, 'once')
  await settle(ben, cleo)
  const lastSeq = async (): Promise<number> => (await ada.info(id)).seq
  for (let times = 0; times < 3; times++) {
    await request(ben, id, ada, messageId)
    await settle(cleo, ada)
  }
  // three requests, one answer
  const asked = await lastSeq()
  await request(ben, id, cleo, messageId)
  await settle(cleo, ada, ben)
  assert.equal(await lastSeq(), asked + 1)
  for (const client of [ada, ben, cleo]) {
    assert.deepEqual(await textsOf(client, id), ['once'])
    assert.deepEqual(odd(await client.history(id)), [])
  }
})

test('a member cannot put a message of another in the place of one that could not be read', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  const { messageId } = await ada.send(id, 'from Ada')
  const reading = await readDamaged(community, cleo, ({ header }) => header.messageId === messageId)
  const { encodeMessageDocument } = await import('../dist/conversation/message-document.js')
  const forged = encodeMessageDocument({ messageId, sentAtMs: 1, content: { type: 'text', body: 'not from Ada' } })
  await ben.send(id, { type: 'resent', document: forged } as never)
  await reading.sync()
  const shown = (await reading.history(id)).filter(({ kind }) => kind === 'message')
  assert.deepEqual(shown.map(({ accountId }) => accountId), [ben.identity.accountId])
  await settle(ada, reading)
  assert.deepEqual((await reading.messages(id)).map(({ accountId, content }) => [accountId === ada.identity.accountId, 'body' in content && content.body]), [[true, 'from Ada'], [false, 'not from Ada']])
})
