/**
 * Proposals from outside of the group (RFC 9420 §12.1.8), required capabilities, and GREASE in extension lists.
 */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { present, utf8 } from '@famichat/base'
import {
  Group, makeAdd, makeBasicCredential, makeCapabilities, makeExternalProposal, makeExternalPsk, makeExternalSenders, makeGreaseExtension,
  makeGroupContextExtensions, makeKeyPackage, makeLifetime, makeNewMemberProposal, makeReInit, makeRemove, makeRequiredCapabilities, makeSelfRemove,
  ProposalType, readRequiredCapabilities,
} from '@famichat/mls'
import { commitAll, createGroup, groupOf, keyPackageOf, makePerson, type Person, readText, type Seat, stagedBy } from './builders.js'

const sendersOf = (...people: readonly Person[]): ReturnType<typeof makeExternalSenders> =>
  makeExternalSenders(people.map(({ leaf, signer }) => ({ credential: leaf.credential, signatureKey: signer.publicKey })))

const withServer = async (): Promise<{ readonly alice: Seat; readonly bob: Seat; readonly server: Person }> => {
  const server = await makePerson('server')
  const [alice, bob] = await groupOf(2, { extensions: [sendersOf(server)] }) as [Seat, Seat]
  return { alice, bob, server }
}

const targetOf = ({ group }: Seat): { readonly groupId: Uint8Array; readonly epoch: bigint } => ({ groupId: group.groupId, epoch: group.epoch })

test('an external sender that the group lists proposes an add, and a member commits it', async () => {
  const { alice, bob, server } = await withServer()
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol)
  const proposal = await makeExternalProposal(server.suite, server.signer, { ...targetOf(alice), senderIndex: 0, proposal: makeAdd(bundle.keyPackage) })
  for (const { group } of [alice, bob]) equal((await group.process(proposal)).kind, 'proposal')
  const { welcome } = await commitAll(alice, [bob])
  const { group } = await Group.join({ config: carol.config, signer: carol.signer, welcome: present(welcome, 'there is a newcomer'), keyPackages: [bundle] })
  equal(await readText(bob.group, await group.protect(utf8('invited from outside'))), 'invited from outside')
})

test('an external sender proposes a removal, a PSK and new extensions', async () => {
  const { alice, bob, server } = await withServer()
  const send = async (proposal: Parameters<typeof makeExternalProposal>[2]['proposal']): Promise<void> => {
    const message = await makeExternalProposal(server.suite, server.signer, { ...targetOf(alice), senderIndex: 0, proposal })
    for (const { group } of [alice, bob]) await group.process(message)
  }
  for (const { person } of [alice, bob]) person.psks.set('shared', utf8('a secret'))
  await send(makeExternalPsk(server.suite, utf8('shared')))
  await send(makeGroupContextExtensions([sendersOf(server), makeRequiredCapabilities({})]))
  await commitAll(bob, [alice])
  equal(alice.group.context.extensions.length, 2)
  await send(makeRemove(bob.group.ownLeaf))
  const { staged } = await commitAll(alice, [])
  deepEqual(staged.removed, [bob.group.ownLeaf])
})

test('X18 an external sender cannot propose an update or its own departure', async () => {
  const { alice, server } = await withServer()
  const proposal = makeSelfRemove()
  const make = async (): Promise<Uint8Array> => makeExternalProposal(server.suite, server.signer, { ...targetOf(alice), senderIndex: 0, proposal })
  await rejects(make(), { code: 'mls.external.wrong_proposal' })
})

test('X17 a sender that is not listed, or signs with another key, is refused', async () => {
  const { alice, server } = await withServer()
  const mallory = await makePerson('mallory')
  const from = ({ suite, signer }: Person, senderIndex: number): Promise<Uint8Array> =>
    makeExternalProposal(suite, signer, { ...targetOf(alice), senderIndex, proposal: makeRemove(alice.group.ownLeaf) })
  await rejects(alice.group.process(await from(server, 1)), { code: 'mls.external.unknown_sender' })
  await rejects(alice.group.process(await from(mallory, 0)), { code: 'mls.message.bad_signature' })
  equal((await alice.group.process(await from(server, 0))).kind, 'proposal')
})

test('a proposal from outside that was made for an earlier epoch is refused', async () => {
  const { alice, bob, server } = await withServer()
  const request = { ...targetOf(alice), senderIndex: 0, proposal: makeRemove(bob.group.ownLeaf) }
  await commitAll(alice, [bob])
  await rejects(alice.group.process(await makeExternalProposal(server.suite, server.signer, request)), { code: 'mls.message.wrong_epoch' })
})

test('external senders whose credentials are not accepted are not taken into a group (§5.3.1)', async () => {
  const impostor = await makePerson('impostor')
  const alice = await makePerson('alice')
  await rejects(createGroup(alice, { extensions: [sendersOf(impostor)] }), { code: 'mls.external.sender_rejected' })
  const [anna, ben] = await groupOf(2) as [Seat, Seat]
  const proposals = [makeGroupContextExtensions([sendersOf(impostor)])]
  await rejects(anna.group.commit({ proposals }), { code: 'mls.external.sender_rejected' })
  const message = await ben.group.propose(present(proposals[0], 'there is one'))
  await anna.group.process(message)
  await rejects(anna.group.commit(), { code: 'mls.external.sender_rejected' })
})

test('a newcomer that trusts less does not join a group with an external sender it rejects', async () => {
  const { alice, bob } = await withServer()
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol)
  const { welcome } = await commitAll(alice, [bob], { proposals: [makeAdd(bundle.keyPackage)] })
  const authentication = {
    ...carol.config.authentication,
    isValid: ({ credential }: Parameters<typeof carol.config.authentication.isValid>[0]) =>
      'identity' in credential && new TextDecoder().decode(credential.identity) !== 'server',
  }
  const joining = Group.join({ config: { ...carol.config, authentication }, signer: carol.signer, welcome: present(welcome, 'there is a newcomer'), keyPackages: [bundle] })
  await rejects(joining, { code: 'mls.external.sender_rejected' })
})

test('a client asks to be added, where policy lets it', async () => {
  const [alice, bob] = await groupOf(2, { policy: { acceptNewMemberProposals: true } }) as [Seat, Seat]
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol)
  const wish = await makeNewMemberProposal(carol.suite, carol.signer, { ...targetOf(alice), keyPackage: bundle.keyPackage })
  for (const { group } of [alice, bob]) equal((await group.process(wish)).kind, 'proposal')
  const { welcome, staged } = await commitAll(bob, [alice])
  equal(staged.added.length, 1)
  const { group } = await Group.join({ config: carol.config, signer: carol.signer, welcome: present(welcome, 'there is a newcomer'), keyPackages: [bundle] })
  deepEqual(group.epochAuthenticator, alice.group.epochAuthenticator)
  const [anna] = await groupOf(2) as [Seat, Seat]
  await rejects(anna.group.process(wish), { code: 'mls.external.not_allowed' })
})

test('X19 a client cannot ask for another client to be added', async () => {
  const [alice] = await groupOf(2) as [Seat, Seat]
  const [carol, mallory] = [await makePerson('carol'), await makePerson('mallory')]
  const { keyPackage } = await keyPackageOf(carol)
  const make = async (): Promise<Uint8Array> => makeNewMemberProposal(mallory.suite, mallory.signer, { ...targetOf(alice), keyPackage })
  await rejects(make(), { code: 'mls.external.wrong_proposal' })
})

test('an external sender closes a group by ReInit', async () => {
  const { alice, bob, server } = await withServer()
  const proposal = makeReInit({ groupId: utf8('next'), cipherSuite: 1, extensions: [] })
  const message = await makeExternalProposal(server.suite, server.signer, { ...targetOf(alice), senderIndex: 0, proposal })
  for (const { group } of [alice, bob]) await group.process(message)
  await commitAll(alice, [bob])
  equal(bob.group.status, 'reinitialised')
})

test('required capabilities are written and read', () => {
  const required = { extensionTypes: [0xf010], proposalTypes: [ProposalType.selfRemove], credentialTypes: [1] }
  deepEqual(readRequiredCapabilities([makeRequiredCapabilities(required)]), required)
  equal(readRequiredCapabilities([]), undefined)
})

test('required capabilities keep out a client that lacks them', async () => {
  const required = makeRequiredCapabilities({ proposalTypes: [ProposalType.selfRemove] })
  const alice = await makePerson('alice')
  await rejects(createGroup(alice, { extensions: [required] }), { code: 'mls.leaf.lacks_required_capability' })
  const capabilities = makeCapabilities(alice.random, { proposals: [ProposalType.selfRemove] })
  const group = await createGroup(alice, { extensions: [required], leaf: { ...alice.leaf, capabilities } })
  const bob = await keyPackageOf(await makePerson('bob'))
  await rejects(group.commit({ proposals: [makeAdd(bob.keyPackage)] }), { code: 'mls.leaf.lacks_required_capability' })
})

test('D23 GREASE in the extensions of a leaf, a KeyPackage and a GroupInfo is ignored by everybody', async () => {
  const alice = await makePerson('alice')
  const grease = ({ random, leaf }: Person): ReturnType<typeof makeGreaseExtension> => makeGreaseExtension(random, leaf.capabilities)
  const group = await createGroup(alice, { leaf: { ...alice.leaf, extensions: [grease(alice)] } })
  const bob = await makePerson('bob')
  const bundle = await makeKeyPackage(bob.suite, bob.signer, {
    ...bob.leaf, extensions: [grease(bob)], keyPackageExtensions: [grease(bob)], lifetime: makeLifetime(BigInt(Math.floor(bob.clock.nowMs() / 1000)), 3600n),
  })
  const { welcome, staged } = await group.commit({ proposals: [makeAdd(bundle.keyPackage)], groupInfoExtensions: [grease(alice)] })
  group.merge(staged)
  const joined = await Group.join({ config: bob.config, signer: bob.signer, welcome: present(welcome, 'there is a newcomer'), keyPackages: [bundle] })
  equal(await readText(group, await joined.group.protect(utf8('hi'))), 'hi')
  const { commit } = await joined.group.commit()
  group.merge(await stagedBy(group, commit))
})

test('a GREASE type that is not in the capabilities is refused in a leaf', async () => {
  const alice = await makePerson('alice')
  const extensions = [{ extensionType: 0x0a0a, extensionData: new Uint8Array(0) }]
  const capabilities = { ...alice.leaf.capabilities, extensions: [] }
  await rejects(createGroup(alice, { leaf: { credential: makeBasicCredential(utf8('alice')), capabilities, extensions } }), { code: 'mls.leaf.extension_unsupported' })
})
