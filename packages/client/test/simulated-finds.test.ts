/**
 * Bugs that the simulation found, each as it would happen to people (docs/simulation.md).
 */
import assert from 'node:assert/strict'
import { cpSync, rmSync } from 'node:fs'
import { test, type TestContext } from 'node:test'
import { isCodedError } from '@famichat/base'
import { Client, type ConversationId, type DeviceId, type Network } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import {
  ClientFrameType, ContentType, decodeClientFrame, decodeRequest, encodeResponse, encodeServerFrame, Encryption, type Envelope, type EnvelopeHeader, ROUTES, ServerFrameType,
} from '@famichat/protocol'
import { Community, settle, textsOf } from './support/community.js'
import { lieAboutLog } from './support/lies.js'

const DAY_MS = 24 * 3600 * 1000
/** Nobody answers. */
const NO_NETWORK = { ...nodePlatform.network, fetch: () => Promise.reject(new TypeError('fetch failed')) }

const pair = async (t: TestContext): Promise<{ community: Community; ada: Client; ben: Client; id: ConversationId }> => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben'])
  await ben.sync()
  return { community, ada, ben, id }
}

/** Writes without a network, and closes the profile again. */
const writeOffline = async (community: Community, id: ConversationId, text: string): Promise<void> => {
  const offline = await Client.open({ ...community.options('Ben'), network: NO_NETWORK, sleep: () => Promise.resolve() })
  await assert.rejects(offline.send(id, text), { code: 'client.server.unreachable' })
  await offline.close()
}

test('S51: a device whose clock is a day off sends, and is sent to', async (t) => {
  const { community, ada, ben, id } = await pair(t)
  await community.close(ben)
  const today = Date.now() // eslint-disable-line no-restricted-properties -- where the real server's clock is
  const yesterday = await Client.open({ ...community.options('Ben'), clock: { nowMs: () => today - DAY_MS } })
  await yesterday.send(id, 'from yesterday')
  await ada.send(id, 'from today')
  await yesterday.sync()
  assert.deepEqual(await textsOf(yesterday, id), ['from yesterday', 'from today'])
  await yesterday.close()
})

test('S52: what an older copy of a profile wrote without a network is sent once it is added afresh, under new keys', async (t) => {
  const { community, ada, ben, id } = await pair(t)
  await community.close(ben)
  const folder = community.profile('Ben')
  cpSync(folder, `${folder}.copy`, { recursive: true })
  const later = await community.open('Ben')
  await later.send(id, 'sent before the copy came back')
  await community.close(later)
  rmSync(folder, { recursive: true })
  cpSync(`${folder}.copy`, folder, { recursive: true })
  await writeOffline(community, id, 'written by the copy')
  const restored = await community.open('Ben')
  await restored.sync()
  assert.deepEqual([(await restored.waiting(id)).length, await textsOf(restored, id)], [1, []], 'nothing was encrypted under a used key and sent')
  await ada.sync()
  await settle(restored, ada)
  assert.deepEqual(await textsOf(ada, id), ['sent before the copy came back', 'written by the copy'])
})

test('S52: a profile put back to before it was added comes into the conversation all the same', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  await community.close(ben)
  const folder = community.profile('Ben')
  cpSync(folder, `${folder}.copy`, { recursive: true })
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben'])
  const later = await community.open('Ben')
  await later.sync()
  await community.close(later)
  rmSync(folder, { recursive: true })
  cpSync(`${folder}.copy`, folder, { recursive: true })
  const restored = await community.open('Ben')
  await settle(restored, ada, restored)
  await ada.send(id, 'are you back?')
  await restored.sync()
  assert.deepEqual(await textsOf(restored, id), ['are you back?'])
})

test('who leaves says first what waited to be sent', async (t) => {
  const { community, ada, ben, id } = await pair(t)
  await community.close(ben)
  await writeOffline(community, id, 'one last thing')
  const again = await community.open('Ben')
  await again.leave(id)
  await settle(ada, again)
  assert.deepEqual(await textsOf(ada, id), ['one last thing'])
  assert.equal((await again.info(id)).state, 'ended')
  assert.equal((await ada.info(id)).members.length, 1)
})

/** A pair of whom the server tells Ben a course of his own, in which he renews his keys and writes. */
const divided = async (t: TestContext) => {
  const { community, ada, ben, id } = await pair(t)
  const today = Date.now() // eslint-disable-line no-restricted-properties -- where the real server's clock is
  const { seq } = await ben.info(id)
  await community.close(ben)
  const course: Envelope[] = []
  const isolated = await Client.open({
    ...community.options('Ben'), network: aloneIn(course, { seq, senderDevice: ben.identity.deviceId }), sleep: () => Promise.resolve(),
    clock: { nowMs: () => today + 1.1 * DAY_MS },
  })
  await isolated.sync()
  await isolated.send(id, 'in a course of my own')
  return { community, ada, id, today, seq, course, isolated }
}

test('S6: a device that comes back from a course of its own still shows what it had shown there', async (t) => {
  const { community, ada, id, today, seq, course, isolated } = await divided(t)
  assert.deepEqual([await textsOf(isolated, id), course.length], [['in a course of my own'], 2])
  await isolated.close()
  await ada.send(id, 'meanwhile')
  const crossed = await community.openWith('Ben', { nowMs: () => today + 2.3 * DAY_MS })
  await crossed.sync()
  assert.equal((await crossed.info(id)).state, 'stuck')
  // Ada's commit that lets Ben in again has the place that the message had for Ben
  await ada.sync()
  assert.equal((await ada.info(id)).seq, seq + 2)
  await crossed.sync()
  await ada.send(id, 'welcome back')
  await crossed.sync()
  assert.deepEqual(await textsOf(crossed, id), ['in a course of my own', 'welcome back'])
  assert.ok((await crossed.history(id)).some((event) => event.kind === 'joined' && event.seq === seq + 2))
})

test('S6: a device whose own course ends before the others\' does hears of it with the first message of an epoch it never came to', async (t) => {
  const { community, ada, id, today, seq, isolated } = await divided(t)
  await isolated.close()
  // two commits stand where Ben was told one and a message
  await ada.membership.appoint(id, 'Ben')
  await ada.membership.dismiss(id, 'Ben')
  await ada.send(id, 'two epochs later')
  assert.equal((await ada.info(id)).seq, seq + 3)
  const crossed = await community.openWith('Ben', { nowMs: () => today + 1.1 * DAY_MS })
  await crossed.sync()
  await assert.rejects(crossed.send(id, 'to whom?'), (error) => isCodedError(error, 'client.conversation.stuck') && error.detail.reason === 'client.log.forked')
  await ada.sync()
  await crossed.sync()
  await ada.send(id, 'welcome back')
  await crossed.sync()
  assert.deepEqual(await textsOf(crossed, id), ['in a course of my own', 'welcome back'])
})

test('S3: entries that are told in a wrong order, and one of them twice, are all taken', async (t) => {
  const { community, ada, ben, id } = await pair(t)
  await community.close(ben)
  for (const body of ['one', 'two', 'three']) await ada.send(id, body)
  const deceived = await community.deceive('Ben', lieAboutLog(([first, second, ...rest]) => (first && second ? [second, first, second, ...rest] : [])))
  await deceived.sync()
  assert.deepEqual(await textsOf(deceived, id), ['one', 'two', 'three'])
  assert.deepEqual((await deceived.history(id)).filter(({ kind }) => kind === 'notice'), [])
})

test('S13: who leaves while the server hides that others were let in does not stay among them unseen', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  await community.close(ada)
  const deceived = await community.deceive('Ada', lieAboutLog(() => []))
  await deceived.sync()
  await assert.rejects(deceived.createGroup('Garden', ['Ben']), { code: 'client.conversation.busy' })
  const [garden] = await deceived.conversations()
  assert.ok(garden)
  const { conversationId: id } = garden
  await deceived.leave(id).catch((error: unknown) => { assert.ok(isCodedError(error, 'client.conversation.busy')) })
  assert.notEqual((await deceived.info(id)).state, 'ended', 'Ben may be in it')
  await community.close(deceived)
  const honest = await community.open('Ada')
  await settle(honest, ben)
  assert.deepEqual([(await honest.info(id)).state, (await ben.info(id)).members.map(({ name }) => name)], ['ended', ['Ben']])
})

test('a device whose challenge a server forgot by starting anew is not taken for one that was shut out', async (t) => {
  const { community, ada, ben, id } = await pair(t)
  await community.close(ben)
  const { network } = nodePlatform
  const called: string[] = []
  const back = await Client.open({ ...community.options('Ben'), network: { ...network, fetch: async (url, init) => {
    const { pathname } = new URL(url)
    called.push(pathname)
    if (pathname === ROUTES.tokenIssue.path && called.filter((path) => path === pathname).length === 1) {
      await community.stopServer()
      await community.startServer()
    }
    return network.fetch(url, init)
  } } })
  await back.sync()
  assert.equal((await back.info(id)).state, 'active')
  assert.ok(!called.includes(ROUTES.deviceRecover.path))
  await ada.send(id, 'still here?')
  await back.sync()
  assert.deepEqual(await textsOf(back, id), ['still here?'])
  await back.close()
})

test('E14: whom the inviter let in and out again before they came, begins a conversation with the inviter all the same', async (t) => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId } = await ada.createGroup('Garden', ['Ben'])
  await ada.remove(conversationId, 'Ben')
  await ben.sync()
  const { conversationId: id } = await ben.createDirect('Ada')
  assert.deepEqual(await ada.sync(), [])
  await ben.send(id, 'why?')
  await ada.sync()
  assert.deepEqual(await textsOf(ada, id), ['why?'])
})

/** A server that takes everything of one device for itself, and tells it nothing else. */
const aloneIn = (course: Envelope[], { seq, senderDevice }: { readonly seq: number; readonly senderDevice: DeviceId }): Network => {
  const append = (sent: Pick<EnvelopeHeader, 'conversationId' | 'messageId' | 'epoch' | 'contentType'>, message: Uint8Array) => {
    const header = { ...sent, seq: seq + course.length + 1, senderDevice, encryption: Encryption.mls10, createdAtMs: 1 }
    course.push({ header, message: message.slice() })
    return { seq: header.seq, createdAtMs: header.createdAtMs }
  }
  const answer = (bytes: Uint8Array): Response => new Response(bytes as Uint8Array<ArrayBuffer>)
  const { network } = nodePlatform
  return {
    fetch: async (url, init) => {
      switch (new URL(url).pathname) {
        case ROUTES.conversationCommit.path: {
          const { conversationId, messageId, epoch, commit } = decodeRequest('conversationCommit', (init.body as Uint8Array).slice())
          return answer(encodeResponse('conversationCommit', append({ conversationId, messageId, epoch, contentType: ContentType.commit }, commit)))
        }
        case ROUTES.logRead.path: {
          const { afterSeq } = decodeRequest('logRead', (init.body as Uint8Array).slice())
          return answer(encodeResponse('logRead', { envelopes: course.filter(({ header }) => header.seq > afterSeq), hasMore: false, prunedSeq: 0 }))
        }
        default:
          return network.fetch(url, init)
      }
    },
    openSocket: (url, events) => {
      const socket = network.openSocket(url, events)
      let isAuthenticated = false
      return {
        close: () => { socket.close() },
        send: (bytes) => {
          const frame = isAuthenticated ? decodeClientFrame(bytes.slice()) : undefined
          isAuthenticated = true
          if (frame?.type !== ClientFrameType.send) { socket.send(bytes); return }
          const { requestId, conversationId, messageId, epoch, message } = frame
          events.onMessage(encodeServerFrame({ type: ServerFrameType.accepted, requestId, ...append({ conversationId, messageId, epoch, contentType: ContentType.application }, message) }))
        },
      }
    },
  }
}
