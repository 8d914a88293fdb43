/**
 * mls-validation.md B1, second part: indexes and numbers at their limits, extensions, keys, and what may be said in an error.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { BaseError, type Codec, CodedError, decode, EMPTY, encode, isCodedError, present, Secret, utf8 } from '@famichat/base'
import { type Extension, ExtensionType, Group, type GroupPolicy, limits, makeAdd, makeCapabilities, makeGroupContextExtensions, makeRemove, MlsError } from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { KeyPackage } from '../../dist/wire/key-package.js'
import { LeafNode, Lifetime, RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { decodeMessage, encodeMessage, PrivateMessage } from '../../dist/wire/message.js'
import { HPKECiphertext, Proposal } from '../../dist/wire/proposal.js'
import { ContentType, WireFormat } from '../../dist/wire/registries.js'
import { aliceAndBob, groupOf, keyPackageOf, makePerson, type Seat, stagedBy } from '../builders.js'
import { honestCommitPasses, honestMessagePasses, refuses, refusesMessage, refusesNow } from './assertions.js'
import { type Corpus, makeCorpus } from './corpus.js'
import { forgeMessage, forgeProposal, insiderOf } from './forge.js'
import { forgeCommit } from './forge-commit.js'
import { forgeWelcome, joinWith } from './forge-join.js'
import { forgeKeyPackage } from './forge-leaf.js'
import { joinRefused, lure } from './lure.js'

let made: Promise<Corpus> | undefined
const corpus = (): Promise<Corpus> => (made ??= makeCorpus())
const bytes = (...parts: readonly (number | Iterable<number>)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part])))
const empty = (extensionType: number): Extension => ({ extensionType, extensionData: new Uint8Array(0) })

test('D18 refuses a ratchet tree with more nodes than the limit, in no more time than reading takes (join)', () => {
  const blanks = new Uint8Array(2 * limits.maxLeaves + 1)
  refusesNow(() => decode(RatchetTreeNodes, bytes(0x80, blanks.length >>> 16, blanks.length >>> 8 & 0xff, blanks.length & 0xff, blanks)), 'base.codec.too_many')
})

for (const index of [2 ** 24, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]) {
  test(`D18 D19 refuses leaf index ${index.toString()} wherever one stands (receive, own creation, join)`, async () => {
    const leafIndex = toLeafIndex(index)
    const [alice, bob, carol] = await groupOf(3, { policy: { acceptPublicHandshakes: true } }) as [Seat, Seat, Seat]
    await refuses(alice.group, () => alice.group.commit({ proposals: [makeRemove(leafIndex)] }), 'mls.proposal.unknown_leaf')
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [makeRemove(leafIndex)] })).message, 'mls.proposal.unknown_leaf')
    const content = { contentType: ContentType.application, applicationData: utf8('x') } as const
    await refusesMessage(bob, await forgeMessage(insiderOf(alice), content, { seal: { leafIndex } }), 'mls.message.unknown_sender')
    const sender = { senderType: 1, leafIndex } as const
    await refusesMessage(bob, (await forgeProposal(insiderOf(alice), makeRemove(leafIndex), {
      wireFormat: WireFormat.publicMessage, content: (honest) => ({ ...honest, sender }),
    })).message, 'mls.message.unknown_sender')
    equal(bob.group.member(leafIndex), undefined)
    await joinRefused({ signerLeaf: leafIndex }, 'mls.group_info.bad_signature')
    await honestCommitPasses(alice, bob, carol)
  })
}

test('D20 keeps 64-bit numbers whole, up to 2^64-1 (receive, join)', async () => {
  for (const value of [2n ** 53n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
    deepEqual(decode(Lifetime, encode(Lifetime, { notBefore: 0n, notAfter: value })), { notBefore: 0n, notAfter: value })
    const { alice, bob } = await aliceAndBob()
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { content: (honest) => ({ ...honest, epoch: value }) })).message, 'mls.message.wrong_epoch')
    await honestMessagePasses(alice, bob)
  }
  refusesNow(() => encode(Lifetime, { notBefore: -1n, notAfter: 2n ** 64n }), 'base.codec.out_of_range')
})

test('D20 takes a lifetime without end where policy sets no bound, and refuses it where it does (receive)', async () => {
  const endless = async (policy: Partial<GroupPolicy>): Promise<[Seat, Seat, Uint8Array]> => {
    const [alice, bob] = await groupOf(2, { policy }) as [Seat, Seat]
    const source = { leafNodeSource: 1, lifetime: { notBefore: 0n, notAfter: 2n ** 64n - 1n } } as const
    const { keyPackage } = await forgeKeyPackage(await makePerson('dave'), { leaf: (leaf) => ({ ...leaf, source }) })
    return [alice, bob, (await forgeCommit(insiderOf(alice), { proposals: [makeAdd(keyPackage)] })).message]
  }
  const [, lax, accepted] = await endless({ maxLifetimeSeconds: undefined })
  lax.group.discard(await stagedBy(lax.group, accepted))
  const [alice, strict, refused] = await endless({ checkLifetimes: false })
  await refusesMessage(strict, refused, 'mls.leaf.lifetime_too_long')
  await honestCommitPasses(alice, strict)
})

test('D20 joins a group whose epoch is above 2^53 (join)', async () => {
  const { honest, bob, bundle } = await lure()
  const { group } = await joinWith(bob, await forgeWelcome(bob, bundle, { ...honest, context: (context) => ({ ...context, epoch: 2n ** 63n + 1n }) }), bundle)
  equal(group.epoch, 2n ** 63n + 1n)
})

const twice = [empty(0xf0f0), empty(0xf0f0)]

test('D21 refuses two extensions of one type in a KeyPackage, a GroupContext and a GroupInfo (receive, own creation, join)', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const { keyPackage } = await forgeKeyPackage(await makePerson('dave'), { keyPackage: (unsigned) => ({ ...unsigned, extensions: twice }) })
  for (const proposals of [[makeAdd(keyPackage)], [makeGroupContextExtensions(twice)]]) {
    await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.extension.duplicate')
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.extension.duplicate')
  }
  await rejects(Group.create({ config: alice.person.config, signer: alice.person.signer, groupId: utf8('g'), leaf: alice.person.leaf, extensions: twice }), { code: 'mls.extension.duplicate' })
  await joinRefused({ context: (context) => ({ ...context, extensions: twice }) }, 'mls.extension.duplicate')
  await joinRefused({ extensions: twice }, 'mls.extension.duplicate')
  await honestCommitPasses(alice, bob, carol)
})

test('D22 keeps and ignores unknown extensions of leaves, KeyPackages and GroupInfos (receive, join)', async () => {
  const { alice, bob } = await aliceAndBob()
  const unknown = { extensionType: 0xf0f0, extensionData: utf8('anything') }
  const dave = await makePerson('dave', { leaf: { capabilities: makeCapabilities(() => new Uint8Array(1), { extensions: [0xf0f0] }), extensions: [unknown] } })
  const bundle = await forgeKeyPackage(dave, { keyPackage: (unsigned) => ({ ...unsigned, extensions: [unknown] }) })
  const { commit, welcome, staged } = await alice.group.commit({ proposals: [makeAdd(bundle.keyPackage)], groupInfoExtensions: [unknown] })
  bob.group.merge(await stagedBy(bob.group, commit))
  alice.group.merge(staged)
  const { group } = await joinWith(dave, present(welcome, 'there are newcomers'), bundle)
  deepEqual(group.member(group.ownLeaf)?.extensions, [unknown])
  deepEqual(bob.group.member(group.ownLeaf)?.extensions, [unknown])
})

test('D22 refuses to join a group with an unknown extension in its GroupContext (join)', async () => {
  await joinRefused({ context: (context) => ({ ...context, extensions: [empty(0xf0f0)] }) }, 'mls.extension.unsupported')
})

test('D23 accepts GREASE in every list, and refuses it where it would be in use (receive, own creation, join)', async () => {
  const grease = [0x0a0a, 0x5a5a, 0xeaea]
  const capabilities = { versions: [1, ...grease], cipherSuites: [3, ...grease], extensions: [...grease], proposals: [...grease], credentials: [1, ...grease] }
  const [alice, bob] = await groupOf(2, { leaf: { capabilities } }) as [Seat, Seat]
  const dave = await makePerson('dave', { leaf: { capabilities, extensions: [empty(0x5a5a)] } })
  const bundle = await forgeKeyPackage(dave, { keyPackage: (unsigned) => ({ ...unsigned, extensions: [empty(0x0a0a)] }) })
  const { welcome, staged, commit } = await alice.group.commit({ proposals: [makeAdd(bundle.keyPackage)], groupInfoExtensions: [empty(0xeaea)] })
  bob.group.merge(await stagedBy(bob.group, commit))
  alice.group.merge(staged)
  await joinWith(dave, present(welcome, 'there are newcomers'), bundle)
  // a GREASE value nobody lists is refused like any unknown type: it is nothing special
  const proposals = [makeGroupContextExtensions([empty(0x1a1a)])]
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.leaf.lacks_group_extension')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.leaf.lacks_group_extension')
  refusesNow(() => decode(Proposal, bytes(0x0a, 0x0a, 0)), 'base.codec.unknown_value')
})

test('D24 refuses an extension where it may not stand (receive, own creation, join)', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const withKeyPackageExtension = async (type: number): Promise<readonly ReturnType<typeof makeAdd>[]> =>
    [makeAdd((await forgeKeyPackage(await makePerson('dave'), { keyPackage: (unsigned) => ({ ...unsigned, extensions: [empty(type)] }) })).keyPackage)]
  const lists = [
    await withKeyPackageExtension(ExtensionType.externalSenders), await withKeyPackageExtension(ExtensionType.applicationId),
    [makeGroupContextExtensions([empty(ExtensionType.applicationId)])], [makeGroupContextExtensions([empty(ExtensionType.ratchetTree)])],
    [makeGroupContextExtensions([empty(ExtensionType.lastResort)])],
  ]
  for (const proposals of lists) {
    await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.extension.misplaced')
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.extension.misplaced')
  }
  await joinRefused({ extensions: [empty(ExtensionType.requiredCapabilities)] }, 'mls.extension.misplaced')
  await joinRefused({ context: (context) => ({ ...context, extensions: [empty(ExtensionType.externalPub)] }) }, 'mls.extension.misplaced')
  await honestCommitPasses(alice, bob, carol)
})

test('D25 tolerates default types in capabilities, and lists none of its own (receive, own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const own = alice.person.leaf.capabilities
  const capabilities = { ...own, extensions: [1, 2, 3, 4, 5, ...own.extensions], proposals: [1, 2, 3, 4, 5, 6, 7, ...own.proposals] }
  const dave = await makePerson('dave', { leaf: { capabilities } })
  const { commit, staged } = await alice.group.commit({ proposals: [makeAdd((await keyPackageOf(dave)).keyPackage)] })
  bob.group.merge(await stagedBy(bob.group, commit))
  alice.group.merge(staged)
  equal(own.extensions.some((type) => type <= 5) || own.proposals.some((type) => type <= 7), false)
})

test('D26 refuses empty keys, signatures, ciphertexts and KEM outputs (receive)', async () => {
  const { samples } = await corpus()
  const find = (name: string): Uint8Array => samples.find((sample) => sample.name === name)?.bytes ?? new Uint8Array(0)
  refusesNow(() => decode(HPKECiphertext, bytes(0, 1, 1)), 'base.codec.empty')
  refusesNow(() => decode(HPKECiphertext, bytes(1, 1, 0)), 'base.codec.empty')
  refusesNow(() => decode(PrivateMessage, bytes(0, new Array<number>(8).fill(0), 1, 0, 0, 1, 1)), 'base.codec.empty')
  refusesNow(() => decode(PrivateMessage, bytes(0, new Array<number>(8).fill(0), 1, 0, 1, 1, 0)), 'base.codec.empty')
  refusesNow(() => decode(Proposal, bytes(0, 6, 0)), 'base.codec.empty')
  refusesNow(() => decode(LeafNode, bytes(0, find('LeafNode').subarray(33))), 'base.codec.empty')
  const unsigned = find('KeyPackage')
  refusesNow(() => decode(KeyPackage, bytes(unsigned.subarray(0, -66), 0)), 'base.codec.empty')
})

test('D27 refuses public keys of another length, off the curve, or of low order, in every suite (receive)', async () => {
  for (const suiteId of [1, 2, 3, 4, 5, 6, 7]) {
    const { suite } = await makePerson('alice', { suiteId })
    const { kem } = suite.hpke
    const zero = new Uint8Array(kem.publicKeyLength)
    const one = zero.map((_, at) => (at === 0 ? 1 : 0))
    const noPoint = zero.map((_, at) => (at === 0 ? 4 : 9))
    const bad = suiteId === 2 || suiteId === 5 || suiteId === 7 ? [zero, noPoint, zero.map((_, at) => (at === 0 ? 4 : 255))] : [zero, one]
    for (const key of [...bad, zero.subarray(1), bytes(zero, 0)]) {
      equal(kem.isPublicKey(key), false)
      await rejects(suite.hpke.seal(key, suite.hpke.scheduleContext(utf8('info')), utf8('plaintext'), suite.random), { code: 'mls.crypto.bad_public_key' })
    }
    const { publicKey } = await kem.deriveKeyPair(new Secret(suite.random(suite.hashLength)))
    equal(kem.isPublicKey(publicKey), true)
  }
})

test('D27 knows every form of the low-order points of X25519 and X448', async () => {
  const { suite: x25519 } = await makePerson('alice', { suiteId: 1 })
  const order8 = '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157'
  const other8 = 'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'
  const p = `ed${'ff'.repeat(30)}7f`
  const forms = [order8, other8, p, `ec${p.slice(2)}`, `ee${p.slice(2)}`, `ed${'ff'.repeat(31)}`, `${'00'.repeat(31)}80`, `${order8.slice(0, 62)}d7`]
  for (const hex of forms) {
    const key = Uint8Array.from(Buffer.from(hex, 'hex'))
    equal(x25519.hpke.kem.isPublicKey(key), false, hex)
    await rejects(x25519.hpke.seal(key, x25519.hpke.scheduleContext(EMPTY), utf8('x'), x25519.random), { code: 'mls.crypto.bad_public_key' })
  }
  const { suite: x448 } = await makePerson('alice', { suiteId: 4 })
  const p448 = `${'ff'.repeat(28)}fe${'ff'.repeat(27)}`
  for (const hex of [p448, `fe${p448.slice(2)}`, `${'00'.repeat(28)}${'ff'.repeat(28)}`]) {
    const key = Uint8Array.from(Buffer.from(hex, 'hex'))
    equal(x448.hpke.kem.isPublicKey(key), false, hex)
    await rejects(x448.hpke.seal(key, x448.hpke.scheduleContext(EMPTY), utf8('x'), x448.random), { code: 'mls.crypto.bad_public_key' })
  }
})

test('D28 writes everything it accepts exactly as it was read (receive)', async () => {
  const { messages, samples } = await corpus()
  for (const message of messages.values()) deepEqual(encodeMessage(decodeMessage(message)), message)
  for (const { codec, bytes: honest } of samples) {
    deepEqual(encode(codec, decode(codec, honest)), honest)
    for (let at = 0; at < honest.length; at++) {
      for (const mask of [1, 0x80]) {
        const changed = honest.map((byte, index) => (index === at ? byte ^ mask : byte))
        const value = readOrRefuse(codec, changed)
        if (value !== undefined) deepEqual(encode(codec, value), changed)
      }
    }
  }
})

test('D29 refuses an unknown cipher suite in a KeyPackage, a Welcome and a GroupInfo (receive, own creation, join)', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const { keyPackage } = await forgeKeyPackage(await makePerson('dave'), { keyPackage: (unsigned) => ({ ...unsigned, cipherSuite: 0x7777 }) })
  const proposals = [makeAdd(keyPackage)]
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.key_package.wrong_version_or_suite')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.key_package.wrong_version_or_suite')
  const { config, signer, leaf } = alice.person
  await rejects(Group.create({ config, signer, leaf, groupId: utf8('g'), cipherSuite: 0x7777 }), { code: 'mls.crypto.unsupported_suite' })
  await joinRefused({ welcome: (welcome) => ({ ...welcome, cipherSuite: 0x7777 }) }, 'mls.crypto.unsupported_suite')
  await honestCommitPasses(alice, bob, carol)
})

test('D30 says in one error family what is wrong, and never repeats the input (receive)', async () => {
  const { messages } = await corpus()
  let refusals = 0
  for (const message of messages.values()) {
    for (let at = 0; at < message.length; at++) {
      try {
        decodeMessage(message.map((byte, index) => (index === at ? byte ^ 0xff : byte)))
      } catch (error) {
        ok(error instanceof CodedError && (error instanceof BaseError || error instanceof MlsError))
        ok(isCodedError(error) && Object.values(error.detail).every((value) => typeof value !== 'object'))
        ok(JSON.stringify(error).length < 200 && error.message.length < 120)
        refusals++
      }
    }
  }
  ok(refusals > 100)
})

const readOrRefuse = (codec: Codec<unknown>, input: Uint8Array): unknown => {
  try {
    return decode(codec, input)
  } catch (error) {
    if (error instanceof BaseError) return undefined
    throw error
  }
}
