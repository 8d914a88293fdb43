/**
 * mls-validation.md B5: external commits, as members receive them and as newcomers make them; proposals from outside.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '@famichat/base'
import {
  type Extension, ExtensionType, Group, type GroupPolicy, makeAdd, makeExternalPsk, makeGroupContextExtensions, makeReInit, makeRemove, type Proposal,
} from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { ExternalSenders, makeExtension } from '../../dist/wire/extension.js'
import { ContentType, SenderType, WireFormat } from '../../dist/wire/registries.js'
import { commitAll, groupOf, keyPackageOf, makePerson, type Person, type Seat, stagedBy } from '../builders.js'
import { agree, type Code, honestCommitPasses, refuses, refusesMessage } from './assertions.js'
import { forgeApplication, forgeMessage, type Forger, forgeProposal, forgeUpdate, insiderOf } from './forge.js'
import { type CommitPlan, forgeCommit } from './forge-commit.js'
import { flatNodes, forgeGroupInfo, type JoinPlan, type Outsider, outsiderOf } from './forge-join.js'
import { forgeLeaf } from './forge-leaf.js'

const POLICY: Partial<GroupPolicy> = { acceptExternalCommits: true, acceptNewMemberProposals: true, acceptPublicHandshakes: true }
const ZERO = toLeafIndex(0)
const BOB = toLeafIndex(1)

interface Scene {
  readonly alice: Seat
  readonly bob: Seat
  readonly dave: Person
  readonly outsider: Outsider
}

const scene = async (name = 'dave', policy = POLICY): Promise<Scene> => {
  const [alice, bob] = await groupOf(2, { policy }) as [Seat, Seat]
  const dave = name === 'bob' ? bob.person : await makePerson(name, { policy })
  return { alice, bob, dave, outsider: await outsiderOf(dave, await alice.group.groupInfo({ withTree: true, withExternalPub: true })) }
}

/** An external commit with everything right but what the plan changes. */
const external = async (outsider: Outsider, plan: CommitPlan = {}): Promise<Uint8Array> => (await forgeCommit(outsider, {
  wireFormat: WireFormat.publicMessage, proposals: [outsider.externalInit], initSecret: outsider.initSecret.clone(), ...plan,
})).message

/** Members refuse it; the honest newcomer gets in afterwards. */
const refused = async ({ alice, bob, dave, outsider }: Scene, plan: CommitPlan, code: Code): Promise<void> => {
  const message = await external(outsider, plan)
  for (const seat of [alice, bob]) await refusesMessage(seat, message, code)
  await honestJoinPasses(alice, bob, dave)
}

const honestJoinPasses = async (alice: Seat, bob: Seat, dave: Person): Promise<void> => {
  const isResync = dave === bob.person
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  const { group, commit } = await Group.joinExternal({
    config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf, ...(isResync ? { removes: BOB } : {}),
  })
  alice.group.merge(await stagedBy(alice.group, commit))
  agree(alice, { person: dave, group })
}

const otherInit = (outsider: Outsider): Proposal => ({ ...outsider.externalInit, kemOutput: outsider.kemOutput.slice().reverse() })

test('X01 refuses an external commit without ExternalInit (receive)', async () => {
  await refused(await scene(), { proposals: [] }, 'mls.external.not_exactly_one_init')
})

test('X02 refuses an external commit with two ExternalInits (receive)', async () => {
  const at = await scene()
  await refused(at, { proposals: [at.outsider.externalInit, otherInit(at.outsider)] }, 'mls.external.not_exactly_one_init')
})

test('X03 refuses an external commit that removes two members (receive)', async () => {
  const at = await scene()
  await refused(at, { proposals: [at.outsider.externalInit, makeRemove(ZERO), makeRemove(BOB)] }, 'mls.external.too_many_removes')
})

test('X04 refuses an external commit that removes another identity (receive, join)', async () => {
  const at = await scene()
  await refused(at, { proposals: [at.outsider.externalInit, makeRemove(BOB)] }, 'mls.leaf.not_successor')
  const { alice, dave } = await scene()
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  await rejects(Group.joinExternal({ config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf, removes: BOB }), { code: 'mls.leaf.not_successor' })
})

test('X04 refuses an external commit that removes nobody\'s leaf (receive, join)', async () => {
  const at = await scene()
  await refused(at, { proposals: [at.outsider.externalInit, makeRemove(toLeafIndex(7))] }, 'mls.proposal.unknown_leaf')
  const { alice, dave } = await scene()
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  const request = { config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf, removes: toLeafIndex(2 ** 31) }
  await rejects(Group.joinExternal(request), { code: 'mls.proposal.unknown_leaf' })
})

test('X05 refuses Add, Update, ReInit and GroupContextExtensions in an external commit (receive)', async () => {
  const { keyPackage } = await keyPackageOf(await makePerson('erin'))
  const { alice } = await scene()
  const proposals: readonly Proposal[] = [
    makeAdd(keyPackage), await forgeUpdate(insiderOf(alice)), makeGroupContextExtensions([]), makeReInit({ groupId: utf8('x'), cipherSuite: 3, extensions: [] }),
  ]
  for (const proposal of proposals) {
    const at = await scene()
    await refused(at, { proposals: [at.outsider.externalInit, proposal] }, 'mls.external.proposal_not_allowed')
  }
})

test('X06 refuses an external commit without a path (receive)', async () => {
  await refused(await scene(), { withPath: false }, 'mls.commit.path_missing')
})

test('X07 refuses proposals by reference in an external commit (receive)', async () => {
  const at = await scene()
  const { message, reference } = await forgeProposal(insiderOf(at.alice), makeRemove(BOB))
  await at.bob.group.process(message)
  const sent = { proposal: makeRemove(BOB), sender: insiderOf(at.alice).sender, reference }
  const init = { proposal: at.outsider.externalInit, sender: at.outsider.sender, reference: undefined }
  // Bob knows the proposal, Alice does not: both refuse
  await refused(at, { proposals: [init, sent] }, 'mls.external.by_reference')
})

test('X08 refuses an external commit not signed by its path leaf\'s key (receive)', async () => {
  const { signer } = await makePerson('erin')
  await refused(await scene(), { signer }, 'mls.message.bad_signature')
})

test('X09 refuses an external commit from any other sender type (receive)', async () => {
  const senders = [
    [{ senderType: SenderType.external, senderIndex: 0 }, 'mls.external.wrong_proposal'],
    [{ senderType: SenderType.newMemberProposal }, 'mls.external.wrong_proposal'],
  ] as const
  for (const [sender, code] of senders) await refused(await scene(), { content: (honest) => ({ ...honest, sender }) }, code)
  const { alice, bob, dave, outsider } = await scene()
  const asMember = { senderType: SenderType.member, leafIndex: ZERO }
  const message = await external({ ...outsider, sender: asMember }, {})
  await refusesMessage(bob, message, 'mls.message.bad_membership_tag')
  await honestJoinPasses(alice, bob, dave)
})

test('X10 refuses an external commit as PrivateMessage (receive)', async () => {
  const { alice, bob, dave, outsider } = await scene()
  // an outsider has no keys of the epoch; even with a traitor's keys it has no leaf to send from
  const traitor = insiderOf(alice).epoch
  const helped: Forger = { ...outsider, epoch: { ...outsider.epoch, secrets: traitor.secrets, secretTree: traitor.secretTree } }
  const { message } = await forgeCommit(helped, {
    proposals: [outsider.externalInit], initSecret: outsider.initSecret.clone(), seal: { leafIndex: toLeafIndex(2) },
  })
  await refusesMessage(bob, message, 'mls.message.unknown_sender')
  await honestJoinPasses(alice, bob, dave)
})

test('X11 refuses a newcomer with a member\'s keys who does not remove that member (receive, join)', async () => {
  const at = await scene('bob')
  await refused(at, {}, 'mls.leaf.duplicate_signature_key')
  const { alice, dave } = await scene('bob')
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  await rejects(Group.joinExternal({ config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf }), { code: 'mls.leaf.duplicate_signature_key' })
  const other = await scene()
  const taken = other.alice.group.member(ZERO)?.encryptionKey ?? new Uint8Array(0)
  await refused(other, { leaf: (leaf) => ({ ...leaf, encryptionKey: taken }) }, 'mls.commit.path_key_reused')
})

test('X12 refuses an external commit made from a GroupInfo of an epoch already left (receive)', async () => {
  const { alice, bob, dave, outsider } = await scene()
  const late = await external(outsider)
  await commitAll(alice, [bob])
  for (const seat of [alice, bob]) await refusesMessage(seat, late, 'mls.message.wrong_epoch')
  await honestJoinPasses(alice, bob, dave)
})

const badGroupInfo = async (plan: Partial<JoinPlan>, code: Code, ratchetTree?: Uint8Array): Promise<void> => {
  const [alice, bob, dave] = await Promise.all(['alice', 'bob', 'dave'].map((name) => makePerson(name))) as [Person, Person, Person]
  const { leafNode } = await forgeLeaf(alice)
  const { leafNode: second } = await forgeLeaf(bob)
  const honest: JoinPlan = { signer: alice.signer, signerLeaf: ZERO, nodes: flatNodes(leafNode, undefined, second) }
  const join = async (forged: JoinPlan): Promise<unknown> => Group.joinExternal({
    config: dave.config, signer: dave.signer, leaf: dave.leaf, groupInfo: await forgeGroupInfo(dave, forged), ...(ratchetTree ? { ratchetTree } : {}),
  })
  await rejects(join({ ...honest, ...plan }), { code })
  if (ratchetTree === undefined) await join(honest)
}

test('X13 refuses a GroupInfo without a valid signature of the signer it names (join)', async () => {
  const { signer } = await makePerson('erin')
  await badGroupInfo({ signer }, 'mls.group_info.bad_signature')
  await badGroupInfo({ signedGroupInfo: (info) => ({ ...info, signature: new Uint8Array(64) }) }, 'mls.group_info.bad_signature')
  for (const leaf of [1, 5, 2 ** 31, 2 ** 32 - 1]) await badGroupInfo({ signerLeaf: toLeafIndex(leaf) }, 'mls.group_info.bad_signature')
})

test('X13 refuses a GroupInfo whose tree hash is another, or that has no external_pub, or no tree (join)', async () => {
  await badGroupInfo({ context: (context) => ({ ...context, treeHash: new Uint8Array(32) }) }, 'mls.tree.bad_hash')
  await badGroupInfo({ groupInfo: (info) => ({ ...info, extensions: info.extensions.filter(({ extensionType }) => extensionType !== ExtensionType.externalPub) }) }, 'mls.external.no_external_pub')
  await badGroupInfo({ withTree: false }, 'mls.welcome.no_tree')
  await badGroupInfo({}, 'mls.welcome.tree_disagrees', Uint8Array.of(0))
})

test('X13 refuses a GroupInfo with misplaced, repeated or unsupported extensions, or of an unknown suite (join)', async () => {
  const twice: Extension = { extensionType: 0xf0f0, extensionData: new Uint8Array(0) }
  await badGroupInfo({ extensions: [twice, twice] }, 'mls.extension.duplicate')
  await badGroupInfo({ context: (context) => ({ ...context, extensions: [twice, twice] }) }, 'mls.extension.duplicate')
  await badGroupInfo({ context: (context) => ({ ...context, cipherSuite: 0x7777 }) }, 'mls.crypto.unsupported_suite')
  const { alice, dave } = await scene()
  await rejects(Group.joinExternal({ config: dave.config, signer: dave.signer, leaf: dave.leaf, groupInfo: await alice.group.protect(utf8('x')) }), { code: 'mls.message.unexpected_kind' })
})

test('X13 refuses to join externally with a leaf that others would refuse (join)', async () => {
  const { alice, bob, dave } = await scene('impostor')
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  await rejects(Group.joinExternal({ config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf }), { code: 'mls.leaf.credential_rejected' })
  await honestCommitPasses(alice, bob)
})

test('X14 refuses a malformed kem_output (receive)', async () => {
  for (const kemOutput of [new Uint8Array(31).fill(9), new Uint8Array(32), Uint8Array.of(1, ...new Uint8Array(31))]) {
    const at = await scene()
    await refused(at, { proposals: [{ ...at.outsider.externalInit, kemOutput }] }, 'mls.crypto.open_failed')
  }
  const at = await scene()
  // well formed, but not what the init_secret belongs to
  await refused(at, { proposals: [otherInit(at.outsider)] }, 'mls.commit.bad_confirmation_tag')
})

test('X15 refuses external commits where policy is off, and PSKs that are not held (receive)', async () => {
  const { alice, bob, outsider } = await scene('dave', { acceptPublicHandshakes: true })
  for (const seat of [alice, bob]) await refusesMessage(seat, await external(outsider), 'mls.external.not_allowed')
  await honestCommitPasses(alice, bob)
  const at = await scene()
  await refused(at, { proposals: [at.outsider.externalInit, makeExternalPsk(at.dave.suite, utf8('unheard of'))] }, 'mls.psk.unknown')
})

test('X16 asks the application before a device is replaced, and shows it who came and who went (receive)', async () => {
  const { alice, bob, outsider } = await scene('bob')
  const message = await external(outsider, { proposals: [outsider.externalInit, makeRemove(BOB)] })
  const staged = await stagedBy(alice.group, message)
  deepEqual([staged.isExternal, staged.removed, staged.committer], [true, [BOB], BOB])
  alice.group.discard(staged)
  await honestCommitPasses(bob, alice)
})

/** A group that lists Erin as external sender. */
const withSender = async (): Promise<{ alice: Seat; bob: Seat; erin: Person; sendAs: (index: number, person?: Person) => Forger }> => {
  const erin = await makePerson('erin')
  const senders = makeExtension(ExtensionType.externalSenders, ExternalSenders, [{ signatureKey: erin.signer.publicKey, credential: erin.leaf.credential }])
  const [alice, bob] = await groupOf(2, { policy: POLICY, extensions: [senders] }) as [Seat, Seat]
  const { epoch } = insiderOf(alice)
  return { alice, bob, erin, sendAs: (senderIndex, person = erin) => ({ person, epoch, sender: { senderType: SenderType.external, senderIndex } }) }
}
const OPEN = { wireFormat: WireFormat.publicMessage }

test('X17 refuses an external sender that is not listed, or signs with another key (receive)', async () => {
  const { alice, bob, sendAs } = await withSender()
  for (const index of [1, 2 ** 31, 2 ** 32 - 1]) {
    await refusesMessage(bob, (await forgeProposal(sendAs(index), makeRemove(ZERO), OPEN)).message, 'mls.external.unknown_sender')
  }
  const stranger = await makePerson('stranger')
  await refusesMessage(bob, (await forgeProposal(sendAs(0, stranger), makeRemove(ZERO), OPEN)).message, 'mls.message.bad_signature')
  equal((await bob.group.process((await forgeProposal(sendAs(0), makeRemove(ZERO), OPEN)).message)).kind, 'proposal')
  const [carol, dan] = await groupOf(2, { policy: POLICY }) as [Seat, Seat]
  const unlisted = { ...sendAs(0), epoch: insiderOf(carol).epoch }
  await refusesMessage(dan, (await forgeProposal(unlisted, makeRemove(ZERO), OPEN)).message, 'mls.external.unknown_sender')
  await honestCommitPasses(carol, dan)
  equal(alice.group.epoch, 1n)
})

test('X17 refuses external senders whose credential the application rejects (receive, own creation)', async () => {
  const impostor = await makePerson('impostor')
  const senders = makeExtension(ExtensionType.externalSenders, ExternalSenders, [{ signatureKey: impostor.signer.publicKey, credential: impostor.leaf.credential }])
  const [alice, bob] = await groupOf(2) as [Seat, Seat]
  const proposals = [makeGroupContextExtensions([senders])]
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.external.sender_rejected')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.external.sender_rejected')
  await honestCommitPasses(alice, bob)
})

test('X18 refuses content an external sender may not send (receive)', async () => {
  const { alice, bob, sendAs } = await withSender()
  const update = await forgeUpdate(insiderOf(alice))
  for (const proposal of [update, { proposalType: 6, kemOutput: new Uint8Array(32) } as const]) {
    await refusesMessage(bob, (await forgeProposal(sendAs(0), proposal, OPEN)).message, 'mls.external.wrong_proposal')
  }
  await refusesMessage(bob, (await forgeCommit(sendAs(0), OPEN)).message, 'mls.external.wrong_proposal')
  await refusesMessage(bob, await forgeApplication(sendAs(0), 'x', OPEN), 'mls.message.wrong_content_type')
  await honestCommitPasses(alice, bob)
})

test('X19 refuses of a new member anything but an Add of itself (receive)', async () => {
  const { alice, bob, dave } = await scene()
  const newMember = (person: Person): Forger => ({ person, epoch: insiderOf(alice).epoch, sender: { senderType: SenderType.newMemberProposal } })
  const { keyPackage } = await keyPackageOf(dave)
  await refusesMessage(bob, (await forgeProposal(newMember(dave), makeRemove(ZERO), OPEN)).message, 'mls.external.wrong_proposal')
  await refusesMessage(bob, (await forgeCommit(newMember(dave), OPEN)).message, 'mls.external.wrong_proposal')
  await refusesMessage(bob, await forgeApplication(newMember(dave), 'x', OPEN), 'mls.message.wrong_content_type')
  await refusesMessage(bob, (await forgeProposal(newMember(await makePerson('erin')), makeAdd(keyPackage), OPEN)).message, 'mls.message.bad_signature')
  const { message } = await forgeProposal(newMember(dave), makeAdd(keyPackage), OPEN)
  equal((await bob.group.process(message)).kind, 'proposal')
  const { alice: strict, bob: strictBob } = await scene('dave', { acceptPublicHandshakes: true })
  await refusesMessage(strictBob, message, 'mls.external.not_allowed')
  await honestCommitPasses(strict, strictBob)
})

test('X19 refuses of a joining member anything but a commit (receive)', async () => {
  const { alice, bob, dave, outsider } = await scene()
  const { keyPackage } = await keyPackageOf(dave)
  await refusesMessage(bob, (await forgeProposal(outsider, makeAdd(keyPackage), OPEN)).message, 'mls.external.wrong_proposal')
  await honestJoinPasses(alice, bob, dave)
})

test('X20 refuses an external proposal as PrivateMessage (receive)', async () => {
  const { alice, bob, sendAs } = await withSender()
  const traitor = { ...sendAs(0), epoch: insiderOf(alice).epoch }
  const content = { contentType: ContentType.proposal, proposal: makeRemove(ZERO) } as const
  await refusesMessage(bob, await forgeMessage(traitor, content, { seal: { leafIndex: toLeafIndex(3) } }), 'mls.message.unknown_sender')
  await refusesMessage(bob, await forgeMessage(traitor, content), 'mls.message.bad_signature')
  await honestCommitPasses(alice, bob)
})
