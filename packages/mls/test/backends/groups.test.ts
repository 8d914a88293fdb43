/**
 * Whole groups whose members run on different backends.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '@famichat/base'
import { type CryptoBackend, supportedCipherSuites } from '@famichat/mls'
import { nobleBackend } from '@famichat/mls/noble'
import { nodeBackend } from '@famichat/mls/node'
import { generateWebCryptoSigner, makeWebCryptoBackend } from '@famichat/mls/webcrypto'
import { addAll, commitAll, createGroup, makePerson, type Person, readText, type Seat } from '../builders.js'

const backends: readonly CryptoBackend[] = [nodeBackend, await makeWebCryptoBackend(), nobleBackend]

const groupOn = async (people: readonly Person[]): Promise<readonly Seat[]> => {
  const [first, ...others] = people
  if (first === undefined) throw new TypeError('somebody creates the group')
  const creator: Seat = { person: first, group: await createGroup(first) }
  return [creator, ...await addAll(creator, [], others)]
}

const everybodyHearsEverybody = async (seats: readonly Seat[]): Promise<void> => {
  for (const sender of seats) {
    const others = seats.filter((seat) => seat !== sender)
    await commitAll(sender, others)
    for (const { group } of others) deepEqual(group.epochAuthenticator, sender.group.epochAuthenticator)
    const message = await sender.group.protect(utf8(`from ${sender.person.name}`))
    for (const { group } of others) equal(await readText(group, message), `from ${sender.person.name}`)
  }
}

for (const suiteId of supportedCipherSuites) {
  test(`suite ${suiteId.toString()}: members on node:crypto, WebCrypto and noble share a group`, async () => {
    const people = await Promise.all(backends.map((backend) => makePerson(`member on ${backend.name}`, { suiteId, backend })))
    await everybodyHearsEverybody(await groupOn(people))
  })
}

for (const [suiteId, name] of [[1, 'ed25519'], [2, 'p256'], [7, 'p384'], [5, 'p521']] as const) {
  test(`suite ${suiteId.toString()}: a member whose signature key cannot be taken out is like any other`, async () => {
    const backend = await makeWebCryptoBackend()
    const [alice, bob] = [await makePerson('alice', { suiteId }), await makePerson('bob', { suiteId, backend })]
    const signer = await generateWebCryptoSigner({ name })
    await everybodyHearsEverybody(await groupOn([alice, { ...bob, signer }]))
    await everybodyHearsEverybody(await groupOn([{ ...bob, signer: await generateWebCryptoSigner({ name }) }, alice]))
  })
}
