/**
 * Healing: profiles that are older than what they have sent, states that are broken, logs told in two ways, keys that grow old.
 */
import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { test } from 'node:test'
import { Client, type ConversationId } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import { ClientFrameType, decodeClientFrame, decodeRequest, encodeResponse, encodeServerFrame, type Envelope, ROUTES, ServerFrameType } from '@famichat/protocol'
import { PARAMETERS } from '../dist/parameters.js'
import { type Lie, settle, textsOf, trio } from './support/community.js'
import { lieAbout, lieAboutLog } from './support/lies.js'

const DAY_MS = 24 * 3600 * 1000

const garble: Lie = lieAboutLog((envelopes) => envelopes.map(({ header, message }) => ({ header, message: message.with(-1, (message.at(-1) ?? 0) ^ 1) })))

const noticesOf = async (client: Client, id: ConversationId): Promise<readonly string[]> =>
  (await client.history(id)).flatMap((event) => (event.kind === 'notice' ? [event.errorCode] : []))

test('S52: a profile put back to an older copy sends nothing, says so, and is added afresh', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  await ben.send(id, 'before')
  await community.close(ben)
  const folder = community.profile('Ben')
  cpSync(folder, `${folder}.copy`, { recursive: true })
  const later = await community.open('Ben')
  for (const body of ['later one', 'later two']) await later.send(id, body)
  await community.close(later)
  rmSync(folder, { recursive: true })
  cpSync(`${folder}.copy`, folder, { recursive: true })
  const restored = await community.open('Ben')
  await assert.rejects(restored.send(id, 'under a used key?'), { code: 'client.profile.rolled_back' })
  const problems = await restored.sync()
  assert.deepEqual([...new Set(problems.map(({ code }) => code))].filter((code) => code !== 'client.profile.rolled_back'), [])
  assert.ok((await noticesOf(restored, id)).includes('client.profile.rolled_back'))
  await ada.sync()
  await settle(restored, cleo)
  await restored.send(id, 'back again')
  await settle(ada, cleo)
  assert.deepEqual(await textsOf(ada, id), ['before', 'later one', 'later two', 'back again'])
  assert.equal((await restored.info(id)).state, 'active')
})

test('S48: a device that cannot take a commit asks, and a healthy member brings it back on a new leaf', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  await community.close(cleo)
  await ada.remove(id, 'Ben')
  const broken = await community.deceive('Cleo', garble)
  await broken.sync()
  assert.equal((await broken.info(id)).state, 'stuck')
  await ada.sync()
  await community.close(broken)
  const healed = await community.open('Cleo')
  await healed.sync()
  await ada.send(id, 'are you back?')
  await settle(healed, ada)
  assert.deepEqual(await textsOf(healed, id), ['are you back?'])
  const agreed = await Promise.all([ada, healed].map(async (client) => (await client.info(id)).epochAuthenticator))
  assert.deepEqual(agreed[0], agreed[1])
  await ben.sync()
})

test('S6: members who are told different courses of a conversation hear of it with the first message across', async (t) => {
  const { community, ada, ben, cleo, id } = await trio(t)
  await community.close(cleo)
  await ada.membership.appoint(id, 'Ben')
  const dora = await community.join((await ada.invite()).link, 'Dora')
  await ada.sync()
  const { seq } = await ada.info(id)
  // one course: Ada adds Dora. The other, told to Ben alone: Ben removes Cleo at the same epoch.
  const fork: Envelope[] = []
  await ben.sync()
  const { network } = nodePlatform
  await community.close(ben)
  const isolated = await Client.open({
    ...community.options('Ben'), sleep: () => Promise.resolve(),
    network: { ...network, fetch: async (url, init) => {
      const { pathname } = new URL(url)
      if (pathname === ROUTES.conversationCommit.path) return acceptInSecret(fork, init, { id, seq: seq + 1, senderDevice: isolated.identity.deviceId })
      if (pathname === ROUTES.logRead.path) return answerLog(fork)
      return network.fetch(url, init)
    } },
  })
  await isolated.sync()
  await isolated.remove(id, 'Cleo')
  assert.equal((await isolated.info(id)).members.length, 2)
  await ada.add(id, 'Dora')
  await ada.send(id, 'across')
  await isolated.close()
  const crossed = await community.open('Ben')
  await crossed.sync()
  const unreadable = (await crossed.history(id)).flatMap((event) => (event.kind === 'unreadable' ? [event.errorCode] : []))
  assert.deepEqual([(await crossed.info(id)).state, ...unreadable], ['active', 'client.log.forked'])
  assert.deepEqual(await textsOf(crossed, id), [])
  await dora.sync()
})

const acceptInSecret = (
  fork: Envelope[], init: RequestInit, { id, seq, senderDevice }: Pick<Envelope['header'], 'seq' | 'senderDevice'> & { readonly id: ConversationId },
): Response => {
  const { commit, messageId, epoch } = decodeRequest('conversationCommit', init.body as Uint8Array)
  fork.push({ message: commit.slice(), header: { conversationId: id, seq, senderDevice, messageId, encryption: 1, contentType: 3, epoch, createdAtMs: 1 } })
  return new Response(encodeResponse('conversationCommit', { seq, createdAtMs: 1 }) as Uint8Array<ArrayBuffer>)
}

const answerLog = (fork: readonly Envelope[]): Response =>
  new Response(encodeResponse('logRead', { envelopes: fork, hasMore: false, prunedSeq: 0 }) as Uint8Array<ArrayBuffer>)

test('S13: a server whose log became shorter is said', async (t) => {
  const { community, ada, ben, id } = await trio(t)
  await ada.send(id, 'one')
  await ben.sync()
  await community.close(ben)
  const deceived = await community.deceive('Ben', lieAbout('conversationList', ({ conversations }) => ({ conversations: conversations.map((summary) => ({ ...summary, lastSeq: 1 })) })))
  assert.deepEqual(await deceived.sync(), [{ conversationId: id, code: 'client.server.rolled_back' }])
})

test('S6 a device that was put out by an entry in whose place it has another one says that it was told another course of things', async (t) => {
  const { community, ada, ben, id } = await trio(t)
  await ada.send(id, 'before')
  await ben.sync()
  const { seq } = await ben.info(id)
  await community.close(ben)
  const deceived = await community.deceive('Ben', lieAbout('conversationList', ({ conversations }) => ({ conversations: conversations.map((summary) => ({ ...summary, untilSeq: seq })) })))
  await deceived.sync()
  assert.equal((await deceived.info(id)).state, 'stuck')
  await assert.rejects(deceived.send(id, 'to nobody'), { code: 'client.conversation.stuck', detail: { reason: 'client.log.forked' } })
})

test('a send that a server calls stale for ever ends, and the message is kept', async (t) => {
  const { community, ben, id } = await trio(t)
  await community.close(ben)
  let sends = 0
  const openSocket: typeof nodePlatform.network.openSocket = (url, events) => {
    const socket = nodePlatform.network.openSocket(url, events)
    let frames = 0
    return {
      close: () => { socket.close() },
      send: (bytes) => {
        const frame = frames++ === 0 ? undefined : decodeClientFrame(bytes.slice())
        if (frame?.type !== ClientFrameType.send) { socket.send(bytes); return }
        sends++
        events.onMessage(encodeServerFrame({ type: ServerFrameType.refused, requestId: frame.requestId, code: 'protocol.epoch.stale', winner: undefined }))
      },
    }
  }
  const starved = await Client.open({ ...community.options('Ben'), network: { ...nodePlatform.network, openSocket }, sleep: () => Promise.resolve() })
  await assert.rejects(starved.send(id, 'kept'), { code: 'client.conversation.busy' })
  assert.equal(sends, PARAMETERS.sendAttempts)
  assert.equal((await starved.waiting(id)).length, 1)
  await starved.close()
})

test('keys are renewed after a gap and when they are old, once, and not in between', async (t) => {
  const { community, ada, ben, id } = await trio(t)
  await community.close(ben)
  const epoch = async (): Promise<bigint> => (await ada.info(id)).epoch
  const openAt = (nowMs: number): Promise<Client> => Client.open({ ...community.options('Ben'), clock: { nowMs: () => nowMs } })
  const today = Date.now() // eslint-disable-line no-restricted-properties -- where the real server's clock is
  const atDay = async (day: number): Promise<bigint> => {
    const client = await openAt(today + day * DAY_MS)
    await client.sync()
    await client.sync()
    await client.close()
    await ada.sync()
    return epoch()
  }
  const first = await epoch()
  assert.equal(await atDay(0.5), first)
  assert.equal(await atDay(1.6), first + 1n, 'after a gap of more than a day')
  assert.equal(await atDay(1.7), first + 1n)
  for (const day of [2.5, 3.4, 4.3, 5.2, 6.1, 7, 7.9]) assert.equal(await atDay(day), first + 1n)
  assert.equal(await atDay(8.8), first + 2n, 'a week after the last time')
})
