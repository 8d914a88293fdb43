/**
 * Secret: it prints nothing of what it holds, whatever way it is printed, and is gone once wiped.
 */
import assert from 'node:assert/strict'
import { format, inspect } from 'node:util'
import { test } from 'node:test'
import { Secret, utf8 } from '@famichat/base'

const CANARY = 'canary-in-a-secret'
const wiped = { code: 'base.secret.wiped' }
const aSecret = (): Secret => new Secret(utf8(CANARY))

const PRINTED: Readonly<Record<string, (secret: Secret) => string>> = {
  'String()': (secret) => String(secret),
  'a template': (secret) => `${secret.toString()} ${[secret].join()}`,
  'JSON': (secret) => JSON.stringify({ secret, list: [secret] }),
  'util.inspect with everything shown': (secret) => inspect({ secret }, { showHidden: true, depth: 10, getters: true }),
  'console formatting': (secret) => format('%s %o %O %j', secret, secret, secret, secret),
  'its own keys and values': (secret) => JSON.stringify([Reflect.ownKeys(secret), Object.values(secret), Object.assign({}, secret)]),
  'a structured clone': (secret) => inspect(structuredClone(secret)),
}

for (const [way, print] of Object.entries(PRINTED)) {
  test(`nothing of the bytes shows in ${way}`, () => {
    const printed = print(aSecret())
    assert.doesNotMatch(printed, /canary/)
    assert.doesNotMatch(printed, /99,\s*97,\s*110|63\s?61\s?6e/)
  })
}

test('its redacted form says that it is a secret', () => {
  assert.equal(String(aSecret()), '[Secret]')
  assert.equal(JSON.stringify(aSecret()), '"[Secret]"')
  assert.equal(inspect(aSecret()), '[Secret]')
})

test('a clone has bytes of its own, also where the secret was made of a Buffer', () => {
  const secret = new Secret(Buffer.from(CANARY))
  secret.clone().wipe()
  assert.equal(Buffer.from(secret.expose()).toString(), CANARY)
})

test('wiping overwrites the bytes it took ownership of', () => {
  const bytes = utf8(CANARY)
  new Secret(bytes).wipe()
  assert.deepEqual(bytes, new Uint8Array(CANARY.length))
})

test('every use after the wipe throws, a second wipe does not', () => {
  const secret = aSecret()
  assert.equal(secret.isWiped, false)
  secret.wipe()
  secret.wipe()
  assert.equal(secret.isWiped, true)
  assert.throws(() => secret.expose(), wiped)
  assert.throws(() => secret.length, wiped)
  assert.throws(() => secret.clone(), wiped)
  assert.equal(String(secret), '[Secret]')
})

test('a clone outlives the secret it came from', () => {
  const secret = aSecret()
  const clone = secret.clone()
  secret.wipe()
  assert.deepEqual(clone.expose(), utf8(CANARY))
  assert.equal(clone.length, CANARY.length)
})
