/**
 * Channel frames, route bodies, certificates and error bodies: round trips, golden bytes, and hostile input.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCodedError, toHex } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import fc from 'fast-check'
import {
  type AccountId, channelChallengeTbs, type ClientFrame, ClientFrameType, type ConversationId, ConversationKind,
  decodeClientFrame, decodeDeviceCertificate, decodeRequest, decodeServerFrame, deviceCertificateTbs, type DeviceId,
  encodeClientFrame, encodeDeviceCertificate, encodeRequest, encodeResponse, encodeServerFrame, Encryption,
  epochWinnerOf, idFromBytes, LIMITS, makeEpochConflict, makeErrorBody, makeId, type MessageId, parseErrorBody,
  PROTOCOL_ERRORS, ProtocolError, requiresEncryption, ROUTES, ServerFrameType, tokenRequestTbs,
  validateDeviceCertificate,
} from '../dist/index.js'

const random = insecureSeededRandom(2)
const send: ClientFrame = {
  type: ClientFrameType.send,
  requestId: 7,
  conversationId: idFromBytes<ConversationId>(new Uint8Array(16).fill(1)),
  messageId: idFromBytes<MessageId>(new Uint8Array(16).fill(2)),
  encryption: Encryption.mls10,
  epoch: 3n,
  message: Uint8Array.of(9, 9),
}

test('a send frame has the bytes it always had', () => {
  assert.equal(toHex(encodeClientFrame(send)), `010300000007${'01'.repeat(16)}${'02'.repeat(16)}010000000000000003020909`)
})

test('frames of both sides round trip', () => {
  assert.deepEqual(decodeClientFrame(encodeClientFrame(send)), send)
  const refused = { type: ServerFrameType.refused, requestId: 1, code: 'protocol.epoch.conflict', winner: { seq: 4, epoch: 2n } } as const
  assert.deepEqual(decodeServerFrame(encodeServerFrame(refused)), refused)
})

test('a code of a newer server is read as a general failure, not as a broken frame', () => {
  const bytes = encodeServerFrame({ type: ServerFrameType.closing, code: 'protocol.auth.refused' })
  const renamed = new TextDecoder('latin1').decode(bytes).replace('auth', 'zzzz')
  const frame = decodeServerFrame(Uint8Array.from(renamed, (character) => character.charCodeAt(0)))
  assert.deepEqual(frame, { type: ServerFrameType.closing, code: 'protocol.server.failed' })
})

test('refuses oversize, empty, unknown-version, unknown-type and trailing frames', () => {
  const cases: [Uint8Array, string][] = [
    [new Uint8Array(LIMITS.frameBytes + 1).fill(1), 'protocol.frame.too_large'],
    [new Uint8Array(0), 'protocol.frame.malformed'],
    [Uint8Array.of(2, 6, 0, 0, 0, 0), 'protocol.frame.unknown_version'],
    [Uint8Array.of(1, 99), 'protocol.frame.malformed'],
    [Uint8Array.of(1, 6, 0, 0, 0, 0, 0), 'protocol.frame.malformed'],
  ]
  for (const [bytes, code] of cases) assert.throws(() => decodeClientFrame(bytes), (error) => isCodedError(error, code), code)
})

test('no bytes make a decoder throw anything but its coded error', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, versioned) => {
    const input = versioned ? Uint8Array.of(1, ...bytes) : bytes
    for (const read of [decodeClientFrame, decodeServerFrame, decodeDeviceCertificate, (b: Uint8Array) => decodeRequest('join', b)]) {
      try {
        read(input)
      } catch (error) {
        assert.ok(error instanceof ProtocolError)
      }
    }
  }), { seed: 3, numRuns: 500 })
})

test('every truncation of a frame is refused', () => {
  const bytes = encodeClientFrame(send)
  for (let length = 0; length < bytes.length; length++) {
    assert.throws(() => decodeClientFrame(bytes.slice(0, length)), (error) => isCodedError(error, 'protocol.frame.malformed'))
  }
})

test('a request body is strict: a byte more or less is refused', () => {
  const body = encodeRequest('conversationCreate', { conversationId: send.conversationId, kind: ConversationKind.group })
  assert.deepEqual(decodeRequest('conversationCreate', body).kind, ConversationKind.group)
  for (const bad of [body.slice(1), Uint8Array.of(...body, 0), Uint8Array.of(...body.slice(0, -1), 99)]) {
    assert.throws(() => decodeRequest('conversationCreate', bad), (error) => isCodedError(error, 'protocol.request.malformed'))
  }
})

test('routes have one path each, versioned, and a GET takes nothing', () => {
  const routes = Object.values(ROUTES)
  assert.equal(new Set(routes.map((route) => `${route.method} ${route.path}`)).size, routes.length)
  for (const route of routes) {
    assert.match(route.path, /^\/api\/v1\/[a-z-]+(\/[a-z-]+)?$/)
    assert.equal(route.maxRequestBytes === 0, route.method === 'GET')
  }
  assert.equal(encodeResponse('inviteRevoke', {}).length, 0)
})

const certificate = {
  version: 1, accountId: makeId<AccountId>(random), deviceId: makeId<DeviceId>(random), accountKey: random(32),
  deviceSignatureKey: random(32), listNumber: 1, createdAtMs: 1000, signature: random(64),
}

test('a certificate is good exactly when the account key signed all of it', async () => {
  const signed: string[] = []
  await validateDeviceCertificate(decodeDeviceCertificate(encodeDeviceCertificate(certificate)), (key, message) => {
    signed.push(toHex(key), toHex(message))
    return true
  })
  assert.deepEqual(signed, [toHex(certificate.accountKey), toHex(deviceCertificateTbs(certificate))])
  await assert.rejects(validateDeviceCertificate(certificate, () => Promise.resolve(false)), (error) => isCodedError(error, 'protocol.certificate.refused'))
  await assert.rejects(validateDeviceCertificate({ ...certificate, version: 2 }, () => true), (error) => isCodedError(error, 'protocol.certificate.refused'))
})

test('statements for different purposes never have the same bytes', () => {
  const statement = { origin: 'https://a.example', nonce: random(40), deviceId: certificate.deviceId }
  const token = toHex(tokenRequestTbs({ ...statement, scope: undefined }))
  const channel = toHex(channelChallengeTbs({ ...statement, timeMs: 0 }))
  assert.notEqual(token.slice(0, 40), channel.slice(0, 40))
})

test('a lost epoch tells its winner over JSON, other errors tell their code only', () => {
  const winner = { seq: 12, epoch: 2n ** 60n }
  const conflict = parseErrorBody(JSON.parse(JSON.stringify(makeErrorBody('protocol.epoch.conflict', winner))))
  assert.deepEqual(epochWinnerOf(conflict), winner)
  assert.equal(epochWinnerOf(makeEpochConflict(winner))?.seq, 12)
  assert.equal(parseErrorBody({ code: 'protocol.invite.used', text: 'x' }).code, 'protocol.invite.used')
  for (const bad of [null, 'x', [], { code: 3 }]) assert.equal(parseErrorBody(bad).code, 'protocol.response.malformed')
})

test('only conversations with oneself may be unencrypted', () => {
  const may = Object.values(ConversationKind).filter((kind) => !requiresEncryption(kind))
  assert.deepEqual(may, [ConversationKind.self])
  assert.ok(Object.values(PROTOCOL_ERRORS).every((entry) => entry.status >= 400))
})
