/**
 * mls-validation.md B7: Welcomes and the GroupInfo inside, forged so that only the check under test can refuse.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { encode, present, Secret, utf8 } from '@famichat/base'
import { type Extension, ExtensionType, Group, type KeyPackageBundle, makeAdd, makeCapabilities, makeExternalPsk, makeResumptionPsk, PSKType, ResumptionPSKUsage } from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import type { GroupSecrets } from '../../dist/wire/group-info.js'
import { RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { decodeMessage, encodeMessage } from '../../dist/wire/message.js'
import { NodeType, WireFormat } from '../../dist/wire/registries.js'
import { aliceAndBob, commitAll, createGroup, groupOf, keyPackageOf, makePerson, type Person, type Seat } from '../builders.js'
import { agree, honestMessagePasses } from './assertions.js'
import { flatNodes, forgeWelcome, joinWith, type WelcomePlan } from './forge-join.js'
import { forgeKeyPackage, forgeLeaf } from './forge-leaf.js'
import { joinRefused, lure, type Lure } from './lure.js'

const ZERO = toLeafIndex(0)
const empty = (extensionType: number): Extension => ({ extensionType, extensionData: new Uint8Array(0) })

/** An honest Welcome of a real group for Carol, and the group. */
const invited = async (seed = 1): Promise<{ alice: Seat; bob: Seat; carol: Person; bundle: KeyPackageBundle; welcome: Uint8Array; settle: () => void }> => {
  const { alice, bob } = await aliceAndBob({ seed })
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol)
  const { welcome, staged } = await alice.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
  return { alice, bob, carol, bundle, welcome: present(welcome, 'there are newcomers'), settle: () => { alice.group.merge(staged) } }
}

const partsOf = (message: Uint8Array): Extract<ReturnType<typeof decodeMessage>, { wireFormat: 3 }>['welcome'] => {
  const decoded = decodeMessage(message)
  if (decoded.wireFormat !== WireFormat.welcome) throw new TypeError('a Welcome is expected')
  return decoded.welcome
}

test('W01 refuses a Welcome that holds no secret for this KeyPackage (join)', async () => {
  const { carol, welcome, bundle } = await invited()
  await rejects(joinWith(carol, welcome, await keyPackageOf(carol)), { code: 'mls.welcome.not_for_me' })
  await rejects(Group.join({ config: carol.config, signer: carol.signer, welcome, keyPackages: [] }), { code: 'mls.welcome.not_for_me' })
  const { message } = bundle
  await rejects(joinWith(carol, message, bundle), { code: 'mls.message.unexpected_kind' })
  await joinWith(carol, welcome, bundle)
})

test('W02 refuses two entries for one KeyPackage (join)', async () => {
  await joinRefused({ welcome: (welcome) => ({ ...welcome, secrets: [...welcome.secrets, ...welcome.secrets] }) }, 'mls.welcome.repeated_entry')
})

test('W03 refuses group secrets that were tampered with, or belong to another Welcome (join)', async () => {
  const at = await invited()
  const welcome = partsOf(at.welcome)
  const [entry] = welcome.secrets
  if (entry === undefined) throw new TypeError('a Welcome has an entry')
  const { encryptedGroupSecrets: { kemOutput, ciphertext } } = entry
  const flip = (bytes: Uint8Array): Uint8Array => bytes.map((byte, index) => (index === 3 ? byte ^ 1 : byte))
  const other = partsOf((await invited(2)).welcome)
  const variants = [
    { ...welcome, secrets: [{ ...entry, encryptedGroupSecrets: { kemOutput: flip(kemOutput), ciphertext } }] },
    { ...welcome, secrets: [{ ...entry, encryptedGroupSecrets: { kemOutput, ciphertext: flip(ciphertext) } }] },
    { ...welcome, secrets: [{ ...entry, encryptedGroupSecrets: { kemOutput: kemOutput.subarray(1), ciphertext } }] },
    { ...welcome, encryptedGroupInfo: flip(welcome.encryptedGroupInfo) },
    { ...welcome, encryptedGroupInfo: other.encryptedGroupInfo },
  ]
  for (const variant of variants) {
    const message = encodeMessage({ wireFormat: WireFormat.welcome, welcome: variant })
    await rejects(joinWith(at.carol, message, at.bundle), { code: 'mls.welcome.undecryptable' })
  }
  await joinWith(at.carol, at.welcome, at.bundle)
})

test('W03 refuses a GroupInfo under another joiner_secret (join)', async () => {
  await joinRefused({ secrets: (secrets) => ({ ...secrets, joinerSecret: new Secret(new Uint8Array(32).fill(1)) }) }, 'mls.welcome.undecryptable')
})

test('W04 refuses a Welcome with a PSK that is not held (join)', async () => {
  const { suite } = await makePerson('bob')
  const unknown = [makeExternalPsk(suite, utf8('unheard of')), makeResumptionPsk(suite, utf8('some group'), 3n)]
  for (const proposal of unknown) {
    if (proposal.proposalType !== 4) throw new TypeError('a PSK is expected')
    await joinRefused({ psks: [{ id: proposal.psk, psk: new Secret(utf8('secret')) }] }, 'mls.psk.unknown')
  }
})

test('W04 refuses a Welcome with two reinit or branch PSKs (join)', async () => {
  const linking = (usage: ResumptionPSKUsage, epoch: bigint): GroupSecrets['psks'][number] =>
    ({ psktype: PSKType.resumption, usage, pskGroupId: utf8('old'), pskEpoch: epoch, pskNonce: new Uint8Array(32) })
  const pairs = [[ResumptionPSKUsage.branch, ResumptionPSKUsage.branch], [ResumptionPSKUsage.reinit, ResumptionPSKUsage.branch]] as const
  for (const [first, second] of pairs) {
    await joinRefused({ secrets: (secrets) => ({ ...secrets, psks: [linking(first, 1n), linking(second, 2n)] }) }, 'mls.psk.wrong_usage')
  }
})

test('W05 refuses a GroupInfo not signed by the leaf it names (join)', async () => {
  const { signer } = await makePerson('mallory')
  await joinRefused({ signer }, 'mls.group_info.bad_signature')
  await joinRefused({ signedGroupInfo: (info) => ({ ...info, signature: info.signature.slice().reverse() }) }, 'mls.group_info.bad_signature')
})

test('W05 refuses a GroupInfo whose signer is blank, outside of the tree, or a parent node\'s index (join)', async () => {
  const blank = (at: Lure): Partial<WelcomePlan> => ({ nodes: flatNodes(at.aliceLeaf, undefined, at.bundle.keyPackage.leafNode), signerLeaf: toLeafIndex(1) })
  await joinRefused(blank, 'mls.group_info.bad_signature')
  for (const leaf of [2, 3, 2 ** 31, 2 ** 32 - 1]) await joinRefused({ signerLeaf: toLeafIndex(leaf) }, 'mls.group_info.bad_signature')
})

test('W07 refuses a Welcome whose suite is not the one of the KeyPackage, of the group, or of this engine (join)', async () => {
  await joinRefused({ welcome: (welcome) => ({ ...welcome, cipherSuite: 1 }) }, 'mls.welcome.wrong_suite')
  await joinRefused({ context: (context) => ({ ...context, cipherSuite: 1 }) }, 'mls.welcome.wrong_suite')
  await joinRefused({ welcome: (welcome) => ({ ...welcome, cipherSuite: 0x7777 }) }, 'mls.crypto.unsupported_suite')
})

test('W08 refuses a tree whose hash is not the one of the group (join)', async () => {
  await joinRefused({ context: (context) => ({ ...context, treeHash: new Uint8Array(32).fill(1) }) }, 'mls.tree.bad_hash')
  await joinRefused({ context: (context) => ({ ...context, treeHash: context.treeHash.subarray(1) }) }, 'mls.tree.bad_hash')
})

test('W10 refuses a tree with any invalid leaf (join)', async () => {
  await joinRefused(async (at) => {
    const { leafNode } = await forgeLeaf(await makePerson('impostor'))
    return { nodes: flatNodes(at.aliceLeaf, at.bundle.keyPackage.leafNode, leafNode) }
  }, 'mls.leaf.credential_rejected')
})

test('W14 refuses a tree without this member\'s leaf, or with a changed one (join)', async () => {
  await joinRefused((at) => ({ nodes: flatNodes(at.aliceLeaf) }), 'mls.welcome.not_in_tree')
  await joinRefused(async ({ aliceLeaf, bob, bundle }) => {
    const { encryptionKey } = bundle.keyPackage.leafNode
    const { leafNode } = await forgeLeaf(bob, { leaf: (leaf) => ({ ...leaf, encryptionKey, extensions: [], capabilities: makeCapabilities(() => new Uint8Array(1), { extensions: [0xf0f0] }) }) })
    return { nodes: flatNodes(aliceLeaf, leafNode) }
  }, 'mls.welcome.not_in_tree')
})

test('W15 refuses a path secret that does not lead to the keys of the tree (join)', async () => {
  // the parent is blank: no path secret can belong to it
  await joinRefused(({ bob }) => ({ pathSecret: new Secret(bob.suite.random(32)) }), 'mls.welcome.bad_path_secret')
  await joinRefused({ pathSecret: new Secret(new Uint8Array(16)) }, 'mls.welcome.bad_path_secret')
})

test('W15 refuses a path secret from the own leaf, another one than the committer used, and none where the tree needs one (join)', async () => {
  const at = await lure()
  const own = { ...at.honest, signer: at.bob.signer, signerLeaf: toLeafIndex(1), pathSecret: new Secret(at.bob.suite.random(32)) }
  await rejects(forgeWelcome(at.bob, at.bundle, own).then((welcome) => joinWith(at.bob, welcome, at.bundle)), { code: 'mls.welcome.bad_path_secret' })
  // a real tree with keys on the way up, and a path secret that is not theirs
  const seats = await groupOf(3)
  const [alice] = seats as [Seat]
  const dave = await makePerson('dave')
  const bundle = await keyPackageOf(dave)
  const { staged, welcome } = await alice.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
  const next = staged.next?.epoch
  if (next === undefined) throw new TypeError('the commit has a next epoch')
  const nodes = next.tree.toNodes()
  const plan: WelcomePlan = { signer: alice.person.signer, signerLeaf: ZERO, nodes, context: (context) => ({ ...context, groupId: next.context.groupId }) }
  const wrong = await forgeWelcome(dave, bundle, { ...plan, pathSecret: new Secret(dave.suite.random(32)) })
  await rejects(joinWith(dave, wrong, bundle), { code: 'mls.welcome.bad_path_secret' })
  // the same tree, and none: later commits would be sealed to keys this member does not have
  await rejects(joinWith(dave, await forgeWelcome(dave, bundle, plan), bundle), { code: 'mls.welcome.bad_path_secret' })
  await joinWith(dave, present(welcome, 'there is a newcomer'), bundle)
})

test('W16 refuses a wrong confirmation tag (join)', async () => {
  await joinRefused({ confirmationTag: (tag) => tag.map((byte, index) => (index === 0 ? byte ^ 1 : byte)) }, 'mls.group_info.bad_confirmation_tag')
  await joinRefused({ confirmationTag: () => new Uint8Array(0) }, 'mls.group_info.bad_confirmation_tag')
})

test('W20 refuses a group with an extension this member does not support (join)', async () => {
  await joinRefused({ context: (context) => ({ ...context, extensions: [empty(0xf0f0)] }) }, 'mls.extension.unsupported')
})

test('W20 refuses required_capabilities and external_senders that are malformed (join)', async () => {
  const malformed = (extensionType: number): Partial<WelcomePlan> => ({ context: (context) => ({ ...context, extensions: [{ extensionType, extensionData: Uint8Array.of(9) }] }) })
  await joinRefused(malformed(ExtensionType.requiredCapabilities), 'base.codec.truncated')
  await joinRefused(malformed(ExtensionType.externalSenders), 'base.codec.truncated')
})

test('W21 refuses two trees that disagree, and a Welcome without any (join)', async () => {
  const at = await lure()
  const tree = encode(RatchetTreeNodes, at.honest.nodes)
  const inside = await forgeWelcome(at.bob, at.bundle, at.honest)
  const outside = await forgeWelcome(at.bob, at.bundle, { ...at.honest, withTree: false })
  await rejects(joinWith(at.bob, inside, at.bundle, encode(RatchetTreeNodes, flatNodes(at.aliceLeaf))), { code: 'mls.welcome.tree_disagrees' })
  await rejects(joinWith(at.bob, outside, at.bundle), { code: 'mls.welcome.no_tree' })
  await rejects(joinWith(at.bob, outside, at.bundle, encode(RatchetTreeNodes, flatNodes(at.aliceLeaf, undefined, at.bundle.keyPackage.leafNode))), { code: 'mls.tree.bad_hash' })
  await joinWith(at.bob, outside, at.bundle, tree)
  await joinWith(at.bob, inside, at.bundle, tree)
})

test('W22 refuses a tree with trailing blanks, an even number of nodes, or none (join)', async () => {
  await joinRefused((at) => ({ nodes: [...at.honest.nodes, undefined, undefined] }), 'mls.tree.malformed')
  await joinRefused((at) => ({ nodes: [...at.honest.nodes, undefined] }), 'mls.tree.malformed')
  await joinRefused({ nodes: [] }, 'mls.tree.malformed')
  // the last node is a parent: its leaf was cut off
  await joinRefused((at) => ({ nodes: [...at.honest.nodes, { nodeType: NodeType.parent, parentNode: { encryptionKey: new Uint8Array(32).fill(9), parentHash: new Uint8Array(0), unmergedLeaves: [] } }] }), 'mls.tree.malformed')
})

test('W23 tells who signed the GroupInfo: whoever added this member (join)', async () => {
  const at = await invited()
  at.settle()
  const { group, ...rest } = await joinWith(at.carol, at.welcome, at.bundle)
  deepEqual(rest.keyPackage.ref, at.bundle.ref)
  deepEqual(group.member(ZERO)?.signatureKey, at.alice.person.signer.publicKey)
  agree(at.alice, { person: at.carol, group })
})

test('W24 joins a forged group with an old group\'s id as a group of its own, in no epoch of the old one (join)', async () => {
  const { alice, bob } = await aliceAndBob()
  const bundle = await keyPackageOf(bob.person)
  const mallory = await makePerson('mallory')
  const { leafNode } = await forgeLeaf(mallory)
  const welcome = await forgeWelcome(bob.person, bundle, {
    signer: mallory.signer, signerLeaf: ZERO, nodes: flatNodes(leafNode, bundle.keyPackage.leafNode), context: (context) => ({ ...context, groupId: bob.group.groupId }),
  })
  const { group } = await joinWith(bob.person, welcome, bundle)
  equal(group.epochAuthenticator.join() === bob.group.epochAuthenticator.join(), false)
  await honestMessagePasses(alice, bob)
})

test('W25 leaves the KeyPackage usable when a join fails, and copies its keys when it succeeds (join)', async () => {
  const { carol, bundle, welcome } = await invited()
  const broken = welcome.map((byte, index) => (index === welcome.length - 1 ? byte ^ 1 : byte))
  await rejects(joinWith(carol, broken, bundle), { code: 'mls.welcome.undecryptable' })
  const { group } = await joinWith(carol, welcome, bundle)
  bundle.initPrivateKey.wipe()
  bundle.encryptionPrivateKey.wipe()
  await group.commit()
})

test('W26 says that a KeyPackage of last resort was used, and lets it be used again (join)', async () => {
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol, { isLastResort: true })
  for (const name of ['alice', 'bob']) {
    const person = await makePerson(name)
    const seat = { person, group: await createGroup(person) }
    const { welcome, staged } = await seat.group.commit({ proposals: [makeAdd(bundle.keyPackage)] })
    seat.group.merge(staged)
    const { group, keyPackage } = await joinWith(carol, present(welcome, 'there are newcomers'), bundle)
    equal(keyPackage.isLastResort, true)
    await commitAll({ person: carol, group }, [seat])
  }
})

test('W26 finds the KeyPackage the Welcome names among many (join)', async () => {
  const { carol, bundle, welcome } = await invited()
  const others = await Promise.all([1, 2, 3].map(() => forgeKeyPackage(carol)))
  const { keyPackage } = await Group.join({ config: carol.config, signer: carol.signer, welcome, keyPackages: [...others, bundle] })
  equal(keyPackage, bundle)
})
