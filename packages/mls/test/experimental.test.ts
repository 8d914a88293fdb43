/**
 * The experimental subpath: X-Wing against its draft, and a whole group on the private-use suite.
 */
import { deepEqual, equal, notDeepEqual, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { fromHex, present, Secret, toHex, utf8 } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import {
  CipherSuiteId, generateSignatureKey, Group, makeAdd, makeCapabilities, makeCipherSuite, makeRemove, supportedCipherSuites,
} from '@famichat/mls'
import { EXPERIMENTAL_XWING_SUITE, withExperimentalSuites } from '@famichat/mls/experimental'
import { nodeBackend } from '@famichat/mls/node'
import { addAll, commitAll, createGroup, keyPackageOf, makePerson, type Person, readText, RowStore, type Seat, stagedBy } from './builders.js'
import { forgeKeyPackage } from './hostile/forge-leaf.js'

const backend = withExperimentalSuites(nodeBackend)
const suiteOf = (): ReturnType<typeof makeCipherSuite> => makeCipherSuite(EXPERIMENTAL_XWING_SUITE, backend, insecureSeededRandom(3))

/** A person whose groups are post-quantum. */
const makeQuantumPerson = async (name: string): Promise<Person> => {
  const classic = await makePerson(name, { policy: { acceptExternalCommits: true } })
  const suite = makeCipherSuite(EXPERIMENTAL_XWING_SUITE, backend, classic.random)
  const { signer } = await generateSignatureKey(suite)
  const capabilities = makeCapabilities(classic.random, { cipherSuites: [EXPERIMENTAL_XWING_SUITE] })
  return { ...classic, suite, signer, leaf: { ...classic.leaf, capabilities }, config: { ...classic.config, backend } }
}

test('the suite is of the private-use range, and no backend offers it unasked', () => {
  const suiteId: number = EXPERIMENTAL_XWING_SUITE
  equal(suiteId >= 0xf000, true)
  equal(supportedCipherSuites.includes(EXPERIMENTAL_XWING_SUITE), false)
  equal(makeCipherSuite(CipherSuiteId.MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519, backend, insecureSeededRandom(1)).threads === nodeBackend.threads, true)
})

test('D29 the suite is refused by a backend that does not have it', async () => {
  const quantum = await makeQuantumPerson('alice')
  await rejects(createGroup({ ...quantum, config: { ...quantum.config, backend: nodeBackend } }), { code: 'mls.crypto.unsupported_suite' })
})

test('X-Wing gives the shared secret of the draft\'s first test vector', async () => {
  const { kem } = suiteOf().hpke
  const seed = fromHex('7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26')
  const coins = fromHex('3cb1eea988004b93103cfb0aeefd2a686e01fa4a58e8a3639ca8a1e3f9ae57e235b8cc873c23dc62b8d260169afa2f75ab916a58d974918835d25e6a435085b2')
  const { ml_kem768_x25519: library } = await import('@noble/post-quantum/hybrid.js')
  const { publicKey } = library.keygen(seed)
  const { kemOutput, sharedSecret } = await kem.encapsulate(publicKey, () => coins.slice())
  equal(toHex(sharedSecret.expose()), 'd2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384')
  deepEqual((await kem.decapsulate(kemOutput, { publicKey, privateKey: new Secret(seed) })).expose(), sharedSecret.expose())
})

test('the same ikm gives the same X-Wing key pair', async () => {
  const { kem } = suiteOf().hpke
  const pair = async (byte: number): Promise<string> => toHex((await kem.deriveKeyPair(new Secret(new Uint8Array(32).fill(byte)))).publicKey)
  equal(await pair(1), await pair(1))
  notDeepEqual(await pair(1), await pair(2))
})

test('D27 X-Wing refuses keys of the wrong length, beyond the modulus, or of low order', async () => {
  const { kem } = suiteOf().hpke
  const { publicKey } = await kem.deriveKeyPair(new Secret(new Uint8Array(32)))
  const beyond = publicKey.slice()
  beyond.fill(0xff, 0, 3)
  const lowOrder = publicKey.slice()
  lowOrder.fill(0, publicKey.length - 32)
  equal(kem.isPublicKey(publicKey), true)
  for (const bad of [publicKey.subarray(1), new Uint8Array(0), beyond, lowOrder]) {
    equal(kem.isPublicKey(bad), false)
    await rejects(async () => kem.encapsulate(bad, insecureSeededRandom(1)), { code: 'mls.crypto.bad_public_key' })
  }
})

test('X-Wing HPKE refuses a kem_output that is cut or changed', async () => {
  const { hpke, random } = suiteOf()
  const recipient = await hpke.kem.deriveKeyPair(new Secret(new Uint8Array(32)))
  const context = hpke.scheduleContext(utf8('info'))
  const sealed = await hpke.seal(recipient.publicKey, context, utf8('secret'), random)
  deepEqual(await hpke.open(recipient, context, sealed), utf8('secret'))
  const flipped = sealed.kemOutput.slice()
  flipped[0] = (flipped[0] ?? 0) ^ 1
  for (const kemOutput of [sealed.kemOutput.subarray(1), flipped, new Uint8Array(1120)]) {
    await rejects(hpke.open(recipient, context, { ...sealed, kemOutput }), { code: 'mls.crypto.open_failed' })
  }
})

test('a whole group lives on the experimental suite: adds, updates, removals, external joins, restarts', async () => {
  const [alice, bob, carol, dave] = await Promise.all(['alice', 'bob', 'carol', 'dave'].map(makeQuantumPerson)) as [Person, Person, Person, Person]
  const first: Seat = { person: alice, group: await createGroup(alice) }
  const seats = [first, ...await addAll(first, [], [bob, carol])] as [Seat, Seat, Seat]
  const agree = (all: readonly Seat[]): void => {
    for (const { group } of all) deepEqual(group.epochAuthenticator, first.group.epochAuthenticator)
  }
  agree(seats)
  await commitAll(seats[1], [seats[0], seats[2]])
  const update = await seats[2].group.proposeUpdate()
  for (const seat of [seats[0], seats[1]]) await seat.group.process(update)
  await commitAll(seats[0], [seats[1], seats[2]])
  agree(seats)
  equal(await readText(seats[2].group, await seats[1].group.protect(utf8('after the quantum computer'))), 'after the quantum computer')
  await commitAll(seats[0], [seats[1]], { proposals: [makeRemove(seats[2].group.ownLeaf)] })
  const groupInfo = await seats[1].group.groupInfo({ withTree: true, withExternalPub: true })
  const { group, commit } = await Group.joinExternal({ config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf })
  for (const seat of [seats[0], seats[1]]) seat.group.merge(await stagedBy(seat.group, commit))
  agree([seats[0], seats[1], { person: dave, group }])
  const store = new RowStore()
  store.save(group)
  equal(await readText(store.restore(dave), await seats[0].group.protect(utf8('welcome back'))), 'welcome back')
})

test('a client that does not list the experimental suite is not added', async () => {
  const alice = await makeQuantumPerson('alice')
  const group = await createGroup(alice)
  const bob = await makeQuantumPerson('bob')
  const classicBob = { ...bob, leaf: { ...bob.leaf, capabilities: makeCapabilities(bob.random) } }
  await rejects(keyPackageOf(classicBob), { code: 'mls.leaf.unsupported_version_or_suite' })
  const classic = await forgeKeyPackage(classicBob)
  await rejects(group.commit({ proposals: [makeAdd(classic.keyPackage)] }), { code: 'mls.leaf.unsupported_version_or_suite' })
  present(group.context, 'nothing was changed')
  equal(group.pendingCommit, undefined)
})
