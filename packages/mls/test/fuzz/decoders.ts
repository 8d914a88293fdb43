/**
 * Fuzzed decoders: every structure that comes from outside, or back from a store, is decoded from mutated bytes.
 * Oracles: one error family, what is accepted encodes to the same bytes, reads linear in the input.
 */
import { bytesKey, type Codec, decode, encode, equal, Reader, Secret } from '@famichat/base'
import { decodeKeyPackage, decodeKeyPackageBundle, encodeKeyPackageBundle, makeCipherSuite } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { inspectKeyPackage, inspectMessage } from '@famichat/mls/inspect'
import { RatchetTree } from '../../dist/tree/ratchet-tree.js'
import { Credential } from '../../dist/wire/credential.js'
import { Capabilities, ExternalPub, ExternalSenders, RequiredCapabilities } from '../../dist/wire/extension.js'
import { GroupContext, GroupInfo, GroupSecrets, Welcome } from '../../dist/wire/group-info.js'
import { KeyPackage } from '../../dist/wire/key-package.js'
import { LeafNode, Node, ParentNode, RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import {
  AuthenticatedContent, authDataOf, Content, decodeMessage, encodeMessage, FramedContent, PrivateMessage, PublicMessage, readPrivateContent, SenderData,
} from '../../dist/wire/message.js'
import { Commit, PreSharedKeyID, Proposal, UpdatePath } from '../../dist/wire/proposal.js'
import { type ContentType, WireFormat } from '../../dist/wire/registries.js'
import type { Dice } from './dice.js'
import { changeField } from './fields.js'
import { type Grammar, grammarOf, type Shape } from './grammar.js'
import { mutate } from './mutate.js'
import type { Samples } from './samples.js'
import { expectThat, type Outcome, outcomeOf, type Target } from './target.js'
import { decodeCounted } from './work.js'

/** Where an MLSMessage's body starts: after its version and wire format. */
const BODY_AT = 4
const BODIES: Readonly<Record<WireFormat, Codec<unknown>>> = {
  [WireFormat.publicMessage]: PublicMessage,
  [WireFormat.privateMessage]: PrivateMessage,
  [WireFormat.welcome]: Welcome,
  [WireFormat.groupInfo]: GroupInfo,
  [WireFormat.keyPackage]: KeyPackage,
}
/** Contents of extensions, looked for inside byte strings. */
const EXTENSION_CONTENTS: readonly Codec<unknown>[] = [RatchetTreeNodes, RequiredCapabilities, ExternalSenders, ExternalPub]

const wireFormatOf = (message: Uint8Array): WireFormat => decodeMessage(message).wireFormat

/** The grammar of an MLSMessage. */
export const messageGrammar = (message: Uint8Array): Grammar =>
  grammarOf(message, { codec: BODIES[wireFormatOf(message)], at: BODY_AT, inside: EXTENSION_CONTENTS })

/** The grammar of any structure, extensions' contents included. */
export const structureGrammar = (bytes: Uint8Array, codec: Codec<unknown>): Grammar => grammarOf(bytes, { codec, inside: EXTENSION_CONTENTS })

/** One input in this many is also decoded with a reader that counts. */
const COUNTED_ONE_IN = 16

/** Mutated bytes, or a mutated field encoded again. */
const inputFor = (dice: Dice, from: readonly Grammar[], { codec, at = 0 }: Shape): Uint8Array => {
  const sample = dice.pick(from)
  if (!dice.oneIn(6)) return mutate(dice, sample, from)
  const value = decode(codec, sample.bytes.slice(at))
  const changed = changeField(dice, value, decode(codec, dice.pick(from).bytes.slice(at)))
  try {
    const body = encode(codec, changed)
    const whole = new Uint8Array(at + body.length)
    whole.set(sample.bytes.subarray(0, at))
    whole.set(body, at)
    return whole
  } catch {
    // the changed value does not have the structure's type: TypeScript forbids what happened here
    return mutate(dice, sample, from)
  }
}

const decoderTarget = (name: string, weight: number, { codec, from, also }: {
  readonly codec: Codec<unknown>; readonly from: readonly Grammar[]; readonly also?: (value: unknown, input: Uint8Array) => void
}): Target => ({
  name: `decode ${name}`,
  weight,
  run: (dice) => {
    const input = inputFor(dice, from, { codec })
    const counted = dice.oneIn(COUNTED_ONE_IN)
    return outcomeOf(() => {
      const value = counted ? decodeCounted(codec, input) : decode(codec, input)
      expectThat(equal(encode(codec, value), input), 'encodes to other bytes than it was decoded from', input)
      also?.(value, input)
    }, input)
  },
})

const messageTarget = (name: keyof typeof WireFormat, weight: number, all: readonly Grammar[]): Target => {
  const codec = BODIES[WireFormat[name]]
  const from = all.filter(({ bytes }) => wireFormatOf(bytes) === WireFormat[name])
  return {
    name: `message ${name}`,
    weight,
    run: (dice) => {
      const input = inputFor(dice, from, { codec, at: BODY_AT })
      const outcome = outcomeOf(() => {
        const message = decodeMessage(input)
        expectThat(equal(encodeMessage(message), input), 'encodes to other bytes than it was decoded from', input)
      }, input)
      inspectedAlike(input, outcome)
      return outcome
    },
  }
}

/** The server's inspector refuses what the decoder refuses, with the same code, and tells the same header. */
const inspectedAlike = (input: Uint8Array, outcome: Outcome): void => {
  const inspected = outcomeOf(() => { inspectMessage(input) }, input)
  expectThat(inspected === outcome, `inspectMessage says ${inspected}, decodeMessage says ${outcome}`, input)
  if (outcome !== 'accepted') return
  const isKeyPackage = wireFormatOf(input) === WireFormat.keyPackage
  const keyPackage = outcomeOf(() => { inspectKeyPackage(input) }, input)
  expectThat(keyPackage !== 'accepted' || isKeyPackage, 'inspectKeyPackage takes what is not a KeyPackage', input)
  const taken = outcomeOf(() => { decodeKeyPackage(input) }, input)
  expectThat((taken === 'accepted') === isKeyPackage, `decodeKeyPackage says ${taken}`, input)
}

/** A decoded tree is built, and gives the same nodes back. */
const buildsTheSameTree = (value: unknown, input: Uint8Array): void => {
  const tree = RatchetTree.fromNodes(value as RatchetTreeNodes)
  expectThat(equal(encode(RatchetTreeNodes, tree.toNodes()), input), 'the tree built has other nodes than were decoded', input)
}

const privateContentTarget = (from: ReadonlyMap<ContentType, readonly Grammar[]>): Target => ({
  name: 'decode PrivateMessageContent',
  weight: 3,
  run: (dice) => {
    const type = dice.pick([...from.keys()])
    const samples = from.get(type) ?? []
    const input = mutate(dice, dice.pick(samples), samples)
    return outcomeOf(() => {
      const { content, auth, padding } = readPrivateContent(type, input)
      const again = [...encode(Content, content).subarray(1), ...encode(authDataOf(type), auth), ...padding]
      expectThat(equal(Uint8Array.from(again), input), 'encodes to other bytes than it was decoded from', input)
    }, input)
  },
})

const bundleTarget = (from: readonly Grammar[]): Target => {
  const suite = makeCipherSuite(1, nodeBackend, (length) => new Uint8Array(length))
  return {
    name: 'stored KeyPackage',
    weight: 3,
    run: (dice) => {
      const input = mutate(dice, dice.pick(from), from)
      return outcomeOf(() => {
        const bundle = decodeKeyPackageBundle(suite, new Secret(input.slice()))
        expectThat(equal(encodeKeyPackageBundle(bundle).expose(), input), 'encodes to other bytes than it was decoded from', input)
      }, input)
    },
  }
}

/** Distinct encodings of what the samples hold. */
class Found {
  readonly #byCodec = new Map<Codec<unknown>, Map<string, Uint8Array>>()

  add<T>(codec: Codec<T>, ...values: readonly T[]): void {
    const known = this.#byCodec.get(codec) ?? new Map<string, Uint8Array>()
    this.#byCodec.set(codec, known)
    for (const value of values) {
      const bytes = encode(codec, value)
      if (bytes.length > 0) known.set(bytesKey(bytes), bytes)
    }
  }

  grammars(codec: Codec<unknown>): readonly Grammar[] {
    return [...this.#byCodec.get(codec)?.values() ?? []].map((bytes) => structureGrammar(bytes, codec))
  }
}

const collectLeaf = (found: Found, leaf: LeafNode): void => {
  found.add(LeafNode, leaf)
  found.add(Capabilities, leaf.capabilities)
  found.add(Credential, leaf.credential)
}

const collectTree = (found: Found, bytes: Uint8Array): void => {
  const nodes = decode(RatchetTreeNodes, bytes)
  found.add(RatchetTreeNodes, nodes)
  for (const node of nodes.slice(0, 16)) {
    if (node === undefined) continue
    found.add(Node, node)
    if ('leafNode' in node) collectLeaf(found, node.leafNode)
    else found.add(ParentNode, node.parentNode)
  }
}

const collectMessage = (found: Found, bytes: Uint8Array): void => {
  const message = decodeMessage(bytes)
  if (message.wireFormat === WireFormat.groupInfo) {
    const { groupInfo } = message
    found.add(GroupInfo, groupInfo)
    found.add(GroupContext, groupInfo.groupContext)
    for (const { extensionType, extensionData } of groupInfo.extensions) {
      if (extensionType === 2) collectTree(found, extensionData)
      if (extensionType === 4) found.add(ExternalPub, decode(ExternalPub, extensionData))
    }
    for (const { extensionType, extensionData } of groupInfo.groupContext.extensions) {
      if (extensionType === 3) found.add(RequiredCapabilities, decode(RequiredCapabilities, extensionData))
      if (extensionType === 5) found.add(ExternalSenders, decode(ExternalSenders, extensionData))
    }
  }
  if (message.wireFormat !== WireFormat.publicMessage) return
  const { content, auth } = message.publicMessage
  found.add(FramedContent, content)
  found.add(AuthenticatedContent, { wireFormat: WireFormat.publicMessage, content, auth })
  if ('proposal' in content.content) {
    const { proposal } = content.content
    found.add(Proposal, proposal)
    if ('psk' in proposal) found.add(PreSharedKeyID, proposal.psk)
  }
  if (!('commit' in content.content)) return
  found.add(Commit, content.content.commit)
  if (content.content.commit.path !== undefined) found.add(UpdatePath, content.content.commit.path)
}

/** Structures with the weight their decoders get. */
const STRUCTURES: readonly (readonly [name: string, weight: number, codec: Codec<unknown>])[] = [
  ['LeafNode', 6, LeafNode], ['Node', 2, Node], ['ParentNode', 2, ParentNode], ['RatchetTreeNodes', 6, RatchetTreeNodes],
  ['Capabilities', 2, Capabilities], ['Credential', 2, Credential], ['GroupInfo', 6, GroupInfo], ['GroupContext', 3, GroupContext],
  ['GroupSecrets', 4, GroupSecrets], ['RequiredCapabilities', 2, RequiredCapabilities], ['ExternalSenders', 2, ExternalSenders],
  ['ExternalPub', 1, ExternalPub], ['FramedContent', 4, FramedContent], ['AuthenticatedContent', 3, AuthenticatedContent],
  ['Proposal', 6, Proposal], ['PreSharedKeyID', 2, PreSharedKeyID], ['Commit', 6, Commit], ['UpdatePath', 4, UpdatePath], ['SenderData', 1, SenderData],
]

/** All decoders, over these samples. */
export const decoderTargets = (samples: Samples): readonly Target[] => {
  const found = new Found()
  for (const message of samples.messages) collectMessage(found, message)
  for (const tree of samples.trees) collectTree(found, tree)
  for (const [codec, encoded] of [[GroupSecrets, samples.groupSecrets], [Commit, samples.commits], [Proposal, samples.proposals]] as const) {
    for (const bytes of encoded) found.add<unknown>(codec, decode<unknown>(codec, bytes))
  }
  found.add<unknown>(SenderData, decode(SenderData, Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 7, 1, 2, 3, 4)))

  const messages = samples.messages.map(messageGrammar)
  return [
    messageTarget('publicMessage', 14, messages),
    messageTarget('privateMessage', 8, messages),
    messageTarget('welcome', 8, messages),
    messageTarget('groupInfo', 8, messages),
    messageTarget('keyPackage', 8, messages),
    ...STRUCTURES.map(([name, weight, codec]) => {
      const also = codec === RatchetTreeNodes ? { also: buildsTheSameTree } : {}
      return decoderTarget(name, weight, { codec, from: found.grammars(codec), ...also })
    }),
    privateContentTarget(privateContents(found.grammars(AuthenticatedContent))),
    bundleTarget(samples.bundles.map((bytes) => grammarOf(bytes, { codec: storedBundle }))),
  ]
}

/** A stored KeyPackage as the fuzzer reads it: the KeyPackage, then two byte strings. */
const storedBundle: Codec<unknown> = {
  encodeInto: () => undefined,
  decodeFrom: (reader) => [KeyPackage.decodeFrom(reader), reader.vector(256), reader.vector(256)],
}

/** Contents of private messages by type: what follows the type in an AuthenticatedContent, and padding. */
const privateContents = (authenticated: readonly Grammar[]): ReadonlyMap<ContentType, readonly Grammar[]> => {
  const byType = new Map<ContentType, Grammar[]>()
  for (const { bytes } of authenticated) {
    const { content: { content }, auth } = AuthenticatedContent.decodeFrom(new Reader(bytes))
    const whole = Uint8Array.from([...encode(Content, content).subarray(1), ...encode(authDataOf(content.contentType), auth), 0, 0, 0, 0])
    const codec: Codec<unknown> = { encodeInto: () => undefined, decodeFrom: (reader) => [readAs(content.contentType)(reader), reader.bytes(4)] }
    const known = byType.get(content.contentType) ?? []
    byType.set(content.contentType, [...known, grammarOf(whole, { codec })])
  }
  return byType
}

const readAs = (type: ContentType) => (reader: Reader): unknown =>
  [type === 2 ? Proposal.decodeFrom(reader) : type === 3 ? Commit.decodeFrom(reader) : reader.vector(1 << 20), authDataOf(type).decodeFrom(reader)]
