/**
 * mls-validation.md P11 and its company: a proposal type that is not a default one (SelfRemove of the extensions draft)
 * comes only where all who process it support it, and never by the wrong hand.
 */
import { rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { utf8 } from '@famichat/base'
import { Group, makeCapabilities, makeRemove, makeSelfRemove, type Proposal, ProposalType, type SentProposal } from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { SenderType, WireFormat } from '../../dist/wire/registries.js'
import { groupOf, makePerson, type Seat } from '../builders.js'
import { honestCommitPasses, refuses, refusesMessage } from './assertions.js'
import { forgeProposal, forgeUpdate, type FramePlan, insiderOf, type Insider } from './forge.js'
import { forgeCommit } from './forge-commit.js'

const listing = makeCapabilities(() => new Uint8Array(1), { proposals: [ProposalType.selfRemove] })
const silent = makeCapabilities(() => new Uint8Array(1))
const three = async (capabilities = listing): Promise<[Seat, Seat, Seat]> => await groupOf(3, { leaf: { capabilities } }) as [Seat, Seat, Seat]
const OPEN = { wireFormat: WireFormat.publicMessage }

const leaving = async (insider: Insider, receivers: readonly Seat[]): Promise<SentProposal> => {
  const { message, reference } = await forgeProposal(insider, makeSelfRemove(), OPEN)
  for (const { group } of receivers) await group.process(message)
  return { proposal: makeSelfRemove(), sender: insider.sender, reference }
}

test('P11 refuses a SelfRemove beside an Update that drops the type from a member\'s capabilities (receive, own creation)', async () => {
  const [alice, bob, carol, dave] = await groupOf(4, { leaf: { capabilities: listing } }) as [Seat, Seat, Seat, Seat]
  const bye = await leaving(insiderOf(carol), [alice, bob, dave])
  const inside = insiderOf(bob)
  const update = await forgeUpdate(inside, { leaf: (leaf) => ({ ...leaf, capabilities: silent }) })
  const { message, reference } = await forgeProposal(inside, update)
  for (const { group } of [alice, dave]) await group.process(message)
  await refuses(alice.group, () => alice.group.commit(), 'mls.proposal.unsupported_type')
  const proposals = [bye, { proposal: update, sender: inside.sender, reference }]
  await refusesMessage(dave, (await forgeCommit(insiderOf(alice), { proposals })).message, 'mls.proposal.unsupported_type')
})

test('P11 refuses a SelfRemove where a member does not list the type (receive, own creation)', async () => {
  const [alice, bob, carol] = await three(silent)
  await refuses(carol.group, () => carol.group.propose(makeSelfRemove()), 'mls.proposal.unsupported_type')
  await refusesMessage(bob, (await forgeProposal(insiderOf(carol), makeSelfRemove(), OPEN)).message, 'mls.proposal.unsupported_type')
  await honestCommitPasses(alice, bob, carol)
})

test('P11 refuses a SelfRemove that is private, or comes twice (receive)', async () => {
  const [alice, bob, carol] = await three()
  await refusesMessage(bob, (await forgeProposal(insiderOf(carol), makeSelfRemove())).message, 'mls.message.wrong_content_type')
  await leaving(insiderOf(carol), [bob])
  const again = await forgeProposal(insiderOf(carol), makeSelfRemove(), { ...OPEN, content: (honest) => ({ ...honest, authenticatedData: Uint8Array.of(1) }) })
  await refusesMessage(bob, again.message, 'mls.proposal.same_leaf_twice')
  await honestCommitPasses(alice, carol)
})

test('P11 refuses a SelfRemove by value, or in the leaver\'s own commit (receive)', async () => {
  const [alice, bob, carol] = await three()
  const byValue: SentProposal = { proposal: makeSelfRemove(), sender: { senderType: SenderType.member, leafIndex: carol.group.ownLeaf }, reference: undefined }
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [byValue] })).message, 'mls.proposal.self_remove_not_by_reference')
  const bye = await leaving(insiderOf(carol), [alice, bob])
  await refusesMessage(bob, (await forgeCommit(insiderOf(carol), { proposals: [bye] })).message, 'mls.proposal.remove_of_committer')
  await honestCommitPasses(alice, bob)
})

test('P11 refuses to take along what is no SelfRemove of a member of this group (join)', async () => {
  const [alice, , carol] = await three()
  const dave = await makePerson('dave', { leaf: { capabilities: listing } })
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })
  const join = (selfRemove: Uint8Array): Promise<unknown> =>
    Group.joinExternal({ config: dave.config, signer: dave.signer, groupInfo, leaf: dave.leaf, selfRemoves: [selfRemove] })
  const forged = async (proposal: Proposal, plan: FramePlan): Promise<Uint8Array> => (await forgeProposal(insiderOf(carol), proposal, { ...OPEN, ...plan })).message
  const nobody = { senderType: SenderType.member, leafIndex: toLeafIndex(9) }
  await rejects(join(await forged(makeSelfRemove(), { content: (honest) => ({ ...honest, groupId: utf8('elsewhere') }) })), { code: 'mls.message.wrong_group' })
  await rejects(join(await forged(makeSelfRemove(), { content: (honest) => ({ ...honest, epoch: 7n }) })), { code: 'mls.message.wrong_epoch' })
  await rejects(join(await forged(makeRemove(carol.group.ownLeaf), {})), { code: 'mls.message.wrong_content_type' })
  await rejects(join(await forged(makeSelfRemove(), { content: (honest) => ({ ...honest, sender: nobody }) })), { code: 'mls.message.unknown_sender' })
  await rejects(join(await forged(makeSelfRemove(), { signer: dave.signer })), { code: 'mls.message.bad_signature' })
  await rejects(join(await alice.group.protect(utf8('private'))), { code: 'mls.message.unexpected_kind' })
  await join(await forged(makeSelfRemove(), {}))
})
