/**
 * mls-validation.md B2: framing. Received messages of an insider; what cannot be received cannot be made either.
 */
import { deepEqual, equal, notDeepEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { encode, utf8 } from '@famichat/base'
import { limits, makeAdd, makeRemove } from '@famichat/mls'
import { protectPrivate } from '../../dist/framing/private-message.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import { decodeMessage, encodeMessage, PublicMessage } from '../../dist/wire/message.js'
import { ContentType, SenderType, WireFormat } from '../../dist/wire/registries.js'
import { addAll, aliceAndBob, commitAll, createGroup, groupOf, keyPackageOf, makePerson, readText, type Seat, stagedBy } from '../builders.js'
import { honestCommitPasses, honestMessagePasses, refuses, refusesMessage, rowsOf } from './assertions.js'
import { forgeApplication, forgeProposal, forgeSigned, frame, insiderOf, type Insider } from './forge.js'
import { forgeCommit } from './forge-commit.js'

const PUBLIC = { policy: { acceptPublicHandshakes: true } }
const three = async (options = {}): Promise<[Seat, Seat, Seat]> => await groupOf(3, options) as [Seat, Seat, Seat]
const flip = (bytes: Uint8Array, at: number): Uint8Array => bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
const removal = (insider: Insider): Promise<{ message: Uint8Array }> =>
  forgeProposal(insider, makeRemove(toLeafIndex(0)), { wireFormat: WireFormat.publicMessage })

test('F01 refuses a message of another group (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const elsewhere = await createGroup(alice.person, { groupId: utf8('another group') })
  await refusesMessage(bob, await elsewhere.protect(utf8('hi')), 'mls.message.wrong_group')
  const renamed = await forgeApplication(insiderOf(alice), 'hi', { content: (honest) => ({ ...honest, groupId: utf8('x') }) })
  await refusesMessage(bob, renamed, 'mls.message.wrong_group')
  const { bob: bobPublic, alice: alicePublic } = await aliceAndBob(PUBLIC)
  const open = await forgeProposal(insiderOf(alicePublic), makeRemove(toLeafIndex(0)), {
    wireFormat: WireFormat.publicMessage, content: (honest) => ({ ...honest, groupId: utf8('x') }),
  })
  await refusesMessage(bobPublic, open.message, 'mls.message.wrong_group')
  await honestMessagePasses(alice, bob)
})

test('F02 refuses epochs ahead and behind; only application messages of the window are read (receive)', async () => {
  const [alice, bob] = await three(PUBLIC)
  for (const epoch of [2n, 0n, (1n << 64n) - 1n]) {
    for (const wireFormat of [WireFormat.privateMessage, WireFormat.publicMessage]) {
      const { message } = await forgeCommit(insiderOf(alice), { wireFormat, content: (honest) => ({ ...honest, epoch }) })
      await refusesMessage(bob, message, 'mls.message.wrong_epoch')
    }
    const message = await forgeApplication(insiderOf(alice), 'x', { content: (honest) => ({ ...honest, epoch }) })
    await refusesMessage(bob, message, 'mls.message.wrong_epoch')
  }
  await honestMessagePasses(alice, bob)
})

test('F02 refuses proposals and commits of the epoch just left, and reads its application messages (receive)', async () => {
  const [alice, bob, carol] = await three()
  const late = { text: await alice.group.protect(utf8('late')), proposal: await alice.group.propose(makeRemove(carol.group.ownLeaf)) }
  const { message: lateCommit } = await forgeCommit(insiderOf(alice))
  await commitAll(bob, [carol])
  await refusesMessage(bob, late.proposal, 'mls.message.wrong_epoch')
  await refusesMessage(bob, lateCommit, 'mls.message.wrong_epoch')
  equal(await readText(bob.group, late.text), 'late')
})

test('F03 refuses a sender that is blank or outside of the tree (receive)', async () => {
  const [alice, bob, carol] = await three(PUBLIC)
  const gone = carol.group.ownLeaf
  await commitAll(alice, [bob], { proposals: [makeRemove(gone)] })
  // leaves 2 and 3 are not members; 2^31 and 2^32-1 are where signed arithmetic would go wrong
  for (const leaf of [gone, 3, 9, 2 ** 31, 2 ** 32 - 1]) {
    const leafIndex = toLeafIndex(leaf)
    await refusesMessage(bob, await forgeApplication(insiderOf(alice), 'x', { seal: { leafIndex } }), 'mls.message.unknown_sender')
    const asMember = { senderType: SenderType.member, leafIndex }
    const message = await forgeProposal(insiderOf(alice), makeRemove(toLeafIndex(1)), {
      wireFormat: WireFormat.publicMessage, content: (honest) => ({ ...honest, sender: asMember }),
    })
    await refusesMessage(bob, message.message, 'mls.message.unknown_sender')
  }
  await honestMessagePasses(alice, bob)
})

test('F04 refuses application data in a PublicMessage (receive)', async () => {
  const { alice, bob } = await aliceAndBob(PUBLIC)
  const message = await forgeApplication(insiderOf(alice), 'for all to see', { wireFormat: WireFormat.publicMessage })
  await refusesMessage(bob, message, 'mls.message.wrong_content_type')
  await honestMessagePasses(alice, bob)
})

test('F05 refuses a ciphertext with any byte changed, and opens the untouched one (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const honest = await alice.group.protect(utf8('hello'), { authenticatedData: utf8('header') })
  const decoded = decodeMessage(honest)
  if (decoded.wireFormat !== WireFormat.privateMessage) throw new TypeError('a PrivateMessage is expected')
  const { privateMessage } = decoded
  const variants = [
    ...[...privateMessage.ciphertext.keys()].map((at) => ({ ...privateMessage, ciphertext: flip(privateMessage.ciphertext, at) })),
    ...[...privateMessage.encryptedSenderData.keys()].map((at) => ({ ...privateMessage, encryptedSenderData: flip(privateMessage.encryptedSenderData, at) })),
    { ...privateMessage, authenticatedData: utf8('Header') },
    { ...privateMessage, authenticatedData: utf8('') },
    { ...privateMessage, contentType: ContentType.commit },
    { ...privateMessage, contentType: ContentType.proposal },
    { ...privateMessage, ciphertext: privateMessage.ciphertext.subarray(0, -1) },
    { ...privateMessage, ciphertext: privateMessage.ciphertext.subarray(0, 8) },
  ]
  for (const variant of variants) {
    await refusesMessage(bob, encodeMessage({ wireFormat: WireFormat.privateMessage, privateMessage: variant }), 'mls.message.decrypt_failed')
  }
  equal(await readText(bob.group, honest), 'hello')
})

test('F06 refuses a member\'s PublicMessage without a membership tag (receive)', async () => {
  const { alice, bob } = await aliceAndBob(PUBLIC)
  const insider = insiderOf(alice)
  const signed = await forgeSigned(insider, { contentType: ContentType.proposal, proposal: makeRemove(toLeafIndex(0)) }, { wireFormat: WireFormat.publicMessage })
  const absent = frame(insider, signed, { wireFormat: WireFormat.publicMessage, membershipTag: () => undefined })
  await refusesMessage(bob, absent, 'base.codec.truncated')
  const empty = frame(insider, signed, { wireFormat: WireFormat.publicMessage, membershipTag: () => new Uint8Array(0) })
  await refusesMessage(bob, empty, 'mls.message.bad_membership_tag')
  equal((await bob.group.process(frame(insider, signed, { wireFormat: WireFormat.publicMessage }))).kind, 'proposal')
})

test('F07 refuses a membership tag behind a message of a non-member (receive)', async () => {
  const policy = { acceptPublicHandshakes: true, acceptNewMemberProposals: true }
  const { alice, bob } = await aliceAndBob({ policy })
  const carol = await makePerson('carol')
  const { keyPackage } = await keyPackageOf(carol)
  const outsider = { person: carol, epoch: insiderOf(alice).epoch, sender: { senderType: SenderType.newMemberProposal } }
  const proposal = makeAdd(keyPackage)
  const tagged = await forgeProposal(outsider, proposal, { wireFormat: WireFormat.publicMessage, membershipTag: () => new Uint8Array(32) })
  await refusesMessage(bob, tagged.message, 'base.codec.trailing_bytes')
  const honest = await forgeProposal(outsider, proposal, { wireFormat: WireFormat.publicMessage })
  equal((await bob.group.process(honest.message)).kind, 'proposal')
})

test('F08 refuses a membership tag that is wrong or has another length (receive)', async () => {
  const { alice, bob } = await aliceAndBob(PUBLIC)
  const insider = insiderOf(alice)
  const signed = await forgeSigned(insider, { contentType: ContentType.proposal, proposal: makeRemove(toLeafIndex(0)) }, { wireFormat: WireFormat.publicMessage })
  const lengths = [0, 1, 31, 33]
  const tags = [
    (tag: Uint8Array) => flip(tag, 0), (tag: Uint8Array) => flip(tag, 31),
    ...lengths.map((length) => (tag: Uint8Array) => new Uint8Array([...tag, 0]).slice(0, length)),
  ]
  for (const change of tags) {
    const message = frame(insider, signed, { wireFormat: WireFormat.publicMessage, membershipTag: (tag) => change(tag ?? new Uint8Array(0)) })
    await refusesMessage(bob, message, 'mls.message.bad_membership_tag')
  }
  equal((await bob.group.process(frame(insider, signed, { wireFormat: WireFormat.publicMessage }))).kind, 'proposal')
})

test('F09 refuses a commit without its confirmation tag, and a proposal with one (receive)', async () => {
  const { alice, bob } = await aliceAndBob(PUBLIC)
  const insider = insiderOf(alice)
  const empty = await forgeCommit(insider, { confirmationTag: () => new Uint8Array(0) })
  await refusesMessage(bob, empty.message, 'mls.commit.bad_confirmation_tag')
  // the tag is the last thing in the content: 33 bytes with its length
  const absent = await forgeCommit(insiderOf(alice), { seal: { plaintext: (content) => content.subarray(0, -33) } })
  await refusesMessage(bob, absent.message, 'base.codec.truncated')
  const signed = await forgeSigned(insider, { contentType: ContentType.proposal, proposal: makeRemove(toLeafIndex(0)) }, { wireFormat: WireFormat.publicMessage })
  const publicMessage = { content: signed.content, auth: signed.auth, membershipTag: new Uint8Array(32) }
  const withTag = Uint8Array.of(0, 1, 0, 1, ...encode(PublicMessage, publicMessage), 32, ...new Uint8Array(32))
  await refusesMessage(bob, withTag, 'base.codec.trailing_bytes')
  const padded = await forgeProposal(insiderOf(alice), makeRemove(toLeafIndex(0)), { seal: { padding: Uint8Array.of(32, ...new Uint8Array(32)) } })
  await refusesMessage(bob, padded.message, 'mls.message.bad_padding')
  await honestCommitPasses(alice, bob)
})

test('F10 refuses a signature that is wrong, of another member, or for the other wire format (receive)', async () => {
  const [alice, bob, carol] = await three(PUBLIC)
  const plans = [
    { signature: (signature: Uint8Array) => flip(signature, 3) },
    { signature: (signature: Uint8Array) => signature.subarray(0, -1) },
    { signer: carol.person.signer },
  ]
  for (const plan of plans) {
    for (const wireFormat of [WireFormat.publicMessage, WireFormat.privateMessage]) {
      const { message } = await forgeProposal(insiderOf(alice), makeRemove(toLeafIndex(0)), { ...plan, wireFormat })
      await refusesMessage(bob, message, 'mls.message.bad_signature')
      const commit = await forgeCommit(insiderOf(alice), { ...plan, wireFormat })
      await refusesMessage(bob, commit.message, 'mls.message.bad_signature')
    }
    await refusesMessage(bob, await forgeApplication(insiderOf(alice), 'x', plan), 'mls.message.bad_signature')
  }
  const swapped = [
    { wireFormat: WireFormat.privateMessage, signedWireFormat: WireFormat.publicMessage },
    { wireFormat: WireFormat.publicMessage, signedWireFormat: WireFormat.privateMessage },
  ]
  for (const plan of swapped) {
    const insider = insiderOf(alice)
    const { message } = await forgeProposal(insider, makeRemove(toLeafIndex(0)), plan)
    // the tag covers the wire format, too: the sender cannot even make it
    await refusesMessage(bob, message, plan.wireFormat === WireFormat.publicMessage ? 'mls.message.bad_membership_tag' : 'mls.message.bad_signature')
  }
  await honestCommitPasses(alice, bob, carol)
})

test('F11 refuses a signature made under another group\'s context (receive)', async () => {
  const { alice, bob } = await aliceAndBob(PUBLIC)
  const other = await createGroup(alice.person, { groupId: utf8('another group') })
  const { contextBytes } = insiderOf({ person: alice.person, group: other }).epoch
  for (const wireFormat of [WireFormat.publicMessage, WireFormat.privateMessage]) {
    const { message } = await forgeProposal(insiderOf(alice), makeRemove(toLeafIndex(0)), { contextBytes, wireFormat })
    await refusesMessage(bob, message, 'mls.message.bad_signature')
  }
  await refusesMessage(bob, await forgeApplication(insiderOf(alice), 'x', { contextBytes }), 'mls.message.bad_signature')
  await honestMessagePasses(alice, bob)
})

test('F12 refuses padding that is not zero, padding alone, and content cut off (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const forge = (seal: { padding?: Uint8Array; plaintext?: (content: Uint8Array) => Uint8Array }): Promise<Uint8Array> =>
    forgeApplication(insiderOf(alice), 'x', { seal })
  await refusesMessage(bob, await forge({ padding: Uint8Array.of(0, 0, 1) }), 'mls.message.bad_padding')
  await refusesMessage(bob, await forge({ padding: Uint8Array.of(1) }), 'mls.message.bad_padding')
  await refusesMessage(bob, await forge({ plaintext: () => new Uint8Array(64) }), 'base.codec.empty')
  await refusesMessage(bob, await forge({ plaintext: () => new Uint8Array(0) }), 'base.codec.truncated')
  await refusesMessage(bob, await forge({ plaintext: (content) => content.subarray(0, -1) }), 'base.codec.truncated')
  equal(await readText(bob.group, await forge({ padding: new Uint8Array(200) })), 'x')
})

test('F13 refuses an outer content type that is not the one sealed (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const honest = await alice.group.propose(makeRemove(toLeafIndex(0)))
  const decoded = decodeMessage(honest)
  if (decoded.wireFormat !== WireFormat.privateMessage) throw new TypeError('a PrivateMessage is expected')
  for (const contentType of [ContentType.application, ContentType.commit]) {
    const privateMessage = { ...decoded.privateMessage, contentType }
    await refusesMessage(bob, encodeMessage({ wireFormat: WireFormat.privateMessage, privateMessage }), 'mls.message.decrypt_failed')
  }
  equal((await bob.group.process(honest)).kind, 'proposal')
})

test('F14 refuses a PrivateMessage of a sender that is not a member (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  // a PrivateMessage has a leaf index and no sender type: a non-member can only claim a leaf it does not have
  await refusesMessage(bob, await forgeApplication(insiderOf(alice), 'x', { seal: { leafIndex: toLeafIndex(2) } }), 'mls.message.unknown_sender')
  // what is signed as a non-member's content does not verify as the leaf's
  const external = { senderType: SenderType.external, senderIndex: 0 } as const
  const { message } = await forgeProposal(insiderOf(alice), makeRemove(toLeafIndex(0)), { content: (honest) => ({ ...honest, sender: external }) })
  await refusesMessage(bob, message, 'mls.message.bad_signature')
  await honestMessagePasses(alice, bob)
})

test('F15 refuses a message key that was used before (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const message = await alice.group.protect(utf8('once'))
  equal(await readText(bob.group, message), 'once')
  await refusesMessage(bob, message, 'mls.message.key_consumed')
  const insider = insiderOf(alice)
  await bob.group.process(await alice.group.protect(utf8('two')))
  await refusesMessage(bob, await forgeApplication(insider, 'other words under the same key'), 'mls.message.key_consumed')
  const proposal = await alice.group.propose(makeRemove(alice.group.ownLeaf))
  await bob.group.process(proposal)
  await refusesMessage(bob, proposal, 'mls.message.key_consumed')
})

test('F16 refuses a generation beyond the forward limit without deriving it (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  for (const generation of [limits.maxForwardGenerations + 1, 2 ** 31, 2 ** 32 - 1]) {
    await refusesMessage(bob, await forgeApplication(insiderOf(alice), 'x', { seal: { generation } }), 'mls.message.generation_too_far')
  }
  const ahead = insiderOf(alice)
  for (let generation = 0; generation < limits.maxForwardGenerations; generation++) ahead.epoch.secretTree.takeSendingKey(ahead.epoch.ownLeaf, ContentType.application)
  equal(await readText(bob.group, await forgeApplication(ahead, 'just within')), 'just within')
  await honestMessagePasses(alice, bob)
})

test('F17 refuses a generation whose key was dropped from the window (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const first = await alice.group.protect(utf8('too old'))
  const ahead = insiderOf(alice)
  const second = await forgeApplication(ahead, 'second')
  for (let jump = 0; jump <= limits.maxSkippedKeys / 900; jump++) {
    for (let skipped = 0; skipped < 900; skipped++) ahead.epoch.secretTree.takeSendingKey(ahead.epoch.ownLeaf, ContentType.application)
    await bob.group.process(await forgeApplication(ahead, `jump ${jump.toString()}`))
  }
  for (const old of [first, second]) await refusesMessage(bob, old, 'mls.message.key_consumed')
  ok([...rowsOf(bob.group).rows.keys()].filter((key) => key.includes('.k')).length <= limits.maxSkippedKeys)
})

test('F18 keeps the key when a message under it does not open (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const honest = await alice.group.protect(utf8('still opens'))
  for (let at = 0; at < 3; at++) await refusesMessage(bob, flip(honest, honest.length - 1 - at), 'mls.message.decrypt_failed')
  const forged = await forgeApplication(insiderOf(alice), 'x', { seal: { generation: 0 }, signature: (signature) => flip(signature, 0) })
  await refusesMessage(bob, forged, 'mls.message.decrypt_failed')
  equal(await readText(bob.group, honest), 'still opens')
})

test('F19 recognises an own message that comes back, and shows it to nobody (receive)', async () => {
  const { alice, bob } = await aliceAndBob(PUBLIC)
  const message = await alice.group.protect(utf8('echo'))
  const before = [...rowsOf(alice.group).rows]
  for (let time = 0; time < 2; time++) {
    deepEqual(await alice.group.process(message), { kind: 'own', contentType: ContentType.application, epoch: 1n })
  }
  deepEqual([...rowsOf(alice.group).rows], before)
  // an own commit that this member never sent is not merged
  const { message: neverSent } = await forgeCommit(insiderOf(alice))
  await refusesMessage(alice, neverSent, 'mls.message.own_pending')
  const { message: neverSentOpenly } = await forgeCommit(insiderOf(alice), { wireFormat: WireFormat.publicMessage })
  await refusesMessage(alice, neverSentOpenly, 'mls.message.own_pending')
  equal(await readText(bob.group, message), 'echo')
})

test('F20 draws a fresh reuse guard for each message, and applies it to the nonce (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const insider = insiderOf(alice)
  const { suite, secrets, secretTree, ownLeaf } = insider.epoch
  const messageKey = secretTree.takeSendingKey(ownLeaf, ContentType.application)
  const signed = await forgeSigned(insider, { contentType: ContentType.application, applicationData: utf8('same key, twice') })
  const keys = { senderDataSecret: secrets.senderDataSecret, messageKey, leafIndex: ownLeaf, paddingBytes: 0 }
  const [one, two] = [protectPrivate(suite, signed, keys), protectPrivate(suite, signed, keys)]
  notDeepEqual(one.ciphertext, two.ciphertext)
  equal(await readText(bob.group, encodeMessage({ wireFormat: WireFormat.privateMessage, privateMessage: two })), 'same key, twice')
})

test('F21 refuses application data under a handshake key, and handshakes under an application key (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  await refusesMessage(bob, await forgeApplication(insiderOf(alice), 'x', { seal: { ratchet: ContentType.commit } }), 'mls.message.decrypt_failed')
  const { message } = await forgeCommit(insiderOf(alice), { seal: { ratchet: ContentType.application } })
  await refusesMessage(bob, message, 'mls.message.decrypt_failed')
  await honestMessagePasses(alice, bob)
  await honestCommitPasses(alice, bob)
})

test('F22 refuses members\' public handshakes where policy is private only (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  await refusesMessage(bob, (await removal(insiderOf(alice))).message, 'mls.message.public_not_allowed')
  const { message } = await forgeCommit(insiderOf(alice), { wireFormat: WireFormat.publicMessage })
  await refusesMessage(bob, message, 'mls.message.public_not_allowed')
  await honestCommitPasses(alice, bob)
})

test('F22 refuses what is no message to a group at all (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const { message } = await keyPackageOf(await makePerson('carol'))
  await refusesMessage(bob, message, 'mls.message.unexpected_kind')
  await refusesMessage(bob, await alice.group.groupInfo({ withTree: true, withExternalPub: false }), 'mls.message.unexpected_kind')
  await honestMessagePasses(alice, bob)
})

test('F23 checks a late message with the leaf key of its own epoch (receive)', async () => {
  const [alice, bob, carol] = await three()
  const late = await carol.group.protect(utf8('late'))
  const insider = insiderOf(carol)
  const dave = await makePerson('dave')
  await commitAll(alice, [bob], { proposals: [makeRemove(carol.group.ownLeaf)] })
  const [daveSeat] = await addAll(alice, [bob], [dave])
  equal(daveSeat?.group.ownLeaf, carol.group.ownLeaf)
  await refusesMessage(bob, await forgeApplication(insider, 'x', { signer: dave.signer }), 'mls.message.bad_signature')
  const read = await bob.group.process(late)
  deepEqual(read.kind === 'application' && read.sender.leafNode.signatureKey, carol.person.signer.publicKey)
})

test('F24 hands authenticated_data to the application as it was sent (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const processed = await bob.group.process(await alice.group.protect(utf8('x'), { authenticatedData: utf8('v9 of some schema') }))
  deepEqual(processed.kind === 'application' && processed.authenticatedData, utf8('v9 of some schema'))
  const { commit } = await alice.group.commit({ authenticatedData: utf8('on a commit') })
  deepEqual((await stagedBy(bob.group, commit)).authenticatedData, utf8('on a commit'))
})

test('F24 refuses to send more than may be sent (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const tooMuch = new Uint8Array(limits.maxAuthenticatedDataBytes + 1)
  await refuses(alice.group, () => alice.group.protect(new Uint8Array(limits.maxApplicationBytes + 1)), 'mls.message.too_large')
  await refuses(alice.group, () => alice.group.protect(utf8('x'), { authenticatedData: tooMuch }), 'mls.message.too_large')
  await refuses(alice.group, () => alice.group.commit({ authenticatedData: tooMuch }), 'mls.message.too_large')
  await refuses(alice.group, () => alice.group.proposeUpdate({ authenticatedData: tooMuch }), 'mls.message.too_large')
  await honestMessagePasses(alice, bob)
})
