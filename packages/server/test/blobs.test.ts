/**
 * Blobs: ciphertext beside messages, in chunks; whose they are, who reads them, how large they get, when they go.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom } from '@famichat/base'
import { type BlobId, type ConversationId, ConversationKind, LIFETIMES, LIMITS, makeId } from '@famichat/protocol'
import { firstDevice, invitedDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const chunkOf = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(7)

test('a blob is appended chunk by chunk, resumed where it stopped, and read when it is whole', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const first = chunkOf(LIMITS.blobChunkBytes)
  const last = systemRandom(100)
  const { blobId } = await ana.call('blobCreate', { conversationId: undefined, forDevice: undefined, blobBytes: first.length + last.length })
  await assert.rejects(ana.call('blobAppend', { blobId, index: 1, chunk: last }), { code: 'protocol.blob.refused' })
  await assert.rejects(ana.call('blobAppend', { blobId, index: 0, chunk: last }), { code: 'protocol.blob.refused' }, 'only the last chunk may be short')
  assert.deepEqual(await ana.call('blobAppend', { blobId, index: 0, chunk: first }), { chunks: 1, storedBytes: first.length, blobBytes: first.length + 100 })
  assert.equal((await ana.call('blobAppend', { blobId, index: 0, chunk: first })).chunks, 1, 'the same again changes nothing')
  await assert.rejects(ana.call('blobAppend', { blobId, index: 0, chunk: first.with(0, 1) }), { code: 'protocol.blob.refused' })
  assert.equal((await ana.call('blobState', { blobId })).chunks, 1)
  await assert.rejects(ana.call('blobRead', { blobId, index: 0 }), { code: 'protocol.access.refused' }, 'not whole yet')
  await assert.rejects(ana.call('blobAppend', { blobId, index: 1, chunk: systemRandom(101) }), { code: 'protocol.blob.refused' })
  await ana.call('blobAppend', { blobId, index: 1, chunk: last })
  assert.deepEqual((await ana.call('blobRead', { blobId, index: 1 })).chunk, new Uint8Array(last))
  await assert.rejects(ana.call('blobRead', { blobId, index: 2 }), { code: 'protocol.access.refused' })
})

test('a blob is read by its account and by who is in its conversation, and looks missing to others', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const tablet = await ana.addDevice()
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const { blobId } = await ana.call('blobCreate', { conversationId, forDevice: undefined, blobBytes: 3 })
  await assert.rejects(ben.call('blobAppend', { blobId, index: 0, chunk: Uint8Array.of(1, 2, 3) }), { code: 'protocol.access.refused' })
  await ana.call('blobAppend', { blobId, index: 0, chunk: Uint8Array.of(1, 2, 3) })
  assert.deepEqual((await tablet.call('blobRead', { blobId, index: 0 })).chunk, Uint8Array.of(1, 2, 3))
  for (const id of [blobId, makeId<BlobId>(systemRandom)]) {
    await assert.rejects(ben.call('blobRead', { blobId: id, index: 0 }), { code: 'protocol.access.refused' })
    await assert.rejects(ben.call('blobState', { blobId: id }), { code: 'protocol.access.refused' })
  }
  await assert.rejects(ben.call('blobCreate', { conversationId, forDevice: undefined, blobBytes: 1 }), { code: 'protocol.access.refused' })
  await ben.call('blobDelete', { blobId })
  assert.equal((await ana.call('blobState', { blobId })).chunks, 1, 'only its account deletes it')
  await ana.call('blobDelete', { blobId })
  await ana.call('blobDelete', { blobId })
  await assert.rejects(ana.call('blobRead', { blobId, index: 0 }), { code: 'protocol.access.refused' })
})

test('blobs are capped one by one and together, and go when they are old or never became whole', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const create = (blobBytes: number) => ana.call('blobCreate', { conversationId: undefined, forDevice: undefined, blobBytes })
  await assert.rejects(create(LIMITS.blobBytes + 1), { code: 'protocol.blob.too_large' })
  await assert.rejects(create(0), { code: 'protocol.blob.too_large' })
  const { blobId: whole } = await create(1)
  await ana.call('blobAppend', { blobId: whole, index: 0, chunk: Uint8Array.of(1) })
  for (let i = 0; i < 20; i++) await create(LIMITS.blobBytes)
  await assert.rejects(create(LIMITS.blobBytes), { code: 'protocol.blob.quota' })
  server.clock.advance(LIFETIMES.blobUploadMs + 1)
  await ana.signIn()
  await create(1)
  await create(LIMITS.blobBytes)
  assert.equal((await ana.call('blobState', { blobId: whole })).chunks, 1)
  server.clock.advance(LIFETIMES.blobMs)
  await ana.signIn()
  await assert.rejects(ana.call('blobState', { blobId: whole }), { code: 'protocol.access.refused' })
})
