/**
 * One of everybody, around one conversation: who may do what is asked of each of them.
 */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { isCodedError, systemRandom } from '@famichat/base'
import { type BlobId, type ConversationId, ConversationKind, FamilyRole, InvitePlace, makeId, type RouteRequest, ScopeAccess } from '@famichat/protocol'
import { makeCommit } from './test-channel.js'
import { firstDevice, invitedDevice, type TestDevice } from './test-device.js'
import { startTestServer } from './test-server.js'

/**
 * The first account's device, which made the conversation; in it; a child's that was let in, in it; taken out of it; never in it;
 * revoked; a child's that waits; with a token for reading or writing there, or for writing in another conversation; nobody.
 */
export const ACTORS = ['owner', 'member', 'child', 'removed', 'outsider', 'revoked', 'pending', 'reader', 'writer', 'elsewhere', 'nobody'] as const
export type Actor = (typeof ACTORS)[number]

export interface World {
  readonly actors: Readonly<Record<Exclude<Actor, 'nobody'>, TestDevice>>
  readonly conversationId: ConversationId
  /** What the owner may undo: one for each try. */
  readonly spare: { readonly invite: () => Promise<RouteRequest<'inviteRevoke'>>; readonly device: () => Promise<TestDevice>; readonly child: () => Promise<TestDevice> }
  readonly blob: () => Promise<BlobId>
}

/** Rates that a test cannot reach. */
const UNLIMITED = { burst: 1e6, perSecond: 1e6 }

const CHILD = { place: InvitePlace.ownFamily, familyRole: FamilyRole.child } as const
export const ADULT = { place: InvitePlace.ownFamily, familyRole: FamilyRole.adult } as const

export const makeWorld = async (t: TestContext): Promise<World> => {
  const server = await startTestServer(t, { rateLimits: { address: UNLIMITED, device: UNLIMITED, send: UNLIMITED, claim: UNLIMITED } })
  const ana = await firstDevice(server)
  const invited = (name: string): Promise<TestDevice> => invitedDevice(ana, name)
  const [member, removed, outsider, revoker] = [await invited('Ben'), await invited('Cem'), await invited('Dia'), await invited('Eva')]
  const [reader, writer, elsewhere] = [await invited('Rea'), await invited('Wim'), await invited('Els')]
  const pending = await invitedDevice(ana, 'Kid', 0, CHILD)
  const child = await invitedDevice(ana, 'Kim', 1, CHILD)
  await ana.call('deviceApprove', { deviceId: child.deviceId })
  const revoked = await revoker.addDevice()
  await revoker.revoke(revoked.deviceId)
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  const added = [member, child, reader, writer, elsewhere, removed].map(({ deviceId }) => deviceId)
  await ana.call('conversationCommit', makeCommit(conversationId, 0n, { added }))
  await ana.call('conversationCommit', makeCommit(conversationId, 1n, { removed: [removed.deviceId] }))
  await reader.signIn({ access: ScopeAccess.read, conversations: [conversationId] })
  await writer.signIn({ access: ScopeAccess.write, conversations: [conversationId] })
  await elsewhere.signIn({ access: ScopeAccess.write, conversations: [makeId<ConversationId>(systemRandom)] })
  let names = 0
  return {
    actors: { owner: ana, member, child, removed, outsider, revoked, pending, reader, writer, elsewhere },
    conversationId,
    spare: {
      invite: async () => {
        await ana.invite()
        const { invites } = await ana.call('inviteList', {})
        const open = invites.find(({ state }) => state === 1)
        assert.ok(open)
        return { inviteId: open.inviteId }
      },
      device: () => ana.addDevice(),
      child: () => invitedDevice(ana, `Child ${(++names).toString()}`, 0, CHILD),
    },
    blob: async () => {
      const { blobId } = await ana.call('blobCreate', { conversationId, forDevice: undefined, blobBytes: 3 })
      await ana.call('blobAppend', { blobId, index: 0, chunk: Uint8Array.of(1, 2, 3) })
      return blobId
    },
  }
}

/** What was answered: the code of a refusal, else `ok`. */
export const answerOf = async (act: Promise<unknown>): Promise<string> => {
  try {
    await act
    return 'ok'
  } catch (error) {
    assert.ok(isCodedError(error), String(error))
    return error.code
  }
}
