/**
 * Stories of faults that were found when the engine was read against RFC 9420 once more: each test tells how one came about.
 */
import { deepEqual, equal, ok, rejects, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { bytesKey, encode, utf8 } from '@famichat/base'
import { manualClock } from '@famichat/base/testing'
import {
  type Credential, type CryptoBackend, type Extension, ExtensionType, Group, limits, makeAdd, makeBasicCredential, makeCapabilities, makeExternalPsk, makeGroupContextExtensions,
  makeKeyPackage, makeLifetime, makeReInit, makeRemove, type Proposal, ProposalType, PSKType,
} from '@famichat/mls'
import { nodePrimitives } from '../dist/crypto/node-backend.js'
import { toLeafIndex } from '../dist/tree/math.js'
import { RatchetTreeNodes } from '../dist/wire/leaf-node.js'
import { aliceAndBob, commitAll, createGroup, groupOf, keyPackageOf, makePerson, type Seat, stagedBy, START_MS } from './builders.js'
import { type Code, honestCommitPasses, honestMessagePasses, refuses, refusesMessage, rowsOf, stateDigest } from './hostile/assertions.js'
import { forgeProposal, forgeUpdate, insiderOf } from './hostile/forge.js'
import { forgeCommit } from './hostile/forge-commit.js'
import { forgeKeyPackage } from './hostile/forge-leaf.js'

const BIG = 0xf0f0
const bigOf = (bytes: number): Extension => ({ extensionType: BIG, extensionData: new Uint8Array(bytes) })
const supportsBig = { capabilities: makeCapabilities(() => new Uint8Array(1), { extensions: [BIG] }) }

/** A backend that verifies nothing until it is told to, once `hold` was called. */
const slowBackend = (): { readonly backend: CryptoBackend; hold(): void; release(): void } => {
  let waiting: Promise<void> = Promise.resolve()
  let release = (): void => undefined
  return {
    backend: {
      ...nodePrimitives,
      signature: (name) => {
        const scheme = nodePrimitives.signature(name)
        return {
          ...scheme,
          verify: async (publicKey, message, signature) => {
            await waiting
            return scheme.verify(publicKey, message, signature)
          },
        }
      },
    },
    hold: () => { waiting = new Promise((resolve) => { release = resolve }) },
    release: () => { release() },
  }
}

const codeOf = (refused: Promise<unknown>): Promise<Code> =>
  refused.then(() => { throw new TypeError('it is not refused') }, (error: unknown) => (error as { readonly code: Code }).code)

const aTurn = (): Promise<void> => new Promise((resolve) => { setImmediate(resolve) })

test('a proposal that is looked at while its epoch ends is refused, not kept for the next one', async () => {
  const slow = slowBackend()
  const [alice, bob, carol] = await groupOf(3, { backend: slow.backend }) as [Seat, Seat, Seat]
  const { commit, staged } = await alice.group.commit()
  const next = await stagedBy(bob.group, commit)
  const proposal = await carol.group.propose(makeRemove(alice.group.ownLeaf))
  slow.hold()
  const processing = bob.group.process(proposal)
  await aTurn()
  bob.group.merge(next)
  slow.release()
  await rejects(processing, { code: 'mls.message.wrong_epoch' })
  deepEqual(bob.group.pendingProposals, [])
  alice.group.merge(staged)
  await honestMessagePasses(bob, alice)
})

test('a commit that is looked at while its epoch ends is refused like one that comes late', async () => {
  const slow = slowBackend()
  const [alice, bob, carol] = await groupOf(3, { backend: slow.backend }) as [Seat, Seat, Seat]
  const { commit, staged } = await alice.group.commit()
  const next = await stagedBy(bob.group, commit)
  const late = await carol.group.commit()
  slow.hold()
  const processing = bob.group.process(late.commit)
  await aTurn()
  bob.group.merge(next)
  slow.release()
  await rejects(processing, { code: 'mls.message.wrong_epoch' })
  alice.group.merge(staged)
  await honestCommitPasses(alice, bob)
})

test('a staged commit of one group is not merged into another, nor discarded by it', async () => {
  const { alice, bob } = await aliceAndBob()
  const other: Seat = { person: bob.person, group: await createGroup(bob.person, { groupId: utf8('another') }) }
  await commitAll(other, [])
  equal(other.group.epoch, bob.group.epoch)
  const { commit, staged: own } = await alice.group.commit()
  const staged = await stagedBy(bob.group, commit)
  const before = stateDigest(other.group)
  throws(() => { other.group.merge(staged) }, { code: 'mls.commit.epoch_left' })
  other.group.discard(staged)
  equal(stateDigest(other.group), before)
  bob.group.merge(staged)
  alice.group.merge(own)
  await honestMessagePasses(alice, bob)
})

test('a commit or Welcome too large to be read is refused to its maker, and nothing is pending', async () => {
  const { alice, bob } = await aliceAndBob({ leaf: supportsBig })
  const tooLarge = [
    { proposals: [makeGroupContextExtensions([bigOf(limits.maxMessageBytes - 100)])] },
    { proposals: [makeGroupContextExtensions([bigOf(limits.maxMessageBytes - 1000)])] },
    { proposals: [makeAdd((await keyPackageOf(await makePerson('carol', { leaf: supportsBig }))).keyPackage)], groupInfoExtensions: [bigOf(limits.maxMessageBytes - 2000)] },
    { proposals: [makeAdd((await keyPackageOf(await makePerson('dave', { leaf: supportsBig }))).keyPackage)], groupInfoExtensions: [bigOf(limits.maxMessageBytes - 100)] },
  ]
  for (const request of tooLarge) {
    const before = alice.group.epochAuthenticator
    try {
      const made = await alice.group.commit(request)
      // what was made can be read
      for (const message of [made.commit, made.welcome]) ok((message?.length ?? 0) <= limits.maxMessageBytes)
      alice.group.discard(made.staged)
    } catch (error) {
      ok(['mls.message.too_large', 'base.codec.too_long'].includes((error as { code?: string }).code ?? ''))
    }
    equal(alice.group.pendingCommit, undefined)
    deepEqual(alice.group.epochAuthenticator, before)
  }
  await rejects(alice.group.commit(tooLarge[3]), { code: 'base.codec.too_long' })
  await rejects(alice.group.groupInfo({ withTree: true, withExternalPub: false, extensions: [bigOf(limits.maxMessageBytes - 100)] }), { code: 'mls.message.too_large' })
  await rejects(alice.group.propose(makeGroupContextExtensions([bigOf(limits.maxMessageBytes - 120)])), { code: 'mls.message.too_large' })
  deepEqual(alice.group.pendingProposals, [])
  await honestCommitPasses(alice, bob)
})

test('a member cannot be opened with the signature key of somebody else', async () => {
  const { alice, bob } = await aliceAndBob()
  const carol = await makePerson('carol')
  const bundle = await keyPackageOf(carol)
  const { welcome } = await commitAll(alice, [bob], { proposals: [makeAdd(bundle.keyPackage)] })
  ok(welcome !== undefined)
  await rejects(Group.join({ config: carol.config, signer: bob.person.signer, welcome, keyPackages: [bundle] }), { code: 'mls.leaf.not_own_signer' })
  const rows = rowsOf(alice.group).all()
  throws(() => Group.restore({ config: alice.person.config, signer: bob.person.signer, rows }), { code: 'mls.leaf.not_own_signer' })
  const { group } = await Group.join({ config: carol.config, signer: carol.signer, welcome, keyPackages: [bundle] })
  await honestMessagePasses({ person: carol, group }, alice)
})

test('D21 D24 a group is not closed by a ReInit whose extensions no group may have (receive, own creation)', async () => {
  const twice = [bigOf(1), bigOf(1)]
  const misplaced = [{ extensionType: ExtensionType.applicationId, extensionData: new Uint8Array(1) }]
  const malformed = [{ extensionType: ExtensionType.requiredCapabilities, extensionData: new Uint8Array(1) }]
  for (const [extensions, code] of [[twice, 'mls.extension.duplicate'], [misplaced, 'mls.extension.misplaced'], [malformed, 'base.codec.truncated']] as const) {
    const { alice, bob } = await aliceAndBob()
    const proposals = [makeReInit({ groupId: utf8('next'), cipherSuite: 3, extensions })]
    await refuses(alice.group, () => alice.group.commit({ proposals }), code)
    await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, code)
    await honestCommitPasses(alice, bob)
  }
})

test('P06 a member that only updates its keys is not added a second time (receive)', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const again = makeAdd((await keyPackageOf(carol.person)).keyPackage)
  const { signer } = await makePerson('carol', { seed: 2 })
  const update = await forgeUpdate(insiderOf(carol), { leaf: (leaf) => ({ ...leaf, signatureKey: signer.publicKey }), signer })
  const { message } = await forgeProposal(insiderOf(carol), update)
  for (const { group } of [alice, bob]) await group.process(message)
  await refuses(alice.group, () => alice.group.commit({ proposals: [again] }), 'mls.proposal.duplicate_add')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals: [...alice.group.pendingProposals, again] })).message, 'mls.proposal.duplicate_add')
  await honestCommitPasses(alice, bob)
})

test('what two members propose alike, and what the committer says itself, is committed once', async () => {
  const [alice, bob, carol, dave] = await groupOf(4, { leaf: supportsBig }) as [Seat, Seat, Seat, Seat]
  const erin = makeAdd((await keyPackageOf(await makePerson('erin', { leaf: supportsBig }))).keyPackage)
  const big = makeGroupContextExtensions([bigOf(1)])
  const bigger = makeGroupContextExtensions([bigOf(2)])
  const proposeAll = async (...proposals: readonly Proposal[]): Promise<void> => {
    for (const proposal of proposals) {
      for (const from of [bob, carol]) {
        const message = await from.group.propose(proposal)
        for (const { group } of [alice, bob, carol]) if (group !== from.group) await group.process(message)
      }
    }
  }
  await proposeAll(erin, big, makeRemove(dave.group.ownLeaf))
  const first = await commitAll(alice, [bob, carol])
  equal(first.staged.proposals.length, 3)
  await proposeAll(big, makeRemove(carol.group.ownLeaf))
  const second = await commitAll(alice, [bob], { proposals: [bigger, makeRemove(carol.group.ownLeaf)] })
  equal(second.staged.proposals.length, 2)
  deepEqual(bob.group.context.extensions, [bigOf(2)])
})

test('P01 proposals no commit may hold are left out, and not sent; what the committer says itself is not left out', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  const { suite } = bob.person
  const impossible: readonly Proposal[] = [
    { proposalType: ProposalType.externalInit, kemOutput: new Uint8Array(32) },
    makeRemove(toLeafIndex(7)),
    { proposalType: ProposalType.psk, psk: { psktype: PSKType.external, pskId: utf8('psk'), pskNonce: new Uint8Array(5) } },
    makeGroupContextExtensions([{ extensionType: ExtensionType.applicationId, extensionData: new Uint8Array(1) }]),
    makeReInit({ groupId: utf8('next'), cipherSuite: suite.id, extensions: [bigOf(1), bigOf(1)] }),
  ]
  const insider = insiderOf(bob)
  for (const proposal of impossible) {
    // what is sent is judged, too
    await refuses(bob.group, () => bob.group.propose(proposal), await codeOf(alice.group.commit({ proposals: [proposal], withPending: false })))
    const { message } = await forgeProposal(insider, proposal)
    for (const { group } of [alice, carol]) await group.process(message)
  }
  equal(alice.group.pendingProposals.length, impossible.length)
  const { staged } = await commitAll(alice, [bob, carol])
  deepEqual(staged.proposals, [])
})

test('L11 L18 a member proposes to add nobody whose KeyPackage is expired or forged (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const carol = await makePerson('carol')
  const { keyPackage } = await keyPackageOf({ ...carol, clock: manualClock(START_MS - 90 * 86_400_000) })
  await refuses(alice.group, () => alice.group.propose(makeAdd(keyPackage)), 'mls.leaf.expired')
  const forged = await forgeKeyPackage(carol, { signedKeyPackage: (signed) => ({ ...signed, signature: signed.signature.map((byte) => byte ^ 1) }) })
  await refuses(alice.group, () => alice.group.propose(makeAdd(forged.keyPackage)), 'mls.key_package.bad_signature')
  await bob.group.process(await alice.group.propose(makeAdd((await keyPackageOf(carol)).keyPackage)))
  await honestCommitPasses(bob, alice)
  equal(alice.group.members.length, 3)
})

test('D06 refuses a last_resort extension with anything in it (receive, own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const carol = await makePerson('carol')
  const saying = async (extensionData: Uint8Array): Promise<readonly Proposal[]> => [makeAdd((await forgeKeyPackage(carol, {
    keyPackage: (honest) => ({ ...honest, extensions: [{ extensionType: ExtensionType.lastResort, extensionData }] }),
  })).keyPackage)]
  const proposals = await saying(Uint8Array.of(1))
  await refuses(alice.group, () => alice.group.commit({ proposals }), 'base.codec.trailing_bytes')
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, 'base.codec.trailing_bytes')
  await commitAll(alice, [bob], { proposals: await saying(new Uint8Array(0)) })
})

test('C17 a removed member learns it from a commit with a PSK it does not hold', async () => {
  const [alice, bob, carol] = await groupOf(3) as [Seat, Seat, Seat]
  for (const { person } of [alice, bob]) person.psks.set(bytesKey(utf8('new')), new Uint8Array(32).fill(7))
  const { commit } = await commitAll(alice, [bob], { proposals: [makeRemove(carol.group.ownLeaf), makeExternalPsk(alice.person.suite, utf8('new'))] })
  carol.group.merge(await stagedBy(carol.group, commit))
  equal(carol.group.status, 'removed')
})

test('members that send handshakes in public take them, unless they say otherwise', async () => {
  const { alice, bob } = await aliceAndBob({ policy: { handshakes: 'public' } })
  await honestCommitPasses(alice, bob)
  const strict = await aliceAndBob({ policy: { handshakes: 'public', acceptPublicHandshakes: false } })
  await refusesMessage(strict.bob, (await strict.alice.group.commit()).commit, 'mls.message.public_not_allowed')
})

test('a KeyPackage that others would refuse is not made', async () => {
  const { suite, signer, leaf } = await makePerson('alice')
  const lifetime = makeLifetime(1_767_225_600n, 86_400n)
  const lists = (change: Partial<typeof leaf.capabilities>): typeof leaf => ({ ...leaf, capabilities: { ...leaf.capabilities, ...change } })
  const make = (change: Partial<Parameters<typeof makeKeyPackage>[2]>) => makeKeyPackage(suite, signer, { ...leaf, lifetime, ...change })
  await rejects(make(lists({ cipherSuites: [1] })), { code: 'mls.leaf.unsupported_version_or_suite' })
  await rejects(make(lists({ credentials: [2] })), { code: 'mls.leaf.own_credential_unsupported' })
  await rejects(make({ extensions: [bigOf(1)] }), { code: 'mls.leaf.extension_unsupported' })
  await rejects(make({ keyPackageExtensions: [bigOf(1)] }), { code: 'mls.leaf.extension_unsupported' })
  await rejects(make({ ...lists({ extensions: [] }), isLastResort: true }), { code: 'mls.leaf.extension_unsupported' })
  await rejects(make({ ...lists({ extensions: [BIG] }), keyPackageExtensions: [bigOf(1), bigOf(2)] }), { code: 'mls.extension.duplicate' })
  await make({ ...lists({ extensions: [BIG] }), keyPackageExtensions: [bigOf(1)], extensions: [bigOf(2)] })
})

test('an Update of an epoch that ends while it is signed is not sent in the next', async () => {
  const { alice, bob } = await aliceAndBob()
  const { commit, staged } = await bob.group.commit()
  const next = await stagedBy(alice.group, commit)
  const updating = alice.group.proposeUpdate()
  alice.group.merge(next)
  await rejects(updating, { code: 'mls.message.wrong_epoch' })
  deepEqual(alice.group.pendingProposals, [])
  bob.group.merge(staged)
  await honestCommitPasses(alice, bob)
})

test('a change of the own leaf is never left out with the path', async () => {
  const { alice, bob } = await aliceAndBob()
  const frank = makeAdd((await keyPackageOf(await makePerson('frank'))).keyPackage)
  const { capabilities } = supportsBig
  await commitAll(alice, [bob], { withPath: false, proposals: [frank], leaf: { capabilities } })
  deepEqual(bob.group.member(alice.group.ownLeaf)?.capabilities, capabilities)
})

test('D28 a credential whose contents are not those of its type is not written', async () => {
  const { suite, signer, leaf } = await makePerson('alice')
  const lifetime = makeLifetime(1_767_225_600n, 86_400n)
  const misfits = [{ credentialType: 2, identity: utf8('alice') }, { credentialType: 1, content: utf8('alice') }, { credentialType: 5, certificates: [utf8('alice')] }]
  for (const credential of misfits) {
    await rejects(makeKeyPackage(suite, signer, { ...leaf, lifetime, credential: credential as Credential }), { code: 'base.codec.unknown_value' })
  }
})

test('a group keeps its id, its extensions and its tree when the caller uses the buffers for something else', async () => {
  const alice = await makePerson('alice', { leaf: supportsBig })
  const [groupId, identity, createdWith, changedTo] = [utf8('a group of its own'), utf8('alice'), utf8('created with'), utf8('changed to')]
  const group = await createGroup(alice, {
    groupId, leaf: { ...supportsBig, credential: makeBasicCredential(identity) }, extensions: [{ extensionType: BIG, extensionData: createdWith }],
  })
  for (const buffer of [groupId, identity, createdWith]) buffer.fill(0)
  deepEqual([group.groupId, group.context.extensions[0]?.extensionData], [utf8('a group of its own'), utf8('created with')])
  deepEqual(group.member(group.ownLeaf)?.credential, makeBasicCredential(utf8('alice')))

  const bob = await makePerson('bob', { leaf: supportsBig })
  const bundle = await keyPackageOf(bob)
  const change = makeGroupContextExtensions([{ extensionType: BIG, extensionData: changedTo }])
  const { staged, welcome } = await group.commit({ proposals: [makeAdd(bundle.keyPackage), change], withTree: false })
  changedTo.fill(0)
  group.merge(staged)
  deepEqual(group.context.extensions[0]?.extensionData, utf8('changed to'))

  const ratchetTree = encode(RatchetTreeNodes, insiderOf({ person: alice, group }).epoch.tree.toNodes())
  ok(welcome !== undefined)
  const { group: his } = await Group.join({ config: bob.config, signer: bob.signer, welcome, keyPackages: [bundle], ratchetTree })
  ratchetTree.fill(0)
  await honestCommitPasses({ person: alice, group }, { person: bob, group: his })
  await honestMessagePasses({ person: alice, group }, { person: bob, group: his })
})
