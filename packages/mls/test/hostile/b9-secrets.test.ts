/**
 * mls-validation.md B9: PSKs, the exporter, what is deleted when, limits of generations, and stored state.
 */
import { deepEqual, equal, notDeepEqual, ok, throws } from 'node:assert/strict'
import { inspect } from 'node:util'
import { test } from 'node:test'
import { encode, opaque, present, Secret, struct, toHex, uint32, utf8 } from '@famichat/base'
import { Group, limits, makeExternalPsk, makeRemove, makeResumptionPsk, type Proposal, ProposalType, PSKType, ResumptionPSKUsage, type StateRow } from '@famichat/mls'
import { resolveConfig } from '../../dist/group/config.js'
import { processMessage } from '../../dist/group/process-message.js'
import { openRow, sealRow } from '../../dist/group/row-seal.js'
import { SecretTree } from '../../dist/schedule/secret-tree.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import type { PreSharedKeyID } from '../../dist/wire/proposal.js'
import { ContentType } from '../../dist/wire/registries.js'
import { addAll, aliceAndBob, commitAll, createGroup, groupOf, keyPackageOf, makePerson, type Person, readText, RowStore, type Seat } from '../builders.js'
import { agree, type Code, honestCommitPasses, honestMessagePasses, refuses, refusesMessage, refusesNow, rowsOf } from './assertions.js'
import { insiderOf } from './forge.js'
import { forgeCommit } from './forge-commit.js'
import { joinRefused } from './lure.js'

const three = async (): Promise<[Seat, Seat, Seat]> => await groupOf(3) as [Seat, Seat, Seat]
const pskProposal = (psk: PreSharedKeyID): Proposal => ({ proposalType: ProposalType.psk, psk })
const external = (psk: Partial<{ pskId: Uint8Array; pskNonce: Uint8Array }> = {}): PreSharedKeyID =>
  ({ psktype: PSKType.external, pskId: utf8('shared'), pskNonce: new Uint8Array(32), ...psk })
const resumption = (usage: ResumptionPSKUsage): PreSharedKeyID =>
  ({ psktype: PSKType.resumption, usage, pskGroupId: utf8('test group'), pskEpoch: 1n, pskNonce: new Uint8Array(32) })

const bothRefuse = async (proposals: readonly Proposal[], code: Code): Promise<void> => {
  const [alice, bob, carol] = await three()
  for (const { person } of [alice, bob, carol]) person.psks.set('shared', utf8('secret'))
  await refuses(alice.group, () => alice.group.commit({ proposals }), code)
  await refusesMessage(bob, (await forgeCommit(insiderOf(alice), { proposals })).message, code)
  await honestCommitPasses(alice, bob, carol)
}

test('K01 refuses a PSK nonce that is not as long as a hash (receive, own creation, join)', async () => {
  for (const length of [0, 31, 33, 64]) {
    await bothRefuse([pskProposal(external({ pskNonce: new Uint8Array(length) }))], 'mls.psk.bad_nonce')
    await joinRefused({ psks: [{ id: external({ pskNonce: new Uint8Array(length) }), psk: new Secret(utf8('secret')) }] }, 'mls.psk.bad_nonce')
  }
})

test('K02 refuses resumption PSKs of reinit and branch in a running group (receive, own creation)', async () => {
  for (const usage of [ResumptionPSKUsage.reinit, ResumptionPSKUsage.branch]) await bothRefuse([pskProposal(resumption(usage))], 'mls.psk.wrong_usage')
})

test('K03 refuses a resumption PSK of an epoch that is not kept, or of a group that is not known (receive, own creation)', async () => {
  const { suite } = await makePerson('alice')
  for (const proposal of [makeResumptionPsk(suite, utf8('test group'), 99n), makeResumptionPsk(suite, utf8('elsewhere'), 1n)]) {
    await bothRefuse([proposal], 'mls.psk.unknown')
  }
})

test('K03 keeps the resumption PSKs of the last epochs only (receive, own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const { suite } = alice.person
  const first = makeResumptionPsk(suite, alice.group.groupId, alice.group.epoch)
  for (let time = 0; time < limits.maxResumptionPsks; time++) await commitAll(alice, [bob], { withPath: true })
  await commitAll(alice, [bob], { proposals: [first] })
  agree(alice, bob)
  await refuses(alice.group, () => alice.group.commit({ proposals: [first] }), 'mls.psk.unknown')
  await honestCommitPasses(bob, alice)
})

test('K04 refuses more PSKs than the limit (receive, own creation)', async () => {
  const { suite } = await makePerson('alice')
  await bothRefuse(Array.from({ length: limits.maxPsks + 1 }, () => makeExternalPsk(suite, utf8('shared'))), 'mls.psk.too_many')
})

test('K05 separates exported secrets by label, context, length and epoch (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const exported = (label: string, context: string, length: number): string => toHex(alice.group.exportSecret(label, utf8(context), length).expose())
  const all = [exported('a', 'b', 32), exported('ab', '', 32), exported('', 'ab', 32), exported('b', 'a', 32), exported('a', 'b', 33), exported('a', 'b', 31)]
  equal(new Set(all.map((hex) => hex.slice(0, 40))).size, all.length)
  for (const length of [0, -1, 1.5, 255 * 32 + 1, Number.NaN]) refusesNow(() => alice.group.exportSecret('a', utf8('b'), length), 'mls.exporter.bad_length')
  const before = exported('a', 'b', 32)
  await commitAll(bob, [alice])
  notDeepEqual(exported('a', 'b', 32), before)
  alice.group.close()
  refusesNow(() => alice.group.exportSecret('a', utf8('b'), 32), 'base.secret.wiped')
})

test('K06 deletes what only an epoch may use when it is over, in memory and in the store (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  const { commit } = await bob.group.commit()
  const { state } = insiderOf(alice)
  const { secrets } = state.epoch
  const processed = await processMessage({ config: resolveConfig(alice.person.config), signer: alice.person.signer, state }, commit)
  if (processed.kind !== 'commit') throw new TypeError('a commit is expected')
  state.enter(processed.staged, { nowMs: alice.person.clock.nowMs(), maxEpochs: 3, maxAgeMs: 1000 })
  for (const name of ['exporterSecret', 'externalSecret', 'confirmationKey', 'membershipKey', 'epochAuthenticator', 'initSecret'] as const) {
    equal(secrets[name].isWiped, true, name)
  }
  equal(secrets.senderDataSecret.isWiped, false)
})

test('K07 deletes a message key, and the secrets above its leaf, when it is used (receive)', async () => {
  const { suite } = await makePerson('alice')
  const tree = SecretTree.fromEncryptionSecret(suite, new Secret(suite.random(32)), 8)
  const kept = new Set<string>()
  const names = (): readonly string[] => {
    for (const { key, value } of tree.takeChanges()) {
      if (value === undefined) kept.delete(key)
      else kept.add(key)
    }
    return [...kept].sort()
  }
  deepEqual(names(), ['n7'])
  const peeked = tree.peek(toLeafIndex(2), ContentType.application, 0)
  deepEqual(names(), ['n7'])
  peeked.consume()
  // the siblings of the way down stay: 11 and 1 beside it, 6 the other leaf; 7, 3, 5 and 4 are gone
  deepEqual(names(), ['n1', 'n11', 'n6', 'r4', 'r5'])
  throws(() => tree.peek(toLeafIndex(2), ContentType.application, 0), { code: 'mls.message.key_consumed' })
  tree.peek(toLeafIndex(3), ContentType.commit, 0).consume()
  deepEqual(names(), ['n1', 'n11', 'r4', 'r5', 'r6', 'r7'])
  tree.takeSendingKey(toLeafIndex(7), ContentType.application)
  deepEqual(names(), ['n1', 'n12', 'n9', 'r14', 'r15', 'r4', 'r5', 'r6', 'r7'])
})

test('K08 gives 1,000 messages sent at once 1,000 generations (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  const messages = await Promise.all(Array.from({ length: 1000 }, (_, index) => alice.group.protect(utf8(index.toString()))))
  const generations = new Set<number>()
  const texts = new Set<string>()
  for (const message of messages) {
    const processed = await bob.group.process(message)
    if (processed.kind !== 'application') throw new TypeError('application data is expected')
    generations.add(processed.generation)
    texts.add(new TextDecoder().decode(processed.applicationData))
  }
  deepEqual([generations.size, texts.size], [1000, 1000])
})

const StoredRatchet = struct({ generation: uint32, secret: opaque({ min: 1 }) })

/** The seat after a restart, with one of its own ratchets put just below a generation. */
const atGeneration = (seat: Seat, type: ContentType, generation: number): Seat => {
  const insider = insiderOf(seat)
  const { hash } = insider.epoch.suite
  const id = 2 * seat.group.ownLeaf + (type === ContentType.application ? 1 : 0)
  const key = `s${seat.group.epoch.toString()}.r${id.toString()}`
  const value = encode(StoredRatchet, { generation, secret: new Uint8Array(32).fill(3) })
  const store = new RowStore()
  for (const [name, row] of rowsOf(seat.group).rows) store.rows.set(name, row)
  store.rows.set(key, sealRow(hash, seat.group.groupId, { key, value }))
  return { person: seat.person, group: store.restore(seat.person) }
}

test('K09 refuses to send at the last generation, long before 2^32, and a commit helps (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  await alice.group.protect(utf8('splits the ratchets off'))
  const worn = atGeneration(alice, ContentType.application, limits.maxGeneration - 1)
  await worn.group.protect(utf8('the last one'))
  await refuses(worn.group, () => worn.group.protect(utf8('one too many')), 'mls.group.message_limit')
  await honestCommitPasses(worn, bob)
  await honestMessagePasses(worn, bob)
  ok(limits.maxGeneration < 2 ** 32)
})

test('K10 refuses handshakes beyond the limit of an epoch, too, and another member\'s commit helps (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  await alice.group.protect(utf8('splits the ratchets off'))
  const worn = atGeneration(alice, ContentType.commit, limits.maxGeneration)
  await refuses(worn.group, () => worn.group.propose(makeRemove(toLeafIndex(1))), 'mls.group.message_limit')
  await refuses(worn.group, () => worn.group.commit(), 'mls.group.message_limit')
  await honestCommitPasses(bob, worn)
  await honestCommitPasses(worn, bob)
})

test('K11 shows no secret in JSON, in inspect, in text, or in an error', async () => {
  const { alice, bob } = await aliceAndBob()
  const canary = 'top secret plaintext'
  const { secrets, privateKeys } = insiderOf(alice).epoch
  const hexes = [...Object.values<Secret>({ ...secrets }), ...privateKeys.values()].map((secret) => secret.expose())
  const message = await alice.group.protect(utf8(canary))
  const { staged } = await alice.group.commit()
  const bundle = await keyPackageOf(bob.person)
  const shown = [alice.group, staged, bundle, insiderOf(alice), insiderOf(alice).state, alice.group.exportSecret('a', utf8(''), 32)]
    .flatMap((thing) => [JSON.stringify(thing, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value instanceof Map ? [...value] : value)), inspect(thing, { depth: 12, maxArrayLength: null })])
  await refusesMessage(bob, message.map((byte, index) => (index === message.length - 1 ? byte ^ 1 : byte)), 'mls.message.decrypt_failed')
  const error: unknown = await bob.group.process(message.subarray(0, -1)).catch((refusal: unknown) => refusal)
  shown.push(inspect(error, { depth: 12 }), JSON.stringify(error))
  for (const text of shown) {
    equal(text.includes(canary), false)
    for (const bytes of hexes) {
      equal(text.includes(toHex(bytes)) || text.includes(bytes.join(',')) || text.includes([...bytes].join(', ')), false)
    }
  }
})

/** Group.restore of changed rows is refused. */
const restoreRefused = (person: Person, rows: Iterable<StateRow>): void => {
  refusesNow(() => Group.restore({ config: person.config, signer: person.signer, rows }), 'mls.snapshot.malformed')
}

const asRows = (rows: ReadonlyMap<string, Uint8Array>): readonly StateRow[] => [...rows].map(([key, value]) => ({ key, value }))

test('K12 refuses stored state that is damaged, cut, of another version, or of another group', async () => {
  const { alice, bob } = await aliceAndBob()
  await bob.group.process(await alice.group.protect(utf8('x')))
  const { rows } = rowsOf(bob.group)
  const changed = (key: string, change: (value: Uint8Array) => Uint8Array): readonly StateRow[] =>
    [...rows].map(([name, value]) => ({ key: name, value: name === key ? change(value) : value }))
  for (const [key, value] of rows) {
    for (const at of [0, value.length >> 1, value.length - 1]) {
      restoreRefused(bob.person, changed(key, (row) => row.map((byte, index) => (index === at ? byte ^ 1 : byte))))
    }
    restoreRefused(bob.person, changed(key, (row) => row.subarray(0, -1)))
    restoreRefused(bob.person, changed(key, () => new Uint8Array(0)))
  }
  restoreRefused(bob.person, [])
  restoreRefused(bob.person, asRows(rows).filter(({ key }) => key !== 'h'))
  restoreRefused(bob.person, asRows(rows).filter(({ key }) => key !== 't0'))
  // another version, under a right checksum
  const { hash } = bob.person.suite
  const header = openRow(hash, bob.group.groupId, { key: 'h', value: rows.get('h') ?? new Uint8Array(0) }).slice()
  header[0] = 2
  restoreRefused(bob.person, changed('h', () => sealRow(hash, bob.group.groupId, { key: 'h', value: header })))
  const elsewhere = { person: alice.person, group: await createGroup(alice.person, { groupId: utf8('another group') }) }
  const [other] = await addAll(elsewhere, [], [await makePerson('bob', { seed: 9 })])
  const theirs = rowsOf(present(other, 'the seat is taken').group).rows
  for (const key of rows.keys()) if (theirs.has(key) && key !== 'h') restoreRefused(bob.person, changed(key, () => theirs.get(key) ?? new Uint8Array(0)))
  const restored = Group.restore({ config: bob.person.config, signer: bob.person.signer, rows: asRows(rows) })
  equal(await readText(restored, await alice.group.protect(utf8('still here'))), 'still here')
})

test('K12 refuses rows at each other\'s places', async () => {
  const [alice] = await three()
  const { rows } = rowsOf(alice.group)
  const leaves = [...rows.keys()].filter((key) => key.startsWith('t'))
  const [one, two] = leaves
  if (one === undefined || two === undefined) throw new TypeError('the tree has rows')
  const swapped = new Map(rows)
  swapped.set(one, rows.get(two) ?? new Uint8Array(0))
  swapped.set(two, rows.get(one) ?? new Uint8Array(0))
  restoreRefused(alice.person, asRows(swapped))
})

test('K12 refuses a copy of stored state that is older than what the caller remembers', async () => {
  const { alice, bob } = await aliceAndBob()
  const old = asRows(new Map(rowsOf(alice.group).rows))
  await bob.group.process(await alice.group.protect(utf8('under a key the old copy still has')))
  const current = asRows(rowsOf(alice.group).rows)
  const atLeastVersion = alice.group.stateVersion
  const { config, signer } = alice.person
  refusesNow(() => Group.restore({ config, signer, rows: old, atLeastVersion }), 'mls.snapshot.stale')
  restoreRefused(alice.person, current.filter(({ key }) => key !== 'v'))
  const restored = Group.restore({ config, signer, rows: current, atLeastVersion })
  equal(restored.stateVersion, atLeastVersion)
  equal(await readText(bob.group, await restored.protect(utf8('goes on'))), 'goes on')
})
