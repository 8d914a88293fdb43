/**
 * The engine's benchmark: each piece of work at several group sizes, beside its floor.
 */
import { present, utf8 } from '@famichat/base'
import { generateSignatureKey, Group, type KeyPackageBundle, makeAdd, makeBasicCredential, makeCapabilities, makeKeyPackage, makeLifetime, makeCipherSuite, type Signer } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { freshKeyPair } from '../../dist/tree/treekem.js'
import { START_MS } from '../builders.js'
import type { Floor } from './floor.js'
import { measure, measurePrepared, type Measured } from './measure.js'
import { benchConfig, buildWarmGroup } from './warm-group.js'

/** One measured piece of work. */
export interface Row {
  readonly work: string
  readonly members: number
  /** Microseconds, or bytes where `unit` says so. */
  readonly ours: Measured
  readonly unit: 'µs' | 'bytes'
  /** What the primitives it consists of cost, same unit. */
  readonly floor: number | undefined
  /** What the goal of the design is, as a multiple of the floor, or an absolute number of bytes. */
  readonly goal: number | undefined
}

const SUITE = 1
const MESSAGE = new Uint8Array(100).fill(0x61)
const exactly = (value: number): Measured => ({ median: value, low: value, high: value })

/** HPKE alone. */
export const benchHpke = async (floor: Floor): Promise<readonly Row[]> => {
  const suite = makeCipherSuite(SUITE, nodeBackend, benchConfig(1).random ?? (() => new Uint8Array(0)))
  const recipient = await freshKeyPair(suite)
  const context = suite.hpke.scheduleContext(new Uint8Array(100))
  const plaintext = new Uint8Array(32)
  const sealed = await suite.hpke.seal(recipient.publicKey, context, plaintext, suite.random)
  return [
    { work: 'HPKE seal', members: 1, ours: await measure(() => suite.hpke.seal(recipient.publicKey, context, plaintext, suite.random)), unit: 'µs', floor: floor.hpkeSeal.median, goal: 1.3 },
    { work: 'HPKE open', members: 1, ours: await measure(() => suite.hpke.open(recipient, context, sealed)), unit: 'µs', floor: floor.hpkeOpen.median, goal: 1.3 },
  ]
}

/** Messages and warm self-updates in a group of `size`. */
export const benchWarm = async (size: number, floor: Floor): Promise<readonly Row[]> => {
  const warm = await buildWarmGroup(size, SUITE)
  const alice = warm.seat(0)
  const bob = warm.seat(size - 1)
  alice.takeChanges()
  bob.takeChanges()
  const calls = 300
  const send = await measure(() => alice.protect(MESSAGE), { calls })
  const queue: Uint8Array[] = []
  // the receiver steps over what was sent above, within its forward limit
  const late = warm.seat(0)
  for (let i = 0; i < 6 * calls + 1; i++) queue.push(await late.protect(MESSAGE))
  queue.reverse()
  const receive = await measure(() => bob.process(present(queue.pop(), 'a message is left')), { calls })
  bob.takeChanges()
  await bob.protect(MESSAGE)
  bob.takeChanges()
  await bob.protect(MESSAGE)
  const messageBytes = rowBytes(bob)

  const path = Math.ceil(Math.log2(size))
  const commitFloor = path * floor.hpkeSeal.median + floor.sign.median
  const create = await measurePrepared(() => undefined, async () => {
    const { staged } = await alice.commit()
    alice.discard(staged)
  }, 9)
  const bundle = await alice.commit()
  const process = await measurePrepared(() => undefined, async () => {
    const processed = await bob.process(bundle.commit)
    if (processed.kind === 'commit') bob.discard(processed.staged)
  }, 9)
  const processed = await bob.process(bundle.commit)
  if (processed.kind === 'commit') bob.merge(processed.staged)
  const commitBytes = rowBytes(bob)
  const row = (work: string, ours: Measured, floorAt: number | undefined, goal: number | undefined): Row =>
    ({ work, members: size, ours, unit: 'µs', floor: floorAt, goal })
  return [
    row('send 100 bytes', send, floor.send.median, 1.3),
    row('receive 100 bytes', receive, floor.receive.median, 1.3),
    row('self-update, warm: create', create, commitFloor, 1.5),
    row('self-update, warm: process', process, undefined, undefined),
    { work: 'snapshot delta of a message', members: size, ours: exactly(messageBytes), unit: 'bytes', floor: undefined, goal: 1024 },
    { work: 'snapshot delta of a warm commit', members: size, ours: exactly(commitBytes), unit: 'bytes', floor: undefined, goal: 20480 },
  ]
}

/** Adding everybody at once to a group of one, the first commit after it, and joining. */
export const benchFresh = async (size: number, floor: Floor): Promise<readonly Row[]> => {
  const config = benchConfig(size)
  const suite = makeCipherSuite(SUITE, nodeBackend, present(config.random, 'seeded'))
  const people: { readonly signer: Signer; readonly bundle: KeyPackageBundle }[] = []
  const lifetime = makeLifetime(BigInt(START_MS / 1000), 1000n)
  const leafOf = (name: string) => ({ credential: makeBasicCredential(utf8(name)), capabilities: makeCapabilities(suite.random) })
  for (let index = 1; index < size; index++) {
    const { signer } = await generateSignatureKey(suite)
    people.push({ signer, bundle: await makeKeyPackage(suite, signer, { ...leafOf(`member ${index.toString()}`), lifetime }) })
  }
  const { signer } = await generateSignatureKey(suite)
  const creator = await Group.create({ config, signer, groupId: utf8('fresh'), cipherSuite: SUITE, leaf: leafOf('creator') })
  const proposals = people.map(({ bundle }) => makeAdd(bundle.keyPackage))
  const addAll = await measurePrepared(() => undefined, async () => {
    const { staged } = await creator.commit({ proposals })
    creator.discard(staged)
  }, 3)
  const { welcome, staged } = await creator.commit({ proposals })
  creator.merge(staged)
  const last = present(people.at(-1), 'somebody was added')
  const join = (): Promise<{ readonly group: Group }> =>
    Group.join({ config, signer: last.signer, welcome: present(welcome, 'a Welcome'), keyPackages: [last.bundle] })
  const joining = await measurePrepared(() => undefined, join, 3)
  const first = await measurePrepared(async () => (await join()).group, (group) => group.commit(), 3)
  const seals = (size - 1) * floor.hpkeSeal.median
  return [
    { work: 'add everyone at once', members: size, ours: addAll, unit: 'µs', floor: seals, goal: 0.7 },
    { work: 'first commit on a blank tree', members: size, ours: first, unit: 'µs', floor: seals, goal: 0.7 },
    { work: 'join', members: size, ours: joining, unit: 'µs', floor: size * floor.verify.median, goal: 1.3 },
    { work: 'memory of one group', members: size, ours: exactly(await memoryOf(async () => (await join()).group)), unit: 'bytes', floor: undefined, goal: size === 1000 ? 4 * 1024 * 1024 : undefined },
  ]
}

const rowBytes = (group: Group): number =>
  group.takeChanges().reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0)

/** Heap and array buffers of one more group; needs --expose-gc to be exact. */
const memoryOf = async (make: () => Promise<Group>): Promise<number> => {
  const used = (): number => {
    globalThis.gc?.()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const before = used()
  const groups = [await make(), await make(), await make()]
  const bytes = (used() - before) / groups.length
  for (const group of groups) group.close()
  return Math.round(bytes)
}

