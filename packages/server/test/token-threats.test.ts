/**
 * Stolen, forged and ended tokens: one refusal for all of them, and none of them in an address or a log (S20, S21, S23, S25, S26).
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemRandom, toBase64url, toHex } from '@famichat/base'
import {
  CHANNEL_PATH, type ConversationId, ConversationKind, formatRequestProof, LIFETIMES, makeId, parseRequestProof, PROOF_HEADER, ROUTES, ServerFrameType,
} from '@famichat/protocol'
import { WebSocket } from 'ws'
import { makeCommit, seqsOf, TestChannel } from './support/test-channel.js'
import { firstDevice, invitedDevice, type TestDevice } from './support/test-device.js'
import { startTestServer } from './support/test-server.js'

const refused = (code: string, act: Promise<unknown>): Promise<void> => assert.rejects(act, { code })

test('S20 a token is taken from no address and shows up in none, nor in a log; a stolen one opens no channel', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const thief = await invitedDevice(ana, 'Thief')
  const token = toBase64url(ana.token)
  for (const name of ['token', 'access_token', 'authorization', 'Bearer']) {
    const response = await fetch(`${server.running.url}${ROUTES.directory.path}?${name}=${token}`)
    assert.equal(response.status, 401, name)
    const socket = new WebSocket(`${server.running.url.replace('http', 'ws')}${CHANNEL_PATH}?${name}=${token}`)
    await new Promise((resolve) => { socket.once('error', resolve) })
  }
  await ana.call('directory', {})
  const channel = new TestChannel(server)
  await channel.authenticate(thief, ana.token)
  assert.equal((await channel.next(ServerFrameType.closing)).code, 'protocol.auth.refused')
  await TestChannel.open(ana)
  for (const spelled of [token, toHex(ana.token), Buffer.from(ana.token).toString('base64')]) assert.ok(!server.logged().includes(spelled))
})

test('S21 of more than twenty tokens that are not good, each gets the same refusal, byte for byte', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const revoked = await ana.addDevice()
  await ana.revoke(revoked.deviceId)
  const expired = ana.token
  server.clock.advance(LIFETIMES.tokenMs)
  await ana.signIn()
  await ben.signIn()
  const good = toBase64url(ana.token)
  const jwt = (alg: string, signature: string): string =>
    `${[{ alg, typ: 'JWT' }, { sub: ana.deviceId, exp: 9e9 }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.${signature}`
  const proof = (): string => String(ana.headers('directory', new Uint8Array(0))[PROOF_HEADER])
  const changed = (change: (parsed: ReturnType<typeof parseRequestProof>) => ReturnType<typeof parseRequestProof>): string => formatRequestProof(change(parseRequestProof(proof())))
  const flipped = (bytes: Uint8Array): Uint8Array => bytes.with(0, (bytes[0] ?? 0) ^ 1)
  const cases: readonly (readonly [string, Readonly<Record<string, string>>])[] = [
    ['no token', {}],
    ['a scheme alone', { authorization: 'Bearer' }],
    ['an empty token', { authorization: 'Bearer ', [PROOF_HEADER]: proof() }],
    ['another scheme', { authorization: `Basic ${good}`, [PROOF_HEADER]: proof() }],
    ['another spelling of the scheme', { authorization: `bearer ${good}`, [PROOF_HEADER]: proof() }],
    ['two spaces', { authorization: `Bearer  ${good}`, [PROOF_HEADER]: proof() }],
    ['a token that was cut', { authorization: `Bearer ${good.slice(0, 42)}`, [PROOF_HEADER]: proof() }],
    ['a token with something behind it', { authorization: `Bearer ${good}A`, [PROOF_HEADER]: proof() }],
    ['a token with padding', { authorization: `Bearer ${good}=`, [PROOF_HEADER]: proof() }],
    ['two tokens', { authorization: `Bearer ${good}, Bearer ${good}`, [PROOF_HEADER]: proof() }],
    ['a token of nobody', { authorization: `Bearer ${toBase64url(systemRandom(32))}`, [PROOF_HEADER]: proof() }],
    ['zeros', { authorization: `Bearer ${toBase64url(new Uint8Array(32))}`, [PROOF_HEADER]: proof() }],
    ['a token that ended', ana.headers('directory', new Uint8Array(0), expired)],
    ['a token of a revoked device', revoked.headers('directory', new Uint8Array(0))],
    ['a token of another device', ana.headers('directory', new Uint8Array(0), ben.token)],
    ['a refresh token', ana.headers('directory', new Uint8Array(0), ana.refreshToken)],
    ['a JWT without algorithm', { authorization: `Bearer ${jwt('none', '')}`, [PROOF_HEADER]: proof() }],
    ['a JWT under a shared key', { authorization: `Bearer ${jwt('HS256', toBase64url(systemRandom(32)))}`, [PROOF_HEADER]: proof() }],
    ['a JWT under a key pair', { authorization: `Bearer ${jwt('EdDSA', toBase64url(systemRandom(64)))}`, [PROOF_HEADER]: proof() }],
    ['no proof', { authorization: `Bearer ${good}` }],
    ['a proof that was cut', { authorization: `Bearer ${good}`, [PROOF_HEADER]: proof().slice(0, -4) }],
    ['a proof that is none', { authorization: `Bearer ${good}`, [PROOF_HEADER]: 'x' }],
    ['a proof with a changed signature', { authorization: `Bearer ${good}`, [PROOF_HEADER]: changed((parsed) => ({ ...parsed, signature: flipped(parsed.signature) })) }],
    ['a proof with a signature of zeros', { authorization: `Bearer ${good}`, [PROOF_HEADER]: changed((parsed) => ({ ...parsed, signature: new Uint8Array(64) })) }],
    ['a proof with another nonce', { authorization: `Bearer ${good}`, [PROOF_HEADER]: changed((parsed) => ({ ...parsed, nonce: flipped(parsed.nonce) })) }],
    ['a proof for another time', { authorization: `Bearer ${good}`, [PROOF_HEADER]: changed((parsed) => ({ ...parsed, timeMs: parsed.timeMs + 1 })) }],
    ['a proof from the future', { authorization: `Bearer ${good}`, [PROOF_HEADER]: changed((parsed) => ({ ...parsed, timeMs: parsed.timeMs + LIFETIMES.clockSkewMs + 1 })) }],
    ['a proof for another route', { authorization: `Bearer ${good}`, [PROOF_HEADER]: String(ana.headers('auditList', new Uint8Array(0))[PROOF_HEADER]) }],
  ]
  assert.ok(cases.length >= 20)
  const answers = new Set<string>()
  for (const [what, headers] of cases) {
    const response = await fetch(server.running.url + ROUTES.directory.path, { headers })
    assert.equal(response.status, 401, what)
    const { date: _, ...said } = Object.fromEntries(response.headers)
    answers.add(JSON.stringify([said, await response.text()]))
  }
  assert.equal(answers.size, 1)
  await ana.call('directory', {})
})

test('S23 once a revocation is answered its device reads nothing more: sockets are shut, calls refused, nothing was sent after', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const phone = await ana.addDevice()
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationOf(ana, [phone, ben])
  const { channel: bens } = await TestChannel.resume(ben)
  const { channel: anas } = await TestChannel.resume(ana)
  const sockets = await Promise.all(Array.from({ length: 4 }, async () => (await TestChannel.resume(phone)).channel))
  await bens.say(conversationId, 'before', { epoch: 1n })
  const startedAt = performance.now()
  const saying = (async () => {
    for (let i = 0; i < 20; i++) await bens.say(conversationId, `during ${i}`, { epoch: 1n })
  })()
  await ana.revoke(phone.deviceId)
  const revokedAt = performance.now()
  await refused('protocol.auth.refused', phone.call('logRead', { conversationId, afterSeq: 0 }))
  await saying
  const after = await bens.say(conversationId, 'after', { epoch: 1n })
  assert.equal(after.type, ServerFrameType.accepted)
  for (const socket of sockets) {
    const frames = await socket.untilClosed()
    assert.equal(await socket.closed, 4401)
    assert.equal(frames.at(-1)?.type, ServerFrameType.closing)
    assert.ok(!seqsOf(frames).includes(after.seq), 'nothing that was said after')
  }
  t.diagnostic(`revoked in ${(revokedAt - startedAt).toFixed(0)} ms, four sockets shut ${(performance.now() - revokedAt).toFixed(0)} ms later at most`)
  anas.close()
})

test('S23 a revoked device is in its groups until a commit removes it: roster and directory tell the members which it is', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const phone = await ana.addDevice()
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationOf(ana, [phone, ben])
  const revokedIn = async (device: TestDevice): Promise<number> => {
    const { devices } = await device.call('conversationRoster', { conversationId })
    const known = (await device.call('directory', {})).accounts.flatMap((account) => account.devices)
    return devices.filter(({ deviceId }) => known.some((one) => one.deviceId === deviceId && one.isRevoked)).length
  }
  assert.equal(await revokedIn(ben), 0)
  await ana.revoke(phone.deviceId)
  assert.deepEqual([await revokedIn(ana), await revokedIn(ben)], [1, 1])
  await refused('protocol.roster.refused', ben.call('conversationCommit', makeCommit(conversationId, 1n, { removed: [phone.deviceId], added: [phone.deviceId] })))
  await ben.call('conversationCommit', makeCommit(conversationId, 1n, { removed: [phone.deviceId] }))
  assert.deepEqual([await revokedIn(ana), await revokedIn(ben)], [0, 0])
})

test('S25 a removed member gets nothing that came after its removal: not live, not on return, not by asking', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const ben = await invitedDevice(ana, 'Ben')
  const conversationId = await conversationOf(ana, [ben])
  const { channel: bens } = await TestChannel.resume(ben)
  const { channel: anas } = await TestChannel.resume(ana)
  await anas.say(conversationId, 'before', { epoch: 1n })
  const { seq: removal } = await ana.call('conversationCommit', makeCommit(conversationId, 1n, { removed: [ben.deviceId] }))
  for (const epoch of [2n, 2n]) await anas.say(conversationId, 'after', { epoch })
  await ana.call('conversationCommit', makeCommit(conversationId, 2n))
  await anas.say(conversationId, 'in a later epoch', { epoch: 3n })
  const live = await bens.settle()
  assert.ok(seqsOf(live).every((seq) => seq <= removal))
  assert.ok(live.some((frame) => frame.type === ServerFrameType.removed && frame.untilSeq === removal))
  for (const afterSeq of [0, removal, removal + 1]) {
    const { channel, caughtUp } = await TestChannel.resume(ben, [{ conversationId, afterSeq }])
    assert.ok(seqsOf([...caughtUp, ...await channel.settle()]).every((seq) => seq <= removal))
    const { envelopes } = await ben.call('logRead', { conversationId, afterSeq })
    assert.ok(envelopes.every(({ header }) => header.seq <= removal))
  }
  const back = await bens.say(conversationId, 'let me back in', { epoch: 3n })
  assert.equal(back.type === ServerFrameType.refused ? back.code : 'accepted', 'protocol.access.refused')
  await refused('protocol.access.refused', ben.call('conversationCommit', makeCommit(conversationId, 3n)))
})

test('S26 one requester does not use up another\'s KeyPackages: the rate ends it, and the last resort stays', async (t) => {
  const server = await startTestServer(t)
  const ana = await firstDevice(server)
  const phone = await ana.addDevice()
  const ben = await invitedDevice(ana, 'Ben', 100)
  await ben.call('keyPackageUpload', { keyPackages: ben.keyPackages(1, { isLastResort: true }) }).catch(() => undefined)
  let taken = 0
  await assert.rejects(async () => {
    for (;; taken++) await ana.call('keyPackageClaim', { accountId: ben.account.accountId, deviceIds: [ben.deviceId] })
  }, { code: 'protocol.rate.limited' })
  assert.ok(taken < 100, `${taken} were given out at once`)
  await refused('protocol.rate.limited', phone.call('keyPackageClaim', { accountId: ben.account.accountId, deviceIds: [ben.deviceId] }))
  assert.ok((await ben.call('keyPackageCount', {})).available >= 100 - taken)
  t.diagnostic(`one account took ${taken} of another account's at once`)
})

const conversationOf = async (creator: TestDevice, others: readonly TestDevice[]): Promise<ConversationId> => {
  const conversationId = makeId<ConversationId>(systemRandom)
  await creator.call('conversationCreate', { conversationId, kind: ConversationKind.group })
  await creator.call('conversationCommit', makeCommit(conversationId, 0n, { added: others.map(({ deviceId }) => deviceId) }))
  return conversationId
}
