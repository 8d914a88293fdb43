/**
 * Ids, names, origins and invite links: what people and programs may type, and what is refused.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decode, encode, fromUtf8, isCodedError } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import {
  AccountId, accountNameKey, formatDeviceAuthorization, formatInviteAuthorization, formatInviteLink, idFromBytes,
  idToBytes, type InviteId, inviteProofInput, makeId, normalizeAccountName, parseDeviceAuthorization, parseId,
  parseInviteAuthorization, parseInviteLink, serverOrigin,
} from '../dist/index.js'

const random = insecureSeededRandom(1)
const refuses = (code: string, act: () => unknown): void => {
  assert.throws(act, (error) => isCodedError(error, code), `expected ${code}`)
}

test('an id is 22 characters as text, 16 bytes on the wire, and the same either way', () => {
  const id = makeId<AccountId>(random)
  assert.equal(id.length, 22)
  assert.equal(encode(AccountId, id).length, 16)
  assert.equal(decode(AccountId, encode(AccountId, id)), id)
  assert.equal(idFromBytes<AccountId>(idToBytes(id)), id)
})

test('no id begins with a dash: famichat delete Ben -YPP9WjO2uY was once taken for an option', () => {
  const allOnes = (bytes: number): Uint8Array => new Uint8Array(bytes).fill(0xff)
  assert.doesNotMatch(makeId<AccountId>(allOnes), /^-/)
  for (let count = 0; count < 1000; count++) assert.doesNotMatch(makeId<AccountId>(random), /^-/)
})

test('refuses an id that is too short, of another alphabet or not canonical', () => {
  for (const text of ['', 'AAAA', '+'.repeat(22), `${'A'.repeat(21)}B`, 'A'.repeat(23)]) {
    refuses('protocol.id.malformed', () => parseId<AccountId>(text))
  }
  refuses('protocol.id.malformed', () => idFromBytes<AccountId>(new Uint8Array(15)))
})

test('an invite link survives the journey, with and without the inviter\'s fingerprint', () => {
  const link = { origin: 'https://chat.example', inviteId: makeId<InviteId>(random), secret: random(16) }
  for (const inviterFingerprint of [undefined, random(16)]) {
    const text = formatInviteLink({ ...link, inviterFingerprint })
    assert.match(text, /^https:\/\/chat\.example\/i#v1\./)
    assert.deepEqual(parseInviteLink(`  ${text}\n`), { ...link, inviterFingerprint })
  }
})

test('refuses a cut or altered invite link without quoting it', () => {
  const whole = formatInviteLink({ origin: 'https://a.example', inviteId: makeId<InviteId>(random), secret: random(16), inviterFingerprint: undefined })
  for (const bad of [whole.slice(0, -1), whole.replace('v1', 'v9'), whole.replace('/i#', '/j#'), 'hello', `${whole}.AA`, `ftp${whole.slice(5)}`]) {
    assert.throws(() => parseInviteLink(bad), (error) => {
      assert.ok(isCodedError(error, 'protocol.invite.malformed'))
      assert.equal(error.cause, undefined)
      return true
    })
  }
})

test('the input of the invite proof names the invite and its purpose', () => {
  const inviteId = makeId<InviteId>(random)
  const input = inviteProofInput(inviteId, random(16))
  assert.ok(fromUtf8(input.subarray(1, 25)) === 'Famichat 1.0 InviteProof')
  assert.deepEqual(input.subarray(25, 41), idToBytes(inviteId))
})

test('names are normalized, and the same name in another dress is the same name', () => {
  assert.equal(normalizeAccountName('  Ana   Maria '), 'Ana Maria')
  assert.equal(accountNameKey('ANA\u0301'), accountNameKey('an\u00e1'))
  assert.equal(accountNameKey('Straße'), accountNameKey('STRASSE'))
  for (const bad of ['', '   ', 'a\nb', 'a'.repeat(65), 'evil\u202egnp', '\ud800']) {
    refuses('protocol.name.malformed', () => normalizeAccountName(bad))
  }
})

test('an origin is compared without path, case or default port', () => {
  assert.equal(serverOrigin('HTTPS://Chat.Example:443/i#x'), 'https://chat.example')
  assert.equal(serverOrigin('http://127.0.0.1:8080/'), 'http://127.0.0.1:8080')
  for (const bad of ['chat.example', 'ftp://x', 'https://user:pw@x']) refuses('protocol.origin.malformed', () => serverOrigin(bad))
})

test('authorization headers round trip, and anything else is refused alike', () => {
  const token = random(32)
  const inviteId = makeId<InviteId>(random)
  assert.deepEqual(parseDeviceAuthorization(formatDeviceAuthorization(token)), token)
  assert.deepEqual(parseInviteAuthorization(formatInviteAuthorization(inviteId, token)), { inviteId, proof: token })
  for (const bad of [undefined, '', 'Bearer', 'Bearer AAAA', 'bearer x', `${formatDeviceAuthorization(token)} `]) {
    refuses('protocol.auth.refused', () => parseDeviceAuthorization(bad))
    refuses('protocol.invite.refused', () => parseInviteAuthorization(bad))
  }
})
