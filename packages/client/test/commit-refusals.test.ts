/**
 * Who could not take a commit says so to its author, signed (E3b): only that is believed, and only of one's own commits.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { present } from '@famichat/base'
import { makeCipherSuite } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { systemRandom } from '@famichat/base'
import type { Client, ConversationId } from '@famichat/client'
import { type CommitRefusal, commitRefusalTbs, ContentType, type DeviceId, type Envelope } from '@famichat/protocol'
import { Community, settle } from './support/community.js'
import { asInsider } from './support/insider.js'

const HASH_BYTES = 32

/** Ada's and Ben's group, in which each made a commit, Ada the first one. */
const pair = async (t: TestContext): Promise<{ community: Community; ada: Client; id: ConversationId; benId: DeviceId }> => {
  const community = await Community.start(t)
  const [ada, ben] = await community.people('Ada', 'Ben')
  assert.ok(ada && ben)
  const { conversationId: id } = await ada.createGroup('Garden', ['Ben'])
  await settle(ben, ada)
  await ada.membership.appoint(id, 'Ben')
  await settle(ben)
  await ben.membership.dismiss(id, 'Ada')
  await settle(ada)
  const { deviceId: benId } = ben.identity
  await community.close(ben)
  return { community, ada, id, benId }
}

/** Ben's program, or whoever has its keys, refuses a commit that `choose` picks from the log; signed as `over` says. */
const refuse = (
  community: Community, id: ConversationId,
  { of, over }: { readonly of: DeviceId; readonly over?: (refusal: Omit<CommitRefusal, 'signature'>) => Parameters<typeof commitRefusalTbs>[0] & { readonly told?: Partial<CommitRefusal> } },
): Promise<void> =>
  asInsider(community.profile('Ben'), id, async ({ identity: { deviceId, signer }, calls }) => {
    const { envelopes } = await calls.call('logRead', { conversationId: id, afterSeq: 1 })
    const { header: { seq, epoch }, message } = present(envelopes.find(({ header }: Envelope) => header.contentType === ContentType.commit && header.senderDevice === of), 'a commit of theirs')
    const right = { seq, epoch, commitHash: makeCipherSuite(3, nodeBackend, systemRandom).hash.digest(message) }
    const { told, ...statement } = over?.(right) ?? { conversationId: id, deviceId, ...right }
    const refusal = { ...right, signature: await signer.sign(commitRefusalTbs(statement)), ...told }
    await calls.call('conversationReadd', { conversationId: id, refusal })
  })

const noticesOf = async (client: Client, id: ConversationId): Promise<readonly string[]> =>
  (await client.history(id)).flatMap((event) => (event.kind === 'notice' ? [event.errorCode] : []))

test('S48: who could not take a commit is named to its author, once', async (t) => {
  const { community, ada, id, benId } = await pair(t)
  await refuse(community, id, { of: ada.identity.deviceId })
  await ada.sync()
  await ada.sync()
  const named = (await ada.history(id)).filter((event) => event.kind === 'notice')
  assert.deepEqual(named.map((event) => [event.errorCode, event.deviceId]), [['client.change.not_taken', benId]])
})

test('S6, S48: a commit that came to somebody in other bytes than it was made in was told differently: that is said', async (t) => {
  const { community, ada, id, benId } = await pair(t)
  await refuse(community, id, { of: ada.identity.deviceId, over: (right) => {
    const other = { ...right, commitHash: new Uint8Array(HASH_BYTES).fill(1) }
    return { conversationId: id, deviceId: benId, ...other, told: other }
  } })
  await ada.sync()
  assert.deepEqual(await noticesOf(ada, id), ['client.log.forked'])
})

test('S12, S48: words about a commit that no member signed, or about a commit of somebody else, say nothing', async (t) => {
  const { community, ada, id, benId } = await pair(t)
  const cases: readonly Parameters<typeof refuse>[2][] = [
    // another's commit
    { of: benId },
    // not this device's, not this conversation's, not this place's, not a signature
    { of: ada.identity.deviceId, over: (right) => ({ conversationId: id, deviceId: ada.identity.deviceId, ...right }) },
    { of: ada.identity.deviceId, over: (right) => ({ conversationId: benId as string as ConversationId, deviceId: benId, ...right }) },
    { of: ada.identity.deviceId, over: (right) => ({ conversationId: id, deviceId: benId, ...right, seq: right.seq + 1 }) },
    { of: ada.identity.deviceId, over: (right) => ({ conversationId: id, deviceId: benId, ...right, told: { signature: new Uint8Array(64) } }) },
    { of: ada.identity.deviceId, over: (right) => ({ conversationId: id, deviceId: benId, ...right, told: { epoch: right.epoch + 1n } }) },
  ]
  for (const one of cases) {
    await refuse(community, id, one)
    await ada.sync()
    assert.deepEqual(await noticesOf(ada, id), [])
  }
})
