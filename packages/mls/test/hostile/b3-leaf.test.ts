/**
 * mls-validation.md B3: leaf nodes and KeyPackages. One table of bad leaves, tried on every path on which a leaf comes in:
 * an Add and an Update and a path that are received, an Add that is committed, and the tree of a Welcome.
 */
import { rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '@famichat/base'
import {
  type Extension, ExtensionType, limits, makeAdd, makeBasicCredential, makeCapabilities, type Proposal,
} from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { makeExtension, RequiredCapabilities } from '../../dist/wire/extension.js'
import type { LeafNode, LeafPosition, UnsignedLeafNode } from '../../dist/wire/leaf-node.js'
import { LeafNodeSource } from '../../dist/wire/registries.js'
import { groupOf, keyPackageOf, makePerson, type Person, type Seat, stagedBy } from '../builders.js'
import { agree, type Code, honestCommitPasses, refuses, refusesMessage } from './assertions.js'
import { forgeProposal, forgeUpdate, insiderOf } from './forge.js'
import { forgeCommit } from './forge-commit.js'
import { flatNodes, forgeWelcome, joinWith } from './forge-join.js'
import { type Change, forgeKeyPackage, forgeLeaf, type LeafPlan, lifetimeOf, secondsOf } from './forge-leaf.js'

const ZERO = toLeafIndex(0)
const capabilities = makeCapabilities(() => new Uint8Array(1))
/** What the honest members of these groups support. */
const able = { ...makeCapabilities(() => new Uint8Array(1), { extensions: [0xf0f0], proposals: [0xf0f1] }), credentials: [1, 2, 0xf0f2] }
const flipped = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 5 ? byte ^ 1 : byte))
const required = (extensionTypes: readonly number[], proposalTypes: readonly number[] = [], credentialTypes: readonly number[] = []): Extension =>
  makeExtension(ExtensionType.requiredCapabilities, RequiredCapabilities, { extensionTypes, proposalTypes, credentialTypes })

interface BadLeaf {
  readonly id: string
  readonly what: string
  readonly code: Code
  readonly leaf?: (honest: UnsignedLeafNode, person: Person) => UnsignedLeafNode
  readonly signed?: Change<LeafNode>
  readonly position?: Partial<LeafPosition>
  /** GroupContext extensions of the group the leaf comes into; its honest members support them. */
  readonly extensions?: readonly Extension[]
  /** The census of a whole tree says it with another code (join). */
  readonly joinCode?: Code
  /** Paths on which it cannot be tried. */
  readonly without?: readonly ('add' | 'update' | 'path' | 'join')[]
}

const anything = { extensionType: 0xf0f0, extensionData: new Uint8Array(0) }

const BAD_LEAVES: readonly BadLeaf[] = [
  { id: 'L01', what: 'a leaf whose signature does not verify', code: 'mls.leaf.bad_signature', signed: (leaf) => ({ ...leaf, signature: flipped(leaf.signature) }) },
  {
    id: 'L01', what: 'a leaf changed after it was signed', code: 'mls.leaf.bad_signature',
    signed: (leaf) => ({ ...leaf, capabilities: { ...leaf.capabilities, extensions: [...leaf.capabilities.extensions, 0xf0f9] } }),
  },
  {
    id: 'L02', what: 'a leaf signed for another group', code: 'mls.leaf.bad_signature',
    position: { groupId: utf8('elsewhere') }, without: ['add', 'join'],
  },
  {
    id: 'L02', what: 'a leaf signed for another leaf index', code: 'mls.leaf.bad_signature',
    position: { leafIndex: toLeafIndex(1) }, without: ['add', 'join'],
  },
  {
    id: 'L03', what: 'a leaf whose credential the application rejects', code: 'mls.leaf.credential_rejected',
    leaf: (leaf) => ({ ...leaf, credential: makeBasicCredential(utf8('impostor')) }),
  },
  {
    id: 'L04', what: 'a leaf that lacks a required extension type', code: 'mls.leaf.lacks_required_capability', joinCode: 'mls.proposal.required_unsupported', extensions: [required([0xf0f0])],
    leaf: (leaf) => ({ ...leaf, capabilities: { ...capabilities, proposals: [0xf0f1], credentials: [1, 2, 0xf0f2] } }),
  },
  {
    id: 'L04', what: 'a leaf that lacks a required proposal type', code: 'mls.leaf.lacks_required_capability', joinCode: 'mls.proposal.required_unsupported', extensions: [required([], [0xf0f1])],
    leaf: (leaf) => ({ ...leaf, capabilities: { ...capabilities, extensions: [0xf0f0], credentials: [1, 2, 0xf0f2] } }),
  },
  {
    id: 'L04', what: 'a leaf that lacks a required credential type', code: 'mls.leaf.lacks_required_capability', joinCode: 'mls.proposal.required_unsupported', extensions: [required([], [], [0xf0f2])],
    leaf: (leaf) => ({ ...leaf, capabilities: { ...capabilities, extensions: [0xf0f0], proposals: [0xf0f1] } }),
  },
  {
    id: 'L05', what: 'a leaf whose credential type a member does not support', code: 'mls.leaf.credential_mismatch',
    leaf: (leaf) => ({ ...leaf, credential: { credentialType: 0xf0f3, content: utf8('odd') }, capabilities: { ...leaf.capabilities, credentials: [1, 2, 0xf0f3] } }),
  },
  {
    id: 'L06', what: 'a leaf that does not support a credential type in use', code: 'mls.leaf.credential_mismatch',
    leaf: (leaf) => ({ ...leaf, credential: { credentialType: 0xf0f2, content: utf8('odd') }, capabilities: { ...leaf.capabilities, credentials: [0xf0f2] } }),
  },
  {
    id: 'L07', what: 'a leaf whose own credential type is not in its capabilities', code: 'mls.leaf.own_credential_unsupported', joinCode: 'mls.leaf.credential_mismatch',
    leaf: (leaf) => ({ ...leaf, capabilities: { ...leaf.capabilities, credentials: [2] } }),
  },
  {
    id: 'L08', what: 'a leaf with an extension that is not in its capabilities', code: 'mls.leaf.extension_unsupported',
    leaf: (leaf) => ({ ...leaf, extensions: [{ extensionType: 0xf0f8, extensionData: utf8('x') }] }),
  },
  {
    id: 'L09', what: 'a leaf without the protocol version of the group', code: 'mls.leaf.unsupported_version_or_suite',
    leaf: (leaf) => ({ ...leaf, capabilities: { ...leaf.capabilities, versions: [0x0a0a] } }),
  },
  {
    id: 'L09', what: 'a leaf without the cipher suite of the group', code: 'mls.leaf.unsupported_version_or_suite',
    leaf: (leaf) => ({ ...leaf, capabilities: { ...leaf.capabilities, cipherSuites: [1, 2] } }),
  },
  {
    id: 'L10', what: 'a leaf that does not support an extension of the group', code: 'mls.leaf.lacks_group_extension', joinCode: 'mls.proposal.required_unsupported', extensions: [anything],
    leaf: (leaf) => ({ ...leaf, capabilities: { ...capabilities, extensions: [] } }),
  },
  {
    id: 'L11', what: 'a leaf that is not valid yet', code: 'mls.leaf.expired', without: ['update', 'path'],
    leaf: (leaf, person) => ({ ...leaf, source: { leafNodeSource: LeafNodeSource.keyPackage, lifetime: { notBefore: secondsOf(person) + 7200n, notAfter: secondsOf(person) + 86400n } } }),
  },
  {
    id: 'L11', what: 'a leaf that is not valid any more', code: 'mls.leaf.expired', without: ['update', 'path'],
    leaf: (leaf, person) => ({ ...leaf, source: { leafNodeSource: LeafNodeSource.keyPackage, lifetime: { notBefore: secondsOf(person) - 86400n, notAfter: secondsOf(person) - 7200n } } }),
  },
  {
    id: 'L12', what: 'a leaf that lives longer than the application accepts', code: 'mls.leaf.lifetime_too_long', without: ['update', 'path'],
    leaf: (leaf, person) => ({ ...leaf, source: { leafNodeSource: LeafNodeSource.keyPackage, lifetime: { notBefore: secondsOf(person), notAfter: secondsOf(person) + limits.maxLifetimeSeconds + 1n } } }),
  },
  {
    id: 'L13', what: 'a leaf of source "update" out of its place', code: 'mls.leaf.wrong_source', without: ['update', 'join'],
    leaf: (leaf) => ({ ...leaf, source: { leafNodeSource: LeafNodeSource.update } }),
  },
  {
    id: 'L13', what: 'a leaf of source "commit" out of its place', code: 'mls.leaf.wrong_source', without: ['path', 'join'],
    leaf: (leaf) => ({ ...leaf, source: { leafNodeSource: LeafNodeSource.commit, parentHash: new Uint8Array(32) } }),
  },
  {
    id: 'L13', what: 'a leaf of source "key_package" out of its place', code: 'mls.leaf.wrong_source', without: ['add', 'join'],
    leaf: (leaf, person) => ({ ...leaf, source: { leafNodeSource: LeafNodeSource.keyPackage, lifetime: lifetimeOf(person) } }),
  },
  {
    id: 'L25', what: 'a leaf whose signature key is not of the suite', code: 'mls.leaf.bad_signature',
    leaf: (leaf) => ({ ...leaf, signatureKey: Uint8Array.of(4, ...new Uint8Array(64).fill(7)) }),
  },
  {
    id: 'L26', what: 'a leaf that changes its identity to one that is no successor', code: 'mls.leaf.not_successor', without: ['add', 'join'],
    leaf: (leaf) => ({ ...leaf, credential: makeBasicCredential(utf8('somebody else')) }),
  },
  {
    id: 'D21', what: 'a leaf with two extensions of one type', code: 'mls.extension.duplicate',
    leaf: (leaf) => ({ ...leaf, extensions: [anything, anything], capabilities: { ...leaf.capabilities, extensions: [0xf0f0] } }),
  },
  {
    id: 'D24', what: 'a leaf with a ratchet_tree', code: 'mls.extension.misplaced',
    leaf: (leaf) => ({ ...leaf, extensions: [{ extensionType: ExtensionType.ratchetTree, extensionData: new Uint8Array(1) }] }),
  },
  {
    id: 'D27', what: 'a leaf whose encryption key has another length', code: 'mls.crypto.bad_public_key',
    leaf: (leaf) => ({ ...leaf, encryptionKey: leaf.encryptionKey.subarray(0, 31) }),
  },
  {
    id: 'D27', what: 'a leaf whose encryption key is of low order', code: 'mls.crypto.bad_public_key',
    leaf: (leaf) => ({ ...leaf, encryptionKey: new Uint8Array(32) }),
  },
]

/** Three members who support everything the table needs; the group has the bad leaf's extensions. */
const groupFor = async (bad: BadLeaf): Promise<[Seat, Seat, Seat]> => {
  return await groupOf(3, { leaf: { capabilities: able }, ...(bad.extensions ? { extensions: bad.extensions } : {}) }) as [Seat, Seat, Seat]
}

const planOf = (bad: BadLeaf, person: Person): LeafPlan => ({
  ...(bad.leaf ? { leaf: (leaf) => bad.leaf?.(leaf, person) ?? leaf } : {}),
  ...(bad.signed ? { signed: bad.signed } : {}),
  ...(bad.position ? { position: bad.position } : {}),
})

/** The control where a bad proposal waits: a commit without it. */
const commitWithoutPending = async (sender: Seat, receiver: Seat): Promise<void> => {
  const { commit, staged } = await sender.group.commit({ withPending: false })
  receiver.group.merge(await stagedBy(receiver.group, commit))
  sender.group.merge(staged)
  agree(sender, receiver)
}

for (const bad of BAD_LEAVES) {
  const { id, what, code, joinCode = code, without = [] } = bad
  if (!without.includes('add')) {
    test(`${id} refuses to take ${what} from an Add (receive, own creation)`, async () => {
      const [alice, bob, carol] = await groupFor(bad)
      const dave = await makePerson('dave', { leaf: { capabilities: able } })
      const proposal = makeAdd((await forgeKeyPackage(dave, planOf(bad, dave))).keyPackage)
      await refuses(alice.group, () => alice.group.commit({ proposals: [proposal] }), code)
      await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [proposal] })).message, code)
      await honestCommitPasses(alice, bob, carol)
    })
  }
  if (!without.includes('update')) {
    test(`${id} refuses to take ${what} from an Update (receive, own creation)`, async () => {
      const [alice, bob, carol] = await groupFor(bad)
      const inside = insiderOf(carol)
      const plan = planOf(bad, carol.person)
      const proposal: Proposal = await forgeUpdate(inside, plan)
      const { message, reference } = await forgeProposal(inside, proposal)
      for (const { group } of [alice, bob]) await group.process(message)
      await refuses(alice.group, () => alice.group.commit(), code)
      const sent = { proposal, sender: inside.sender, reference }
      await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [sent] })).message, code)
      await commitWithoutPending(alice, bob)
    })
  }
  if (!without.includes('path')) {
    test(`${id} refuses to take ${what} from an UpdatePath (receive)`, async () => {
      const [alice, bob, carol] = await groupFor(bad)
      const { leaf, signed, position } = planOf(bad, alice.person)
      const { message } = await forgeCommit(insiderOf(alice), {
        ...(leaf ? { leaf } : {}), ...(signed ? { signedLeaf: signed } : {}), ...(position ? { position } : {}),
      })
      await refusesMessage(bob, message, code)
      await honestCommitPasses(alice, bob, carol)
    })
  }
  if (!without.includes('join')) {
    test(`${id} refuses to join a tree with ${what} (join)`, async () => {
          const [alice, bob, mallory] = await Promise.all(['alice', 'bob', 'mallory'].map((name) => makePerson(name, { leaf: { capabilities: able } }))) as [Person, Person, Person]
      const bundle = await keyPackageOf(bob)
      const { leafNode: signerLeaf } = await forgeLeaf(alice)
      const extensions = bad.extensions ?? []
      const { leafNode: badLeaf } = await forgeLeaf(mallory, planOf(bad, mallory))
      const { leafNode: goodLeaf } = await forgeLeaf(mallory)
      const lure = (third: LeafNode): Promise<Uint8Array> => forgeWelcome(bob, bundle, {
        signer: alice.signer, signerLeaf: ZERO, nodes: flatNodes(signerLeaf, bundle.keyPackage.leafNode, third),
        context: (context) => ({ ...context, extensions }),
      })
      await rejects(joinWith(bob, await lure(badLeaf), bundle), { code: joinCode })
      await joinWith(bob, await lure(goodLeaf), bundle)
    })
  }
}

test('L03 refuses to commit an own leaf that others would refuse (own creation)', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const own = { ...alice.person.leaf.capabilities }
  const requests: readonly (readonly [Code, NonNullable<Parameters<typeof alice.group.commit>[0]>['leaf']])[] = [
    ['mls.leaf.credential_rejected', { credential: makeBasicCredential(utf8('impostor')) }],
    ['mls.leaf.not_successor', { credential: makeBasicCredential(utf8('somebody else')) }],
    ['mls.leaf.own_credential_unsupported', { capabilities: { ...own, credentials: [2] } }],
    ['mls.leaf.unsupported_version_or_suite', { capabilities: { ...own, versions: [] } }],
    ['mls.leaf.extension_unsupported', { extensions: [{ extensionType: 0xf0f8, extensionData: utf8('x') }] }],
    ['mls.extension.duplicate', { extensions: [anything, anything], capabilities: { ...own, extensions: [0xf0f0] } }],
  ]
  for (const [code, leaf] of requests) {
    if (leaf !== undefined) await refuses(alice.group, () => alice.group.commit({ leaf }), code)
  }
  await honestCommitPasses(alice, bob, carol)
})
