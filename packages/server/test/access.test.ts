/**
 * Who may do what: every route for every kind of caller. A route that is not declared here does not compile, and nobody
 * learns from an answer whether what they may not have exists.
 */
import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { isCodedError, systemRandom } from '@famichat/base'
import {
  AccountRole, type BlobId, type ConversationId, ConversationKind, FamilyRole, InvitePlace, type LinkId, makeId, type PasskeyId, type RouteName,
  type RouteRequest, ROUTES, ServerFrameType, type WelcomeId,
} from '@famichat/protocol'
import { makeCommit, TestChannel } from './support/test-channel.js'
import { callRoute, firstDevice, invitedDevice, TestDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

/** The first account's device; in the conversation; taken out of it; never in it; revoked; a child's that waits; nobody. */
type Actor = 'owner' | 'member' | 'removed' | 'outsider' | 'revoked' | 'pending' | 'nobody'
type Answers = Readonly<Record<Actor, string>>

const shut = { revoked: 'protocol.auth.refused', pending: 'protocol.device.pending', nobody: 'protocol.auth.refused' }
const forAll = (answer: string): Answers => ({ owner: answer, member: answer, removed: answer, outsider: answer, revoked: answer, pending: answer, nobody: answer })
const devices = (answer = 'ok'): Answers => ({ ...forAll(answer), ...shut })
const members = (answer = 'ok'): Answers => ({ ...forAll('protocol.access.refused'), owner: answer, member: answer, ...shut })
const owner = (answer = 'ok', others = 'protocol.access.refused'): Answers => ({ ...forAll(others), owner: answer, ...shut })

/** What each route answers to each kind of caller; a refusal that comes after access was granted counts as access. */
const ANSWERS: Readonly<Record<RouteName, Answers>> = {
  serverInfo: forAll('ok'),
  join: forAll('protocol.invite.refused'),
  directory: devices(),
  roleChange: owner(),
  auditList: owner(),
  inviteCreate: devices(),
  inviteList: devices(),
  inviteRevoke: owner(),
  tokenChallenge: forAll('ok'),
  tokenIssue: forAll('protocol.auth.refused'),
  tokenRefresh: forAll('protocol.auth.refused'),
  linkOpen: devices(),
  linkOffer: forAll('protocol.link.refused'),
  linkRead: devices('protocol.link.refused'),
  linkAnswer: devices('protocol.link.refused'),
  linkCollect: forAll('protocol.link.refused'),
  deviceRegister: forAll('protocol.certificate.refused'),
  deviceRecover: forAll('protocol.certificate.refused'),
  deviceState: { ...devices(), pending: 'ok' },
  deviceApprove: owner(),
  deviceRevoke: owner(),
  passkeyCreationOptions: devices(),
  passkeyRegister: devices('protocol.passkey.refused'),
  passkeyList: devices(),
  passkeyRemove: devices('protocol.access.refused'),
  passkeySignInOptions: forAll('ok'),
  passkeySignIn: forAll('protocol.passkey.refused'),
  bundleRead: devices(),
  bundleReplace: devices('protocol.bundle.conflict'),
  deviceListAppend: devices(),
  deviceListRead: devices(),
  deviceListRecover: forAll('protocol.access.refused'),
  keyPackageUpload: devices(),
  keyPackageCount: devices(),
  keyPackageClaim: devices(),
  conversationCreate: devices(),
  conversationList: devices(),
  conversationRoster: members(),
  conversationReadd: members(),
  readdList: devices(),
  // there is none in this conversation: members and strangers hear the same
  conversationGroupInfo: devices('protocol.access.refused'),
  conversationCommit: members('protocol.epoch.conflict'),
  logRead: { ...members(), removed: 'ok' },
  welcomeList: devices(),
  welcomeRead: devices('protocol.access.refused'),
  blobCreate: members(),
  blobAppend: owner('protocol.blob.refused'),
  blobState: owner(),
  blobRead: members(),
  blobInbox: devices(),
  // of others nothing is deleted, and nobody is told whether there was anything
  blobDelete: devices(),
}

interface World {
  readonly actors: Readonly<Record<Exclude<Actor, 'nobody'>, TestDevice>>
  readonly conversationId: ConversationId
  /** What the owner may undo: one for each try. */
  readonly spare: { readonly invite: () => Promise<RouteRequest<'inviteRevoke'>>; readonly device: () => Promise<TestDevice>; readonly child: () => Promise<TestDevice> }
  readonly blob: () => Promise<BlobId>
}

const CHILD = { place: InvitePlace.ownFamily, familyRole: FamilyRole.child } as const
const ADULT = { place: InvitePlace.ownFamily, familyRole: FamilyRole.adult } as const

const makeWorld = async (t: TestContext): Promise<World> => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const [member, removed, outsider, revoker] = [await invitedDevice(ana, 'Ben'), await invitedDevice(ana, 'Cem'), await invitedDevice(ana, 'Dia'), await invitedDevice(ana, 'Eva')]
  const pending = await invitedDevice(ana, 'Kid', 0, CHILD)
  const revoked = await revoker.addDevice()
  await revoker.revoke(revoked.deviceId)
  const conversationId = makeId<ConversationId>(systemRandom)
  await ana.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  await ana.call('conversationCommit', makeCommit(conversationId, 0n, { added: [member.deviceId, removed.deviceId] }))
  await ana.call('conversationCommit', makeCommit(conversationId, 1n, { removed: [removed.deviceId] }))
  let names = 0
  return {
    actors: { owner: ana, member, removed, outsider, revoked, pending },
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

/** A request for each route, as good as it can be for the owner. */
const REQUESTS: { readonly [Name in RouteName]: (world: World, actor: TestDevice) => RouteRequest<Name> | Promise<RouteRequest<Name>> } = {
  serverInfo: () => ({}),
  join: (_, actor) => ({ accountName: 'Zoe', familyName: undefined, ...actor.registration(makeId<LinkId>(systemRandom)) }),
  directory: () => ({}),
  roleChange: ({ actors }) => ({ accountId: actors.member.account.accountId, role: AccountRole.member, familyRole: undefined }),
  auditList: () => ({}),
  inviteCreate: () => ({ inviteId: makeId(systemRandom), proofHash: systemRandom(32), invited: ADULT }),
  inviteList: () => ({}),
  inviteRevoke: ({ spare }) => spare.invite(),
  tokenChallenge: () => ({}),
  tokenIssue: (_, { deviceId }) => ({ deviceId, nonce: new Uint8Array(40), signature: new Uint8Array(64) }),
  tokenRefresh: (_, { deviceId }) => ({ deviceId, refreshToken: new Uint8Array(32), signature: new Uint8Array(64) }),
  linkOpen: () => ({}),
  linkOffer: () => ({ linkId: makeId(systemRandom), sealed: Uint8Array.of(1) }),
  linkRead: () => ({ linkId: makeId(systemRandom) }),
  linkAnswer: () => ({ linkId: makeId(systemRandom), sealed: Uint8Array.of(1) }),
  linkCollect: () => ({ linkId: makeId(systemRandom) }),
  deviceRecover: (_, actor) => ({ ...actor.registration(makeId<LinkId>(systemRandom)), registrationSignature: new Uint8Array(64) }),
  deviceRegister: (_, actor) => {
    const linkId = makeId<LinkId>(systemRandom)
    return { linkId, ...actor.registration(linkId), registrationSignature: new Uint8Array(64) }
  },
  deviceState: () => ({}),
  deviceApprove: async ({ spare }) => ({ deviceId: (await spare.child()).deviceId }),
  passkeyCreationOptions: () => ({}),
  passkeyRegister: () => ({ label: 'key', credentialId: systemRandom(32), clientData: Uint8Array.of(1), attestationObject: Uint8Array.of(1) }),
  passkeyList: () => ({}),
  passkeyRemove: () => ({ passkeyId: makeId<PasskeyId>(systemRandom) }),
  passkeySignInOptions: () => ({}),
  passkeySignIn: () => ({ credentialId: systemRandom(32), clientData: Uint8Array.of(1), authenticatorData: new Uint8Array(37), signature: Uint8Array.of(1) }),
  bundleRead: () => ({}),
  bundleReplace: () => ({ replaces: 9, sealed: Uint8Array.of(1) }),
  deviceRevoke: async ({ spare, actors }, actor) => {
    const { deviceId } = await spare.device()
    if (actor !== actors.owner) return { deviceId, deviceList: undefined }
    const deviceList = actor.deviceList({ remove: deviceId })
    await actor.keepList(deviceList)
    return { deviceId, deviceList }
  },
  deviceListAppend: async (_, actor) => {
    const deviceList = actor.deviceList({ add: new TestDevice(actor.server, actor.account) })
    await actor.keepList(deviceList)
    return { deviceList }
  },
  deviceListRead: ({ actors }) => ({ accounts: [{ accountId: actors.member.account.accountId, afterNumber: 0 }] }),
  deviceListRecover: ({ actors }) => ({ accountId: actors.owner.account.accountId, afterNumber: 0, nonce: new Uint8Array(40), signature: new Uint8Array(64) }),
  keyPackageUpload: (_, actor) => ({ keyPackages: actor.keyPackages(1) }),
  keyPackageCount: () => ({}),
  keyPackageClaim: ({ actors }) => ({ accountId: actors.member.account.accountId, deviceIds: [actors.member.deviceId] }),
  conversationCreate: () => ({ conversationId: makeId(systemRandom), kind: ConversationKind.group }),
  conversationList: () => ({}),
  conversationRoster: ({ conversationId }) => ({ conversationId }),
  conversationReadd: ({ conversationId }) => ({ conversationId }),
  readdList: () => ({}),
  conversationGroupInfo: ({ conversationId }) => ({ conversationId }),
  conversationCommit: ({ conversationId }) => makeCommit(conversationId, 0n),
  logRead: ({ conversationId }) => ({ conversationId, afterSeq: 0 }),
  welcomeList: () => ({}),
  welcomeRead: () => ({ welcomeId: makeId<WelcomeId>(systemRandom) }),
  blobCreate: ({ conversationId }) => ({ conversationId, forDevice: undefined, blobBytes: 1 }),
  blobAppend: async ({ blob }) => ({ blobId: await blob(), index: 9, chunk: Uint8Array.of(1) }),
  blobState: async ({ blob }) => ({ blobId: await blob() }),
  blobRead: async ({ blob }) => ({ blobId: await blob(), index: 0 }),
  blobInbox: () => ({}),
  blobDelete: async ({ blob }) => ({ blobId: await blob() }),
}

const answerOf = async (act: Promise<unknown>): Promise<string> => {
  try {
    await act
    return 'ok'
  } catch (error) {
    assert.ok(isCodedError(error), String(error))
    return error.code
  }
}

test('every route answers every kind of caller as its line says, and what is forbidden looks like what does not exist', async (t) => {
  const world = await makeWorld(t)
  const { server } = world.actors.owner
  const cases = Object.keys(ROUTES).length * 7
  let checked = 0
  for (const name of Object.keys(ROUTES) as RouteName[]) {
    for (const actor of ['owner', 'member', 'removed', 'outsider', 'revoked', 'pending', 'nobody'] as const) {
      const device = actor === 'nobody' ? new TestDevice(server) : world.actors[actor]
      const request = await REQUESTS[name](world, device)
      const answer = await answerOf(actor === 'nobody' ? callRoute(server, name, request) : device.call(name, request))
      assert.equal(answer, ANSWERS[name][actor], `${name} for ${actor}`)
      checked++
    }
  }
  assert.equal(checked, cases)
})

test('what an outsider may not have and what is not there get one answer, byte for byte', async (t) => {
  const world = await makeWorld(t)
  const { outsider } = world.actors
  const bodyOf = async <Name extends RouteName>(name: Name, request: RouteRequest<Name>): Promise<string> => {
    const response = await fetch(outsider.server.running.url + ROUTES[name].path, outsider.init(name, request))
    const { date: _, ...headers } = Object.fromEntries(response.headers)
    return JSON.stringify([response.status, headers, await response.text()])
  }
  const missing = makeId<ConversationId>(systemRandom)
  for (const name of ['conversationRoster', 'conversationGroupInfo'] as const) {
    assert.equal(await bodyOf(name, { conversationId: world.conversationId }), await bodyOf(name, { conversationId: missing }))
  }
  assert.equal(await bodyOf('logRead', { conversationId: world.conversationId, afterSeq: 0 }), await bodyOf('logRead', { conversationId: missing, afterSeq: 0 }))
  assert.equal(await bodyOf('blobState', { blobId: await world.blob() }), await bodyOf('blobState', { blobId: makeId<BlobId>(systemRandom) }))
})

test('over the channel only members send; a device that is revoked or waits opens none', async (t) => {
  const world = await makeWorld(t)
  for (const [actor, expected] of [['owner', undefined], ['member', undefined], ['removed', 'protocol.access.refused'], ['outsider', 'protocol.access.refused']] as const) {
    const { channel } = await TestChannel.resume(world.actors[actor])
    const answer = await channel.say(world.conversationId, `from ${actor}`, { epoch: 2n })
    assert.equal(answer.type === ServerFrameType.refused ? answer.code : undefined, expected, actor)
  }
  for (const [actor, code] of [['revoked', 'protocol.auth.refused'], ['pending', 'protocol.device.pending']] as const) {
    const channel = new TestChannel(world.actors[actor].server)
    await channel.authenticate(world.actors[actor], world.actors[actor].token)
    assert.equal((await channel.next(ServerFrameType.closing)).code, code)
  }
})

test('the OpenAPI document is valid and has every route', async (t) => {
  const server = await startTestServer(t)
  const response = await fetch(`${server.running.url}/api/openapi.json`)
  assert.equal(response.headers.get('content-type')?.split(';')[0], 'application/json')
  const document = await response.json() as { readonly paths: Readonly<Record<string, unknown>> }
  const { valid, errors } = await new Validator().validate(document)
  assert.deepEqual(errors ?? [], [])
  assert.equal(valid, true)
  assert.deepEqual(Object.keys(document.paths).sort(), Object.values(ROUTES).map(({ path }) => path).sort())
})
