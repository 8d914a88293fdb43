/**
 * mls-validation.md B4: proposals and the proposal list of a member's commit, received and created.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '@famichat/base'
import {
  type CommitRequest, type Extension, ExtensionType, limits, makeAdd, makeCapabilities, makeExternalPsk, makeGroupContextExtensions,
  makeReInit, makeRemove, type Proposal, ProposalType, type SentProposal,
} from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { makeExtension, RequiredCapabilities } from '../../dist/wire/extension.js'
import { SenderType, WireFormat } from '../../dist/wire/registries.js'
import { addAll, aliceAndBob, commitAll, groupOf, keyPackageOf, makePerson, type Person, type Seat, stagedBy } from '../builders.js'
import { agree, type Code, honestCommitPasses, honestMessagePasses, refuses, refusesMessage, stateDigest } from './assertions.js'
import { forgeProposal, forgeUpdate, insiderOf, type Insider } from './forge.js'
import { forgeCommit } from './forge-commit.js'
import { forgeKeyPackage } from './forge-leaf.js'

const three = async (options = {}): Promise<[Seat, Seat, Seat]> => await groupOf(3, options) as [Seat, Seat, Seat]
const ZERO = toLeafIndex(0)
const BOB = toLeafIndex(1)
const CAROL = toLeafIndex(2)
const reInit = makeReInit({ groupId: utf8('next'), cipherSuite: 3, extensions: [] })
const required = (extensionTypes: readonly number[], proposalTypes: readonly number[] = [], credentialTypes: readonly number[] = []): Extension =>
  makeExtension(ExtensionType.requiredCapabilities, RequiredCapabilities, { extensionTypes, proposalTypes, credentialTypes })

/** Alice (a group of three) may not commit these, and Bob does not take them from her. */
const bothRefuse = async (proposals: readonly Proposal[], code: Code, request: CommitRequest = {}, options = {}): Promise<void> => {
  const [alice, bob, carol] = await three(options)
  await refuses(alice.group, () => alice.group.commit({ ...request, proposals }), code)
  const { message } = await forgeCommit(insiderOf(alice), { proposals })
  await refusesMessage(bob, message, code)
  await honestCommitPasses(alice, bob, carol)
}

/** A proposal travels to all others and stands in the insider's commit by reference. */
const referred = async (insider: Insider, proposal: Proposal, receivers: readonly Seat[]): Promise<SentProposal> => {
  const { message, reference } = await forgeProposal(insider, proposal)
  for (const { group } of receivers) await group.process(message)
  return { proposal, sender: insider.sender, reference }
}

const newcomer = async (name: string, options = {}): Promise<{ person: Person; proposal: Proposal }> => {
  const person = await makePerson(name, options)
  return { person, proposal: makeAdd((await keyPackageOf(person)).keyPackage) }
}

/** The committer supports what it asks for; the others do not. */
const onlyTheOthersLack = async (proposals: readonly Proposal[]): Promise<void> => {
  const capabilities = { ...makeCapabilities(() => new Uint8Array(1), { extensions: [0xf0f0], proposals: [0xf0f1] }), credentials: [1, 2, 0xf0f2] }
  const [alice, bob, carol] = await three()
  await commitAll(alice, [bob, carol], { leaf: { capabilities } })
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.proposal.required_unsupported')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.proposal.required_unsupported')
  await honestCommitPasses(alice, bob, carol)
}

test('P01 refuses a commit with any proposal that is invalid by itself (receive, own creation)', async () => {
  const { proposal } = await newcomer('dave')
  await bothRefuse([proposal, makeRemove(toLeafIndex(9))], 'mls.proposal.unknown_leaf')
})

test('P02 refuses an Update by the committer (receive)', async () => {
  const [alice, bob, carol] = await three()
  const insider = insiderOf(alice)
  const own = await referred(insider, await forgeUpdate(insider), [bob, carol])
  await refusesMessage(bob, (await forgeCommit(insider, { proposals: [own] })).message, 'mls.proposal.update_by_committer')
  // the rightful committer is somebody else
  await honestCommitPasses(bob, carol)
})

test('P02 leaves out the own Update (own creation)', async () => {
  const [alice, bob, carol] = await three()
  const proposal = await alice.group.proposeUpdate()
  for (const { group } of [bob, carol]) await group.process(proposal)
  const { staged } = await commitAll(alice, [bob, carol])
  equal(staged.proposals.length, 0)
  agree(alice, bob, carol)
})

test('P03 refuses a Remove of the committer (receive, own creation)', async () => {
  await bothRefuse([makeRemove(ZERO)], 'mls.proposal.remove_of_committer')
})

test('P04 refuses two removals of one leaf (receive, own creation)', async () => {
  await bothRefuse([makeRemove(CAROL), makeRemove(CAROL)], 'mls.proposal.same_leaf_twice')
})

test('P04 refuses an Update and a Remove, and two Updates, for one leaf (receive)', async () => {
  const [alice, bob, carol] = await three()
  const inside = insiderOf(carol)
  const one = await referred(inside, await forgeUpdate(inside), [alice, bob])
  const two = await referred(inside, await forgeUpdate(inside), [alice, bob])
  const removal = makeRemove(CAROL)
  for (const proposals of [[one, removal], [one, two]]) {
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.proposal.same_leaf_twice')
  }
  await honestCommitPasses(alice, bob)
})

test('P05 refuses to add one client twice (receive, own creation)', async () => {
  const dave = await makePerson('dave')
  const [one, two] = [await keyPackageOf(dave), await keyPackageOf(dave)]
  await bothRefuse([makeAdd(one.keyPackage), makeAdd(two.keyPackage)], 'mls.proposal.duplicate_add')
})

test('P06 refuses to add a member, unless the same commit removes it (receive, own creation)', async () => {
  const [alice, bob, carol] = await three()
  const again = await keyPackageOf(carol.person)
  const add = makeAdd(again.keyPackage)
  await refuses(alice.group, () => alice.group.commit({ proposals: [add] }), 'mls.proposal.duplicate_add')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [add] })).message, 'mls.proposal.duplicate_add')
  const { staged } = await commitAll(alice, [bob], { proposals: [makeRemove(CAROL), add] })
  deepEqual([staged.removed, staged.added.map(({ leafIndex }) => leafIndex)], [[CAROL], [CAROL]])
  agree(alice, bob)
})

test('P07 refuses two PSK proposals with the same id (receive, own creation)', async () => {
  const { suite } = await makePerson('alice')
  const psk = makeExternalPsk(suite, utf8('shared'))
  await bothRefuse([psk, psk], 'mls.proposal.duplicate_psk')
})

test('P08 refuses two GroupContextExtensions (receive, own creation)', async () => {
  await bothRefuse([makeGroupContextExtensions([]), makeGroupContextExtensions([])], 'mls.proposal.duplicate_group_context_extensions')
})

test('P09 refuses a ReInit that does not stand alone, and two of them (receive, own creation)', async () => {
  await bothRefuse([reInit, makeRemove(CAROL)], 'mls.proposal.reinit_not_alone')
  await bothRefuse([reInit, reInit], 'mls.proposal.reinit_not_alone')
})

test('P10 refuses an ExternalInit in a member\'s commit (receive, own creation)', async () => {
  await bothRefuse([{ proposalType: ProposalType.externalInit, kemOutput: new Uint8Array(32) }], 'mls.proposal.external_init_in_member_commit')
})

test('P12 refuses proposals that leave two equal keys in the tree (receive, own creation)', async () => {
  const [alice, bob, carol] = await three()
  const dave = await makePerson('dave')
  const taken = carol.group.member(CAROL)?.encryptionKey ?? new Uint8Array(0)
  const { keyPackage } = await forgeKeyPackage(dave, { leaf: (leaf) => ({ ...leaf, encryptionKey: taken }) })
  await refuses(alice.group, () => alice.group.commit({ proposals: [makeAdd(keyPackage)] }), 'mls.leaf.duplicate_encryption_key')
  const { message } = await forgeCommit(insiderOf(alice), { proposals: [makeAdd(keyPackage)] })
  await refusesMessage(bob, message, 'mls.leaf.duplicate_encryption_key')
  await honestCommitPasses(alice, bob, carol)
})

for (const leaf of [3, 4, 2 ** 24, 2 ** 31, 2 ** 32 - 1]) {
  test(`P13 refuses a Remove of leaf ${leaf.toString()}, which is nobody's (receive, own creation)`, async () => {
    await bothRefuse([makeRemove(toLeafIndex(leaf))], 'mls.proposal.unknown_leaf')
  })
}

test('P14 refuses an Update by somebody who is not a member (receive)', async () => {
  const { alice, bob } = await aliceAndBob({ policy: { acceptPublicHandshakes: true, acceptNewMemberProposals: true } })
  const carol = await makePerson('carol')
  const proposal = await forgeUpdate(insiderOf(alice))
  const outsider = { person: carol, epoch: insiderOf(alice).epoch, sender: { senderType: SenderType.newMemberProposal } as const }
  const { message } = await forgeProposal(outsider, proposal, { wireFormat: WireFormat.publicMessage })
  await refusesMessage(bob, message, 'mls.external.wrong_proposal')
  await honestCommitPasses(alice, bob)
})

test('P15 refuses an Update by value (receive, own creation)', async () => {
  const [alice, bob, carol] = await three()
  const proposal = await forgeUpdate(insiderOf(carol))
  await refuses(alice.group, () => alice.group.commit({ proposals: [proposal] }), 'mls.proposal.update_by_value')
  const byValue: SentProposal = { proposal, sender: { senderType: SenderType.member, leafIndex: ZERO }, reference: undefined }
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [byValue] })).message, 'mls.proposal.update_by_value')
  await honestCommitPasses(alice, bob, carol)
})

test('P16 refuses an Add whose KeyPackage is invalid (receive, own creation)', async () => {
  const { keyPackage } = await forgeKeyPackage(await makePerson('dave'), { signedKeyPackage: (signed) => ({ ...signed, signature: new Uint8Array(64) }) })
  await bothRefuse([makeAdd(keyPackage)], 'mls.key_package.bad_signature')
})

test('P17 refuses an Update whose leaf is invalid (receive, own creation)', async () => {
  const [alice, bob, carol] = await three()
  const inside = insiderOf(carol)
  const bad = await referred(inside, await forgeUpdate(inside, { signed: (leaf) => ({ ...leaf, signature: new Uint8Array(64) }) }), [alice, bob])
  await refuses(alice.group, () => alice.group.commit(), 'mls.leaf.bad_signature')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [bad] })).message, 'mls.leaf.bad_signature')
  const { commit, staged } = await alice.group.commit({ withPending: false })
  bob.group.merge(await stagedBy(bob.group, commit))
  alice.group.merge(staged)
  agree(alice, bob)
})

test('P18 refuses required capabilities that a remaining or an added member lacks (receive, own creation)', async () => {
  for (const extension of [required([0xf0f0]), required([], [0xf0f1]), required([], [], [0xf0f2])]) {
    const proposals = [makeGroupContextExtensions([extension])]
    await bothRefuse(proposals, 'mls.leaf.lacks_required_capability')
    await onlyTheOthersLack(proposals)
  }
  // members list the type, the newcomer does not
  const capabilities = makeCapabilities(() => new Uint8Array(1), { extensions: [0xf0f0] })
  const { proposal } = await newcomer('dave')
  await bothRefuse([proposal, makeGroupContextExtensions([required([0xf0f0])])], 'mls.leaf.lacks_required_capability', {}, { leaf: { capabilities } })
})

test('P18 takes no offence at a removed member that lacks a required capability (receive, own creation)', async () => {
  const capabilities = makeCapabilities(() => new Uint8Array(1), { extensions: [0xf0f0] })
  const { alice, bob } = await aliceAndBob({ leaf: { capabilities } })
  const [carol] = await addAll(alice, [bob], [await makePerson('carol')])
  const proposals = [makeGroupContextExtensions([required([0xf0f0])])]
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.proposal.required_unsupported')
  await commitAll(alice, [bob], { proposals: [...proposals, makeRemove(carol?.group.ownLeaf ?? CAROL)] })
  agree(alice, bob)
})

test('P19 refuses a new extension that a member does not support (receive, own creation)', async () => {
  const extension = { extensionType: 0xf0f0, extensionData: new Uint8Array(0) }
  await bothRefuse([makeGroupContextExtensions([extension])], 'mls.leaf.lacks_group_extension')
  await onlyTheOthersLack([makeGroupContextExtensions([extension])])
})

test('P19 judges newcomers by the extensions of the same commit, wherever they stand in the list (receive, own creation)', async () => {
  const capabilities = makeCapabilities(() => new Uint8Array(1), { extensions: [0xf0f0] })
  const extension = { extensionType: 0xf0f0, extensionData: new Uint8Array(0) }
  const { proposal } = await newcomer('dave')
  const replace = makeGroupContextExtensions([extension])
  for (const proposals of [[proposal, replace], [replace, proposal]]) {
    await bothRefuse(proposals, 'mls.leaf.lacks_group_extension', {}, { leaf: { capabilities } })
  }
})

test('P19 refuses GroupContextExtensions with malformed contents (receive, own creation)', async () => {
  const malformed = (extensionType: number): Proposal => makeGroupContextExtensions([{ extensionType, extensionData: Uint8Array.of(9) }])
  for (const type of [ExtensionType.requiredCapabilities, ExtensionType.externalSenders]) await bothRefuse([malformed(type)], 'base.codec.truncated')
})

test('P20 refuses a reference that is unknown, of another epoch, or over another framing (receive)', async () => {
  const [alice, bob, carol] = await three({ policy: { acceptPublicHandshakes: true } })
  const removal = makeRemove(CAROL)
  const sender = insiderOf(alice).sender
  const unknown = { proposal: removal, sender, reference: new Uint8Array(32) }
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [unknown] })).message, 'mls.proposal.unknown_reference')
  // cached under its private framing; the public one hashes differently
  const insider = insiderOf(alice)
  const cached = await forgeProposal(insider, removal)
  await bob.group.process(cached.message)
  const reframed = await forgeProposal(insider, removal, { wireFormat: WireFormat.publicMessage })
  const otherFraming = { proposal: removal, sender, reference: reframed.reference }
  await refusesMessage(bob, (await forgeCommit(insider, { proposals: [otherFraming] })).message, 'mls.proposal.unknown_reference')
  await commitAll(carol, [alice, bob], { withPending: false })
  const stale = { proposal: removal, sender, reference: cached.reference }
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [stale] })).message, 'mls.proposal.unknown_reference')
  await honestCommitPasses(alice, bob, carol)
})

test('P21 does not keep a proposal of another epoch or with a bad signature (receive)', async () => {
  const [alice, bob, carol] = await three()
  const early = await forgeProposal(insiderOf(alice), makeRemove(CAROL), { content: (honest) => ({ ...honest, epoch: 2n }) })
  await refusesMessage(bob, early.message, 'mls.message.wrong_epoch')
  const unsigned = await forgeProposal(insiderOf(alice), makeRemove(CAROL), { signature: () => new Uint8Array(64) })
  await refusesMessage(bob, unsigned.message, 'mls.message.bad_signature')
  equal(bob.group.pendingProposals.length, 0)
  await honestCommitPasses(alice, bob, carol)
})

test('P22 refuses the same proposal by reference twice (receive)', async () => {
  const [alice, bob, carol] = await three()
  const { suite } = alice.person
  for (const { person } of [alice, bob, carol]) person.psks.set('shared', utf8('secret'))
  const insider = insiderOf(alice)
  const psk = await referred(insider, makeExternalPsk(suite, utf8('shared')), [bob, carol])
  await refusesMessage(bob, (await forgeCommit(insider, { proposals: [psk, psk] })).message, 'mls.proposal.repeated_reference')
  await commitAll(bob, [carol], { withPending: true })
  agree(bob, carol)
})

test('P23 makes the same tree of a list in any order, and keeps the order of PSKs (receive)', async () => {
  const lists = [[0, 1, 2], [2, 1, 0], [1, 2, 0]]
  const hashes = new Set<string>()
  for (const order of lists) {
    const [alice, bob, carol] = await three()
    const inside = insiderOf(bob)
    const update = await referred(inside, await forgeUpdate(inside), [alice, carol])
    const { proposal: add } = await newcomer('dave')
    const all: readonly (Proposal | SentProposal)[] = [update, makeRemove(CAROL), add]
    const proposals = order.map((at) => all[at]).filter((entry) => entry !== undefined)
    const { advanced, message } = await forgeCommit(insiderOf(alice), { proposals, withPath: false })
    await refusesMessage(carol, message, 'mls.commit.path_missing')
    const members = [...advanced.next.tree.members()].map(([leaf, { signatureKey }]) => `${leaf.toString()}:${signatureKey.join()}`)
    const { message: withPath } = await forgeCommit(insiderOf(alice), { proposals })
    const staged = await stagedBy(carol.group, withPath)
    deepEqual(staged.removed, [CAROL])
    hashes.add(members.join())
  }
  equal(hashes.size, 1)
  const { alice, bob } = await aliceAndBob()
  for (const { person } of [alice, bob]) for (const id of ['a', 'b']) person.psks.set(id, utf8(`secret ${id}`))
  const psks = ['b', 'a'].map((id) => makeExternalPsk(alice.person.suite, utf8(id)))
  const { staged } = await commitAll(alice, [bob], { proposals: psks })
  deepEqual(staged.proposals.map(({ proposal }) => proposal), psks)
  agree(alice, bob)
})

test('P23 refuses a list longer than the limit before anything else (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const proposals = new Array<Proposal>(limits.maxProposals + 1).fill(makeRemove(BOB))
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'mls.proposal.too_many')
  await honestCommitPasses(alice, bob)
})

test('P24 sends no application data while proposals wait to be committed (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  await bob.group.process(await alice.group.proposeUpdate())
  for (const { group } of [alice, bob]) await refuses(group, () => group.protect(utf8('x')), 'mls.proposal.pending')
  await commitAll(bob, [alice])
  await honestMessagePasses(alice, bob)
})

test('P25 lets the application look at every proposal before it merges, and discard the commit (receive)', async () => {
  const [alice, bob, carol] = await three()
  const before = stateDigest(bob.group)
  const { commit, staged: own } = await alice.group.commit({ proposals: [makeRemove(CAROL)] })
  const staged = await stagedBy(bob.group, commit)
  deepEqual(staged.proposals.map(({ proposal, sender }) => [proposal.proposalType, sender]), [[ProposalType.remove, { senderType: SenderType.member, leafIndex: ZERO }]])
  bob.group.discard(staged)
  equal(stateDigest(bob.group), before)
  alice.group.discard(own)
  await honestCommitPasses(alice, bob, carol)
})

test('P25 keeps at most a bounded number of proposals of one epoch (receive, own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const insider = insiderOf(alice)
  const numbered = async (number: number): Promise<Uint8Array> => (await forgeProposal(insider, makeRemove(ZERO), {
    content: (honest) => ({ ...honest, authenticatedData: utf8(number.toString()) }),
  })).message
  for (let sent = 0; sent < limits.maxCachedProposals; sent++) await bob.group.process(await numbered(sent))
  await refusesMessage(bob, await numbered(-1), 'mls.proposal.too_many')
  await refuses(bob.group, () => bob.group.propose(makeRemove(ZERO)), 'mls.proposal.too_many')
  const { commit, staged } = await bob.group.commit({ withPending: false })
  alice.group.merge(await stagedBy(alice.group, commit))
  bob.group.merge(staged)
  agree(alice, bob)
})
