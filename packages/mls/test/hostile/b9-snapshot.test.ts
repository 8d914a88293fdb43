/**
 * mls-validation.md K12, second part: stored rows whose checksum is right and whose contents cannot be.
 */
import { equal, rejects } from 'node:assert/strict'
import { test } from 'node:test'
import { type Codec, decode, encode, opaque, Secret, struct, uint32, utf8 } from '@famichat/base'
import { Group, limits, makeRemove } from '@famichat/mls'
import { openRow, sealRow } from '../../dist/group/row-seal.js'
import { StoredHeader, StoredPast, StoredPending } from '../../dist/group/stored.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import { aliceAndBob, commitAll, readText, RowStore, type Seat, stagedBy } from '../builders.js'
import { agree, refuses, refusesNow, rowsOf } from './assertions.js'
import type { Change } from './forge-leaf.js'

/** A store with a row put in, its checksum right. */
const withRow = (seat: Seat, key: string, value: Uint8Array): RowStore => {
  const store = new RowStore()
  for (const [name, row] of rowsOf(seat.group).rows) store.rows.set(name, row)
  store.rows.set(key, sealRow(seat.person.suite.hash, seat.group.groupId, { key, value }))
  return store
}

const contentOf = ({ person, group }: Seat, key: string): Uint8Array =>
  openRow(person.suite.hash, group.groupId, { key, value: rowsOf(group).rows.get(key) ?? new Uint8Array(0) })

/** A stored structure is changed, and the whole refused; unchanged it is restored. */
const refused = <T>(seat: Seat, key: string, codec: Codec<T>, change: Change<T>): void => {
  const honest = decode(codec, contentOf(seat, key).slice())
  const same = withRow(seat, key, encode(codec, honest))
  equal(same.restore(seat.person).epoch, seat.group.epoch)
  const changed = withRow(seat, key, encode(codec, change(decode(codec, contentOf(seat, key).slice()))))
  refusesNow(() => changed.restore(seat.person), 'mls.snapshot.malformed')
}

test('K12 refuses a header that does not fit its tree, its suite or itself', async () => {
  const { alice, bob } = await aliceAndBob()
  await commitAll(alice, [bob])
  const changes: readonly Change<StoredHeader>[] = [
    (header) => ({ ...header, status: 3 }),
    (header) => ({ ...header, status: 255 }),
    (header) => ({ ...header, cipherSuite: 1 }),
    (header) => ({ ...header, context: { ...header.context, cipherSuite: 1 } }),
    (header) => ({ ...header, leafCount: 0 }),
    (header) => ({ ...header, leafCount: 3 }),
    (header) => ({ ...header, leafCount: 4 }),
    (header) => ({ ...header, leafCount: 2 * limits.maxLeaves }),
    (header) => ({ ...header, leafCount: 2 ** 31 }),
    (header) => ({ ...header, ownLeaf: toLeafIndex(2) }),
    (header) => ({ ...header, ownLeaf: toLeafIndex(2 ** 31) }),
    (header) => ({ ...header, secrets: [] }),
    (header) => ({ ...header, secrets: header.secrets.slice(1) }),
    (header) => ({ ...header, secrets: header.secrets.map((secret, at) => (at === 0 ? new Secret(new Uint8Array(31)) : secret)) }),
    (header) => ({ ...header, privateKeys: [] }),
    (header) => ({ ...header, privateKeys: [...header.privateKeys, ...header.privateKeys.slice(0, 1)] }),
    (header) => ({ ...header, privateKeys: [...header.privateKeys, { node: 2, key: new Secret(new Uint8Array(32)) }] }),
    (header) => ({ ...header, privateKeys: header.privateKeys.filter(({ node }) => node !== 0) }),
    (header) => ({ ...header, context: { ...header.context, treeHash: new Uint8Array(32) } }),
  ]
  for (const change of changes) refused(alice, 'h', StoredHeader, change)
})

test('K12 refuses past epochs and resumption PSKs under another name', async () => {
  const { alice, bob } = await aliceAndBob()
  await commitAll(alice, [bob])
  refused(alice, 'e1', StoredPast, (past) => ({ ...past, epoch: 0n }))
  refused(alice, 'e1', StoredPast, (past) => ({ ...past, leafCount: 3 }))
  for (const key of ['o01', 'o', 'o-1', 'ox', 'o1x', 'o123456789012345678901']) {
    refusesNow(() => withRow(alice, key, contentOf(alice, 'o1')).restore(alice.person), 'mls.snapshot.malformed')
  }
})

test('K12 refuses tree nodes under names that are no place in the tree', async () => {
  const { alice } = await aliceAndBob()
  for (const key of ['t3', 't00', 't-1', 't1.5', 'tx', 't', 't4294967296']) {
    refusesNow(() => withRow(alice, key, contentOf(alice, 't0')).restore(alice.person), 'mls.snapshot.malformed')
  }
})

test('K12 refuses a pending commit of somebody else, or of another tree', async () => {
  const { alice } = await aliceAndBob()
  await alice.group.commit()
  const inHeader = (change: Change<StoredHeader>): Change<ReturnType<typeof StoredPending.decodeFrom>> => (pending) =>
    ({ ...pending, header: encode(StoredHeader, change(decode(StoredHeader, pending.header))) })
  refused(alice, 'c', StoredPending, (pending) => ({ ...pending, committer: toLeafIndex(1) }))
  refused(alice, 'c', StoredPending, inHeader((header) => ({ ...header, ownLeaf: toLeafIndex(1) })))
  refused(alice, 'c', StoredPending, inHeader((header) => ({ ...header, leafCount: 5 })))
  refused(alice, 'c', StoredPending, inHeader((header) => ({ ...header, context: { ...header.context, treeHash: new Uint8Array(32) } })))
  refused(alice, 'c', StoredPending, (pending) => ({ ...pending, nodes: [] }))
})

test('K12 refuses a row too short for its checksum', async () => {
  const { alice } = await aliceAndBob()
  for (const length of [0, 1, 7]) {
    const store = withRow(alice, 'h', contentOf(alice, 'h'))
    store.rows.set('h', (store.rows.get('h') ?? new Uint8Array(0)).subarray(0, length))
    refusesNow(() => store.restore(alice.person), 'mls.snapshot.malformed')
  }
  equal(withRow(alice, 'h', contentOf(alice, 'h')).restore(alice.person).epoch, 1n)
})

test('P21 does not keep an own proposal whose epoch ended while it was signed (own creation)', async () => {
  const { alice, bob } = await aliceAndBob()
  let proceed = (): void => undefined
  const gate = new Promise<void>((resolve) => { proceed = resolve })
  const signer = { publicKey: alice.person.signer.publicKey, sign: async (message: Uint8Array) => { await gate; return alice.person.signer.sign(message) } }
  const slow = Group.restore({ config: alice.person.config, signer, rows: rowsOf(alice.group).all() })
  const { commit, staged } = await bob.group.commit()
  const next = await stagedBy(slow, commit)
  const proposing = slow.propose(makeRemove(toLeafIndex(1)))
  slow.merge(next)
  bob.group.merge(staged)
  proceed()
  await rejects(proposing, { code: 'mls.message.wrong_epoch' })
  equal(slow.pendingProposals.length, 0)
  agree(bob, { person: alice.person, group: slow })
  equal(await readText(bob.group, await slow.protect(utf8('goes on'))), 'goes on')
  await refuses(slow, () => slow.process(commit), 'mls.message.wrong_epoch')
})

const StoredRatchet = struct({ generation: uint32, secret: opaque() })
const StoredKey = struct({ generation: uint32, key: opaque(), nonce: opaque() })

test('K12 refuses secrets of another length, and rows of the secret tree under a wrong name', async () => {
  const { alice, bob } = await aliceAndBob()
  const skipped = await alice.group.protect(utf8('skipped'))
  await bob.group.process(await alice.group.protect(utf8('read')))
  refused(bob, 's1.r1', StoredRatchet, (ratchet) => ({ ...ratchet, secret: ratchet.secret.subarray(1) }))
  refused(bob, 's1.k1.0', StoredKey, (key) => ({ ...key, generation: 1 }))
  refused(bob, 's1.k1.0', StoredKey, (key) => ({ ...key, key: key.key.subarray(1) }))
  refused(bob, 's1.k1.0', StoredKey, (key) => ({ ...key, nonce: key.nonce.subarray(1) }))
  const node = contentOf(bob, 's1.n2')
  refusesNow(() => withRow(bob, 's1.n2', node.subarray(1)).restore(bob.person), 'mls.snapshot.malformed')
  for (const key of ['s1.n3', 's1.n-1', 's1.x1', 's1.n', 's1.k1', 's1.k1.', 's1.']) {
    refusesNow(() => withRow(bob, key, node).restore(bob.person), 'mls.snapshot.malformed')
  }
  refusesNow(() => withRow(bob, 's1.r4', contentOf(bob, 's1.r1')).restore(bob.person), 'mls.snapshot.malformed')
  equal(await readText(bob.group, skipped), 'skipped')
})

test('K07 says that a key is used up when the ratchet it came from is gone from the store (receive)', async () => {
  const { alice, bob } = await aliceAndBob()
  await bob.group.process(await alice.group.protect(utf8('splits the ratchets off')))
  const store = withRow(bob, 'h', contentOf(bob, 'h'))
  store.rows.delete('s1.r0')
  store.rows.delete('s1.r1')
  const poorer = store.restore(bob.person)
  await rejects(poorer.process(await alice.group.protect(utf8('x'))), { code: 'mls.message.key_consumed' })
})
