/**
 * Caps (E30): what is above one is refused by its decoder, on whichever side that stands; and the fullest answer that a
 * server can give is one that a client hears out.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isCodedError } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import {
  type AccountId, AuditEvent, type BlobId, ContentType, type ConversationId, ConversationKind, decodeClientFrame, decodeRequest, decodeResponse, decodeServerFrame, type DeviceId,
  encodeClientFrame, encodeRequest, encodeResponse, Encryption, ClientFrameType, type EnvelopeHeader, type InviteId, InviteState, LIMITS, makeId, type MessageId, type PasskeyId, ROUTES,
  type RouteName, type RouteRequest, type RouteResponse, type WelcomeId,
} from '../dist/index.js'

const random = insecureSeededRandom(30)
const LARGEST = Number.MAX_SAFE_INTEGER
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7)
const times = <T>(count: number, make: () => T): readonly T[] => Array.from({ length: count }, make)
const conversationId = makeId<ConversationId>(random)
const deviceId = makeId<DeviceId>(random)
const accountId = makeId<AccountId>(random)
const name = 'é'.repeat(2 * LIMITS.nameCharacters)
const header: EnvelopeHeader = {
  conversationId, seq: LARGEST, senderDevice: deviceId, messageId: makeId<MessageId>(random), encryption: Encryption.mls10, contentType: ContentType.commit,
  epoch: 2n ** 64n - 1n, createdAtMs: LARGEST,
}
const welcome = {
  welcomeId: makeId<WelcomeId>(random), conversationId, kind: ConversationKind.group, fromSeq: LARGEST, senderDevice: deviceId, createdAtMs: LARGEST, welcomeBytes: LARGEST,
}
const audited = { atMs: LARGEST, event: AuditEvent.accountJoined, actor: accountId, subject: accountId }
const invited = { inviteId: makeId<InviteId>(random), state: InviteState.used, createdAtMs: LARGEST, expiresAtMs: LARGEST, usedBy: accountId, joinerProof: bytes(32), sealedDeviceName: bytes(LIMITS.sealedDeviceNameBytes) }
const passkey = { passkeyId: makeId<PasskeyId>(random), credentialId: bytes(LIMITS.credentialIdBytes), label: name, createdAtMs: LARGEST, usedAtMs: LARGEST, isSynced: true }
const summary = {
  conversationId, kind: ConversationKind.group, epoch: 1n, lastSeq: LARGEST, fromSeq: LARGEST, untilSeq: LARGEST, acknowledgedSeq: LARGEST, revokedDevices: LARGEST,
  restored: { afterSeq: LARGEST, resumesAfterSeq: LARGEST },
}
const bundle = { bundle: { version: LARGEST, sealed: bytes(LIMITS.accountBundleBytes) } }
const lists = { lists: times(LIMITS.deviceListsPerRead, () => bytes(LIMITS.deviceListBytes)), hasMore: true }
const mail = { sealed: bytes(LIMITS.linkBlobBytes) }

const refusal = { seq: LARGEST, epoch: 1n, commitHash: bytes(64), signature: bytes(LIMITS.signatureBytes) }

/** The fullest answers that have lists or bytes in them; `more` of what is counted. */
const fullest = (more = 0): { readonly [Name in RouteName]?: RouteResponse<Name> } => ({
  auditList: { entries: times(LIMITS.listedPerAnswer + more, () => audited) },
  inviteList: { invites: times(LIMITS.listedPerAnswer + more, () => invited) },
  linkRead: { sealed: bytes(LIMITS.linkBlobBytes + more) }, linkCollect: more === 0 ? mail : { sealed: bytes(LIMITS.linkBlobBytes + more) },
  deviceListRead: more === 0 ? lists : { ...lists, lists: [...lists.lists, bytes(1)] }, deviceListRecover: more === 0 ? lists : { ...lists, lists: [bytes(LIMITS.deviceListBytes + more)] },
  passkeyCreationOptions: {
    challenge: bytes(40), rpId: 'x'.repeat(256), accountId, accountName: name,
    known: times(LIMITS.passkeysPerAccount + more, () => ({ credentialId: passkey.credentialId })),
  },
  passkeyList: { passkeys: times(LIMITS.passkeysPerAccount + more, () => passkey) },
  passkeySignIn: more === 0 ? bundle : { bundle: { version: 1, sealed: bytes(LIMITS.accountBundleBytes + more) } },
  bundleRead: more === 0 ? bundle : { bundle: { version: 1, sealed: bytes(LIMITS.accountBundleBytes + more) } },
  keyPackageClaim: {
    claimed: times(LIMITS.devicesPerAccount + more, () => ({ deviceId, keyPackage: bytes(LIMITS.keyPackageBytes), isLastResort: true })), exhausted: times(LIMITS.devicesPerAccount, () => deviceId),
  },
  conversationList: { conversations: times(LIMITS.cursorsPerResume + more, () => summary) },
  conversationRoster: { epoch: 1n, devices: times(LIMITS.devicesPerConversation + more, () => ({ deviceId, accountId, fromSeq: LARGEST })) },
  conversationGroupInfo: { epoch: 1n, groupInfo: bytes(LIMITS.groupInfoBytes + more) },
  readdList: { requests: times(LIMITS.devicesPerConversation + more, () => ({ conversationId, deviceId })), refusals: times(LIMITS.refusalsListed + more, () => ({ conversationId, deviceId, refusal })) },
  logRead: more === 0
    ? { envelopes: [...times(LIMITS.logReadMessages - 1, () => ({ header, message: bytes(Math.floor(LIMITS.logReadBytes / LIMITS.logReadMessages)) })), { header, message: bytes(1) }], hasMore: true, prunedSeq: LARGEST }
    : { envelopes: times(LIMITS.logReadMessages + more, () => ({ header, message: bytes(1) })), hasMore: true, prunedSeq: 0 },
  welcomeList: { welcomes: times(LIMITS.cursorsPerResume + more, () => welcome) },
  welcomeRead: { header: welcome, welcome: bytes(LIMITS.welcomeBytes + more) },
  blobRead: { chunk: bytes(LIMITS.blobChunkBytes + more) },
  blobInbox: { blobs: times(LIMITS.inboxBlobs + more, () => ({ blobId: makeId<BlobId>(random), blobBytes: LARGEST, storedBytes: LARGEST, chunks: LARGEST })) },
})

test('the fullest answer of each route is one that a client reads to its end', () => {
  const answers = Object.entries(fullest()) as [RouteName, never][]
  for (const [route, answer] of answers) {
    const encoded = encodeResponse(route, answer)
    assert.ok(encoded.length <= ROUTES[route].maxResponseBytes, `${route}: ${encoded.length.toString()} of ${ROUTES[route].maxResponseBytes.toString()}`)
    decodeResponse(route, encoded)
  }
  const large = (Object.keys(ROUTES) as RouteName[]).filter((route) => ROUTES[route].maxResponseBytes > 4096 && route !== 'directory')
  assert.deepEqual(large.filter((route) => !answers.some(([name]) => name === route)), [])
})

test('one more than the cap is neither said by a server nor taken by a client', () => {
  for (const [route, answer] of Object.entries(fullest(1)) as [RouteName, never][]) {
    assert.throws(() => encodeResponse(route, answer), (error) => isCodedError(error) && /^base\.codec\.too_(long|many)$/.test(error.code), route)
  }
  // a server that does not keep to it: the bytes of a full list with one more entry in them
  const full = encodeResponse('readdList', { requests: times(LIMITS.devicesPerConversation, () => ({ conversationId, deviceId })), refusals: [] })
  const entry = full.slice(-33, -1)
  const length = LIMITS.devicesPerConversation * 32 + 32
  const larger = Uint8Array.of(0x80 | (length >>> 24), (length >>> 16) & 0xff, (length >>> 8) & 0xff, length & 0xff, ...full.subarray(4, -1), ...entry, 0)
  assert.throws(() => decodeResponse('readdList', larger), (error) => isCodedError(error, 'protocol.response.malformed') && error.detail.reason === 'base.codec.too_many')
})

test('one more than the cap is neither sent by a client nor taken by a server', () => {
  const message = bytes(LIMITS.messageBytes)
  const send = { type: ClientFrameType.send, requestId: 1, conversationId, messageId: header.messageId, encryption: Encryption.mls10, epoch: 1n } as const
  decodeClientFrame(encodeClientFrame({ ...send, message }))
  assert.throws(() => encodeClientFrame({ ...send, message: bytes(LIMITS.messageBytes + 1) }), { code: 'base.codec.too_long' })
  assert.throws(() => encodeClientFrame({ type: ClientFrameType.resume, cursors: times(LIMITS.cursorsPerResume + 1, () => ({ conversationId, afterSeq: 1 })) }), { code: 'base.codec.too_many' })
  const commit = { conversationId, messageId: header.messageId, epoch: 1n, commit: bytes(1), welcome: undefined, groupInfo: undefined, added: [], removed: [], guests: [] }
  const devices = times(LIMITS.devicesPerConversation + 1, () => deviceId)
  const bad: readonly (readonly [RouteName, unknown])[] = [
    ['conversationCommit', { ...commit, commit: bytes(LIMITS.commitBytes + 1) }], ['conversationCommit', { ...commit, welcome: bytes(LIMITS.welcomeBytes + 1) }],
    ['conversationCommit', { ...commit, groupInfo: bytes(LIMITS.groupInfoBytes + 1) }], ['conversationCommit', { ...commit, added: devices }], ['conversationCommit', { ...commit, removed: devices }],
    ['conversationCommit', { ...commit, guests: devices.map((guest) => ({ deviceId: guest, untilMs: 1 })) }],
    ['keyPackageUpload', { keyPackages: [bytes(LIMITS.keyPackageBytes + 1)] }], ['keyPackageUpload', { keyPackages: times(LIMITS.keyPackagesPerDevice + 1, () => bytes(1)) }],
    ['keyPackageClaim', { accountId, deviceIds: times(LIMITS.devicesPerAccount + 1, () => deviceId) }],
    ['deviceListRead', { accounts: times(LIMITS.deviceListsPerRead + 1, () => ({ accountId, afterNumber: 0 })) }],
    ['blobAppend', { blobId: makeId<BlobId>(random), index: 0, chunk: bytes(LIMITS.blobChunkBytes + 1) }],
    ['bundleReplace', { replaces: 0, sealed: bytes(LIMITS.accountBundleBytes + 1) }], ['pushSubscribe', { endpoint: 'x'.repeat(LIMITS.pushEndpointBytes + 1) }],
    ['logReturn', { conversationId, entries: times(LIMITS.logReturnEntries + 1, () => ({ envelope: { header, message: bytes(1) }, added: [], removed: [] })) }],
    ['linkOffer', { linkId: deviceId, sealed: bytes(LIMITS.linkBlobBytes + 1) }],
  ]
  for (const [route, request] of bad) {
    assert.throws(() => encodeRequest(route, request as RouteRequest<typeof route>), (error) => isCodedError(error) && /^base\.codec\.too_(long|many)$/.test(error.code), route)
  }
  // a client that does not keep to it: lengths above the cap are refused before their bytes are looked at
  const claim = encodeRequest('keyPackageClaim', { accountId, deviceIds: times(LIMITS.devicesPerAccount, () => deviceId) })
  const grown = Uint8Array.of(...claim.subarray(0, 16), 0x42, 0x10, ...claim.subarray(18), ...claim.subarray(-16))
  assert.throws(() => decodeRequest('keyPackageClaim', grown), (error) => isCodedError(error, 'protocol.request.malformed') && error.detail.reason === 'base.codec.too_many')
  const frame = bytes(LIMITS.frameBytes + 1).fill(1)
  for (const decode of [decodeClientFrame, decodeServerFrame]) assert.throws(() => decode(frame), { code: 'protocol.frame.too_large' })
})
