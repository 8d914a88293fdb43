/**
 * mls-validation.md B1: decoders. Everything a peer can send is read strictly, in linear time, and nothing else gets through.
 */
import { deepEqual, equal, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { BaseError, type Codec, decode, encode, utf8 } from '@famichat/base'
import { type Extension, ExtensionType, limits, makeGroupContextExtensions } from '@famichat/mls'
import { Capabilities, Extensions, ExternalSenders, RequiredCapabilities } from '../../dist/wire/extension.js'
import { Credential } from '../../dist/wire/credential.js'
import { GroupSecrets } from '../../dist/wire/group-info.js'
import { LeafNode, ParentNode, RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { decodeMessage, FramedContent, PrivateMessage, Sender } from '../../dist/wire/message.js'
import { Commit, HPKECiphertext, PreSharedKeyID, Proposal, ProposalOrRef } from '../../dist/wire/proposal.js'
import { NodeType, WireFormat } from '../../dist/wire/registries.js'
import { aliceAndBob, groupOf, type Seat } from '../builders.js'
import { type Code, honestCommitPasses, honestMessagePasses, refuses, refusesMessage, refusesNow } from './assertions.js'
import { type Corpus, makeCorpus } from './corpus.js'
import { insiderOf } from './forge.js'
import { forgeCommit } from './forge-commit.js'
import { joinRefused } from './lure.js'

let made: Promise<Corpus> | undefined
const corpus = (): Promise<Corpus> => (made ??= makeCorpus())
const GROUP_ID_AT = 4
const u16 = (value: number): readonly number[] => [value >>> 8, value & 0xff]
const bytes = (...parts: readonly (number | Iterable<number>)[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'number' ? [part] : [...part])))
const empty = (extensionType: number): Extension => ({ extensionType, extensionData: new Uint8Array(0) })

/** A private message whose group id has this length prefix and content. */
const groupIdOf = (...prefixed: readonly number[]): Uint8Array => bytes(0, 1, 0, 2, prefixed, new Array<number>(64).fill(0))

test('D01 refuses lengths that are not in their shortest form (receive)', async () => {
  for (const prefix of [[0x40, 0x3f], [0x40, 0x00], [0x80, 0, 0, 1], [0x80, 0, 0x3f, 0xff], [0x80, 0, 0, 0x3f]]) {
    refusesNow(() => decodeMessage(groupIdOf(...prefix)), 'base.codec.length_not_minimal')
  }
  const { alice, bob } = await aliceAndBob()
  const honest = await alice.group.protect(utf8('hello'))
  const length = honest[GROUP_ID_AT] ?? 0
  const longer = bytes(honest.subarray(0, GROUP_ID_AT), 0x40, length, honest.subarray(GROUP_ID_AT + 1))
  await refusesMessage(bob, longer, 'base.codec.length_not_minimal')
  equal((await bob.group.process(honest)).kind, 'application')
})

test('D02 refuses the reserved length prefix (receive)', async () => {
  for (const first of [0xc0, 0xdf, 0xff]) refusesNow(() => decodeMessage(groupIdOf(first)), 'base.codec.length_reserved')
  const { alice, bob } = await aliceAndBob()
  const honest = await alice.group.protect(utf8('hello'))
  await refusesMessage(bob, bytes(honest.subarray(0, GROUP_ID_AT), 0xc9, honest.subarray(GROUP_ID_AT + 1)), 'base.codec.length_reserved')
  await honestMessagePasses(alice, bob)
})

test('D03 refuses a length that runs past the end, at every level of nesting (receive)', async () => {
  const { samples } = await corpus()
  for (const { codec, bytes: honest } of samples) {
    for (let at = 0; at < honest.length; at++) {
      // a prefix that claims more than there is: whatever it hits is refused, or is a value and not a length
      const changed = honest.slice()
      changed[at] = 0xbf
      try {
        deepEqual(encode(codec, decode(codec, changed)), changed)
      } catch (error) {
        ok(error instanceof BaseError, `byte ${at.toString()}`)
      }
    }
  }
  // the group id, an extension list, and an extension inside it claim too much
  refusesNow(() => decodeMessage(groupIdOf(0xbf, 0xff, 0xff, 0xff)), 'base.codec.too_long')
  refusesNow(() => decodeMessage(bytes(0, 1, 0, 2, 60, new Array<number>(20).fill(0))), 'base.codec.truncated')
  refusesNow(() => decode(Extensions, bytes(10, u16(1), 2, 0, 0)), 'base.codec.truncated')
  refusesNow(() => decode(Extensions, bytes(5, u16(1), 9, 0, 0, u16(2), 0)), 'base.codec.truncated')
})

test('D04 refuses every strict prefix of a valid structure (receive)', async () => {
  const { messages, samples } = await corpus()
  for (const message of messages.values()) {
    for (let length = 0; length < message.length; length++) refusesNow(() => decodeMessage(message.slice(0, length)), 'base.codec.truncated')
  }
  for (const { codec, bytes: honest } of samples) {
    for (let length = 0; length < honest.length; length++) throws(() => decode(codec, honest.slice(0, length)), { code: 'base.codec.truncated' })
  }
  const { alice, bob } = await aliceAndBob()
  const honest = await alice.group.protect(utf8('hello'))
  for (let length = 0; length < honest.length; length += 7) await refusesMessage(bob, honest.slice(0, length), 'base.codec.truncated')
  equal((await bob.group.process(honest)).kind, 'application')
})

test('D05 refuses bytes behind the outermost structure (receive, join)', async () => {
  const { messages } = await corpus()
  for (const message of messages.values()) {
    const body = decodeMessage(message)
    if (body.wireFormat !== WireFormat.publicMessage) refusesNow(() => decodeMessage(bytes(message, 0)), 'base.codec.trailing_bytes')
  }
  const { alice, bob } = await aliceAndBob()
  await refusesMessage(bob, bytes(await alice.group.protect(utf8('x')), 0), 'base.codec.trailing_bytes')
  await honestMessagePasses(alice, bob)
})

test('D06 refuses bytes behind a structure inside opaque data (receive, own creation, join)', async () => {
  const required = (extra: readonly number[]): Extension => ({ extensionType: ExtensionType.requiredCapabilities, extensionData: bytes(0, 0, 0, extra) })
  const senders = (extra: readonly number[]): Extension => ({ extensionType: ExtensionType.externalSenders, extensionData: bytes(0, extra) })
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  for (const extension of [required([0]), senders([0])]) {
    const proposals = [makeGroupContextExtensions([extension])]
    await refuses(alice.group, () => alice.group.commit({ proposals }), 'base.codec.trailing_bytes')
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'base.codec.trailing_bytes')
  }
  await honestCommitPasses(alice, bob, carol)
  await joinRefused({ treeBytes: (tree) => bytes(tree, 0) }, 'base.codec.trailing_bytes')
  await joinRefused({ context: (context) => ({ ...context, extensions: [required([0])] }) }, 'base.codec.trailing_bytes')
})

test('D07 refuses a vector whose last element crosses its end (receive)', () => {
  refusesNow(() => decode(Extensions, bytes(3, u16(1), 1, 7)), 'base.codec.truncated')
  refusesNow(() => decode(Extensions, bytes(4, u16(1), 0, 7)), 'base.codec.truncated')
  refusesNow(() => decode(Capabilities, bytes(3, 0, 1, 0, 0, 0, 0, 0)), 'base.codec.truncated')
  refusesNow(() => decode(ExternalSenders, bytes(3, 1, 9, 0, 1, 0)), 'base.codec.truncated')
})

test('D08 refuses a presence octet other than 0 and 1 (receive)', () => {
  for (const presence of [2, 0x40, 0xff]) {
    refusesNow(() => decode(Commit, bytes(0, presence)), 'base.codec.bad_presence')
    refusesNow(() => decode(RatchetTreeNodes, bytes(1, presence)), 'base.codec.bad_presence')
  }
  deepEqual(decode(Commit, bytes(0, 0)), { proposals: [], path: undefined })
})

test('D09 refuses another protocol version (receive)', async () => {
  const { messages } = await corpus()
  for (const message of messages.values()) {
    for (const version of [0, 2, 0x0a0a, 0xffff]) refusesNow(() => decodeMessage(bytes(u16(version), message.subarray(2))), 'base.codec.unknown_value')
  }
  const { alice, bob } = await aliceAndBob()
  await refusesMessage(bob, bytes(0, 2, (await alice.group.protect(utf8('x'))).subarray(2)), 'base.codec.unknown_value')
  await honestMessagePasses(alice, bob)
})

test('D10 refuses an unknown wire format (receive)', () => {
  for (const format of [0, 6, 0x0a0a, 0xffff]) refusesNow(() => decodeMessage(bytes(0, 1, u16(format), 0)), 'base.codec.unknown_value')
})

test('D11 refuses an unknown content type (receive)', () => {
  for (const type of [0, 4, 255]) {
    refusesNow(() => decode(PrivateMessage, bytes(1, 7, new Array<number>(8).fill(0), type, 0, 1, 1, 1, 1)), 'base.codec.unknown_value')
    refusesNow(() => decode(FramedContent, bytes(1, 7, new Array<number>(8).fill(0), 1, 0, 0, 0, 0, 0, type, 0)), 'base.codec.unknown_value')
  }
})

test('D12 refuses an unknown sender type (receive)', () => {
  for (const type of [0, 5, 255]) refusesNow(() => decode(Sender, bytes(type, 0, 0, 0, 0)), 'base.codec.unknown_value')
})

test('D13 refuses unknown values of every closed registry (receive)', async () => {
  const { samples } = await corpus()
  const leaf = samples.find(({ name }) => name === 'LeafNode')?.bytes ?? new Uint8Array(0)
  const decoded = decode(LeafNode, leaf)
  const before = encode(Capabilities, decoded.capabilities).length + 33 + 33 + encode(Credential, decoded.credential).length
  for (const value of [0, 4, 255]) {
    refusesNow(() => decode(ProposalOrRef, bytes(value, 0, 3, 0, 0, 0, 0)), 'base.codec.unknown_value')
    refusesNow(() => decode(PreSharedKeyID, bytes(value, 0, 0)), 'base.codec.unknown_value')
    refusesNow(() => decode(PreSharedKeyID, bytes(2, value, 0, new Array<number>(8).fill(0), 0)), 'base.codec.unknown_value')
    refusesNow(() => decode(RatchetTreeNodes, bytes(2, 1, value)), 'base.codec.unknown_value')
    refusesNow(() => decode(LeafNode, bytes(leaf.subarray(0, before), value, leaf.subarray(before + 1))), 'base.codec.unknown_value')
  }
  for (const type of [0, 9, 0x0a0a, 0xffff]) refusesNow(() => decode(Proposal, bytes(u16(type), 0)), 'base.codec.unknown_value')
})

test('D14 refuses a leaf at an odd place and a parent at an even one (join)', async () => {
  const parentNode = { encryptionKey: new Uint8Array(32).fill(9), parentHash: new Uint8Array(0), unmergedLeaves: [] }
  await joinRefused(({ honest: { nodes } }) => ({ nodes: nodes.map((node, at) => (at === 1 ? nodes[0] : node)) }), 'mls.tree.malformed')
  await joinRefused(({ honest: { nodes } }) => ({ nodes: [{ nodeType: NodeType.parent, parentNode }, ...nodes.slice(1)] }), 'mls.tree.malformed')
})

test('D15 refuses an input above its cap, and allocates nothing for a length it only claims (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  await refusesMessage(bob, new Uint8Array(limits.maxMessageBytes + 1), 'mls.message.too_large')
  const caps: readonly (readonly [Codec<unknown>, Uint8Array, Code])[] = [
    [PreSharedKeyID, bytes(1, u16(0x4000 | (limits.maxIdentityBytes + 1)), new Uint8Array(limits.maxIdentityBytes + 2)), 'base.codec.too_long'],
    [Credential, bytes(0, 1, u16(0x4000 | (limits.maxIdentityBytes + 1)), new Uint8Array(limits.maxIdentityBytes + 1)), 'base.codec.too_long'],
    [HPKECiphertext, bytes(u16(0x4000 | (limits.maxKeyBytes + 1)), new Uint8Array(limits.maxKeyBytes + 1), 0), 'base.codec.too_long'],
  ]
  for (const [codec, input, code] of caps) refusesNow(() => decode(codec, input), code)
  // a gigabyte is claimed in nine bytes; were it allocated, ten thousand times would not pass in this test's time
  const memory = process.memoryUsage().rss
  for (let time = 0; time < 10_000; time++) refusesNow(() => decode(RatchetTreeNodes, bytes(0xbf, 0xff, 0xff, 0xff, 0)), 'base.codec.truncated')
  ok(process.memoryUsage().rss - memory < 200 * 2 ** 20)
  await honestMessagePasses(alice, bob)
})

test('D16 refuses more elements than allowed in every list (receive)', () => {
  const list = (count: number, element: readonly number[]): Uint8Array => {
    const content = new Array<readonly number[]>(count).fill(element).flat()
    const length = content.length < 64 ? [content.length] : content.length < 16384 ? u16(0x4000 | content.length) : [0x80 | (content.length >>> 24), content.length >>> 16, content.length >>> 8, content.length]
    return bytes(length.map((byte) => byte & 0xff), content)
  }
  const many: readonly (readonly [Codec<unknown>, Uint8Array])[] = [
    [Extensions, list(limits.maxExtensions + 1, [0xf0, 0xf0, 0])],
    [Capabilities, bytes(list(limits.maxCapabilities + 1, [0, 1]), 0, 0, 0, 0)],
    [RequiredCapabilities, bytes(list(limits.maxCapabilities + 1, [0, 1]), 0, 0)],
    [ExternalSenders, list(limits.maxExternalSenders + 1, [1, 7, 0, 1, 0])],
    [Credential, bytes(0, 2, list(limits.maxCertificates + 1, [1, 7]))],
    [Commit, bytes(list(limits.maxProposals + 1, [2, 1, 7]), 0)],
    [ParentNode, bytes(1, 7, 0, list(limits.maxLeaves + 1, [0, 0, 0, 0]))],
    [GroupSecrets, bytes(1, 7, 0, list(limits.maxPsks + 1, [1, 0, 0]))],
    [RatchetTreeNodes, list(2 * limits.maxLeaves + 1, [0])],
  ]
  for (const [codec, input] of many) refusesNow(() => decode(codec, input), 'base.codec.too_many')
})

test('D17 does not follow nesting that no structure has, however deep (receive)', () => {
  // no structure contains itself: a bomb is opaque to whoever reads it, and is read in one step
  let bomb = new Uint8Array(0)
  for (let depth = 0; depth < 60; depth++) bomb = Uint8Array.from([bomb.length, ...bomb])
  const [{ extensionData } = empty(0)] = decode(Extensions, bytes(bomb.length + 3, u16(0xf0f0), bomb.length, bomb))
  deepEqual(extensionData, bomb)
  refusesNow(() => decode(Proposal, bytes(0, 1, new Uint8Array(100_000).fill(0x41))), 'base.codec.unknown_value')
})
