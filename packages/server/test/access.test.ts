/**
 * Who may do what: every route for every kind of caller. A route that is not declared here does not compile, and nobody
 * learns from an answer whether what they may not have exists.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { systemRandom } from '@famichat/base'
import {
  AccountRole, type BlobId, type ConversationId, ConversationKind, type LinkId, makeId, type PasskeyId, type RouteName, type RouteRequest, ROUTES, type WelcomeId,
} from '@famichat/protocol'
import { type Actor, ACTORS, ADULT, answerOf, makeWorld, type World } from './support/access-world.js'
import { makeCommit } from './support/test-channel.js'
import { callRoute, TestDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

type Answers = Readonly<Record<Actor, string>>

const shut = { revoked: 'protocol.auth.refused', pending: 'protocol.device.pending', nobody: 'protocol.auth.refused' }
const forAll = (answer: string): Answers => Object.fromEntries(ACTORS.map((actor) => [actor, answer])) as Answers
const devices = (answer = 'ok'): Answers => ({ ...forAll(answer), ...shut })
const members = (answer = 'ok'): Answers => ({ ...devices(answer), removed: 'protocol.access.refused', outsider: 'protocol.access.refused' })
const owner = (answer = 'ok', others = 'protocol.access.refused'): Answers => ({ ...devices(others), owner: answer })

/** What each route answers to each kind of caller; a refusal that comes after access was granted counts as access. */
const ANSWERS: Readonly<Record<RouteName, Answers>> = {
  serverInfo: forAll('ok'),
  join: forAll('protocol.invite.refused'),
  directory: devices(),
  accountEnd: owner(),
  roleChange: owner(),
  auditList: owner(),
  inviteCreate: { ...devices(), child: 'protocol.access.refused' },
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
  // whoever has seen what an account signed may bring it back
  deviceListReturn: devices(),
  deviceListRecover: forAll('protocol.access.refused'),
  pushKey: devices(),
  pushSubscribe: devices('protocol.push.refused'),
  pushUnsubscribe: devices(),
  keyPackageUpload: devices(),
  keyPackageCount: devices(),
  keyPackageClaim: devices(),
  conversationCreate: devices(),
  conversationList: devices(),
  conversationRoster: members(),
  conversationReadd: { ...members(), removed: 'ok' },
  // others are in it who could commit that it is removed; who is out hears that it is
  conversationLeave: { ...members('protocol.roster.refused'), removed: 'ok' },
  readdList: devices(),
  // there is none in this conversation: members and strangers hear the same
  conversationGroupInfo: devices('protocol.access.refused'),
  conversationCommit: members('protocol.epoch.conflict'),
  logRead: { ...members(), removed: 'ok' },
  logReturn: members(),
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

/** A request for each route, as good as it can be for the owner. */
const REQUESTS: { readonly [Name in RouteName]: (world: World, actor: TestDevice) => RouteRequest<Name> | Promise<RouteRequest<Name>> } = {
  serverInfo: () => ({}),
  join: (_, actor) => ({ accountName: 'Zoe', familyName: undefined, ...actor.registration(makeId<LinkId>(systemRandom)) }),
  directory: () => ({}),
  accountEnd: async ({ spare }) => ({ accountId: (await spare.child()).account.accountId }),
  roleChange: ({ actors }) => ({ accountId: actors.member.account.accountId, role: AccountRole.member, familyRole: undefined }),
  auditList: () => ({}),
  inviteCreate: () => ({ inviteId: makeId(systemRandom), proofHash: systemRandom(32), invited: ADULT }),
  inviteList: () => ({}),
  inviteRevoke: ({ spare }) => spare.invite(),
  tokenChallenge: () => ({}),
  tokenIssue: (_, { deviceId }) => ({ deviceId, nonce: new Uint8Array(40), scope: undefined, signature: new Uint8Array(64) }),
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
  pushKey: () => ({}),
  pushSubscribe: () => ({ endpoint: 'https://elsewhere.example/ring' }),
  pushUnsubscribe: () => ({}),
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
  deviceListReturn: () => ({ lists: [] }),
  deviceListRecover: ({ actors }) => ({ accountId: actors.owner.account.accountId, afterNumber: 0, nonce: new Uint8Array(40), signature: new Uint8Array(64) }),
  keyPackageUpload: (_, actor) => ({ keyPackages: actor.keyPackages(1) }),
  keyPackageCount: () => ({}),
  keyPackageClaim: ({ actors }) => ({ accountId: actors.member.account.accountId, deviceIds: [actors.member.deviceId] }),
  conversationCreate: () => ({ conversationId: makeId(systemRandom), kind: ConversationKind.group }),
  conversationList: () => ({}),
  conversationRoster: ({ conversationId }) => ({ conversationId }),
  conversationReadd: ({ conversationId }) => ({ conversationId, refusal: undefined }),
  conversationLeave: ({ conversationId }) => ({ conversationId }),
  readdList: () => ({}),
  conversationGroupInfo: ({ conversationId }) => ({ conversationId }),
  conversationCommit: ({ conversationId }) => makeCommit(conversationId, 0n),
  logRead: ({ conversationId }) => ({ conversationId, afterSeq: 0 }),
  logReturn: ({ conversationId }) => ({ conversationId, entries: [] }),
  welcomeList: () => ({}),
  welcomeRead: () => ({ welcomeId: makeId<WelcomeId>(systemRandom) }),
  blobCreate: ({ conversationId }) => ({ conversationId, forDevice: undefined, blobBytes: 1 }),
  blobAppend: async ({ blob }) => ({ blobId: await blob(), index: 9, chunk: Uint8Array.of(1) }),
  blobState: async ({ blob }) => ({ blobId: await blob() }),
  blobRead: async ({ blob }) => ({ blobId: await blob(), index: 0 }),
  blobInbox: () => ({}),
  blobDelete: async ({ blob }) => ({ blobId: await blob() }),
}

/** With a narrowed token a member gets what the route's line in the table says of it; the rest looks like what does not exist. */
const expected = (name: RouteName, actor: Actor): string => {
  const whole = ANSWERS[name][actor]
  const { auth, scope } = ROUTES[name]
  const isNarrowed = actor === 'reader' || actor === 'writer' || actor === 'elsewhere'
  if (!isNarrowed || auth === 'none' || auth === 'invite' || scope === 'always') return whole
  const isAllowed = scope !== 'never' && actor !== 'elsewhere' && (scope === 'read' || actor === 'writer')
  return isAllowed ? whole : 'protocol.access.refused'
}

test('S24 every route answers every kind of caller as its line says, and what is forbidden looks like what does not exist', async (t) => {
  const world = await makeWorld(t)
  const { server } = world.actors.owner
  let checked = 0
  for (const name of Object.keys(ROUTES) as RouteName[]) {
    for (const actor of ACTORS) {
      const device = actor === 'nobody' ? new TestDevice(server) : world.actors[actor]
      const request = await REQUESTS[name](world, device)
      const answer = await answerOf(actor === 'nobody' ? callRoute(server, name, request) : device.call(name, request))
      assert.equal(answer, expected(name, actor), `${name} for ${actor}`)
      checked++
    }
  }
  assert.equal(checked, Object.keys(ROUTES).length * ACTORS.length)
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

test('S24 what is forbidden takes as long to refuse as what is not there', async (t) => {
  const world = await makeWorld(t)
  const { outsider } = world.actors
  const timed = async (conversationId: ConversationId): Promise<number> => {
    const startedAt = performance.now()
    assert.equal(await answerOf(outsider.call('logRead', { conversationId, afterSeq: 0 })), 'protocol.access.refused')
    return performance.now() - startedAt
  }
  const forbidden: number[] = []
  const missing: number[] = []
  for (let pair = 0; pair < 150; pair++) {
    forbidden.push(await timed(world.conversationId))
    missing.push(await timed(makeId<ConversationId>(systemRandom)))
  }
  // neighbours in time share the machine's moods; a class apart would be a query more, or a signature
  const ratio = medianOf(forbidden) / medianOf(missing)
  assert.ok(ratio > 0.5 && ratio < 2, `forbidden takes ${ratio.toFixed(2)} times as long as missing`)
})

const medianOf = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

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
