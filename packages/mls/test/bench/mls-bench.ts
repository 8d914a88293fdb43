/**
 * The engine's benchmark: each piece of work at several group sizes, beside its floor in the same turns.
 */
import { decode, encode, present, systemRandom, utf8 } from '@famichat/base'
import {
  type CipherSuite, generateSignatureKey, Group, type KeyPackageBundle, type LeafParameters, makeAdd, makeBasicCredential, makeCapabilities,
  makeCipherSuite, makeKeyPackage, makeLifetime, type Signer,
} from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { freshKeyPair } from '../../dist/tree/treekem.js'
import { KeyPackage } from '../../dist/wire/key-package.js'
import { decodeMessage } from '../../dist/wire/message.js'
import { ContentType, WireFormat } from '../../dist/wire/registries.js'
import { START_MS } from '../builders.js'
import { floor, repeated } from './floor.js'
import { collect, compare, type Compared, type Measured } from './measure.js'
import { benchConfig, buildWarmGroup } from './warm-group.js'

/** One measured piece of work. */
export interface Row {
  readonly work: string
  readonly members: number
  /** Microseconds, or bytes where `unit` says so. */
  readonly unit: 'µs' | 'bytes'
  readonly ours: Measured
  /** What the primitives it consists of cost, in turns with it. */
  readonly floor: Measured | undefined
  /** Ours to the floor: see {@link Compared}. */
  readonly ratio: number | undefined
  /** The design's goal: a multiple of the floor, or a number of bytes. */
  readonly goal: number | undefined
  /** The floor the goal is a multiple of, where it is another: microseconds. */
  readonly goalFloor?: number
}

const SUITE = 1
/** Below this many members the goals for whole-group work say nothing: a few microseconds of framing outweigh one seal. */
const GOALS_FROM = 100
const MESSAGE = new Uint8Array(100).fill(0x61)

const timeRow = (work: string, members: number, { ours, floor: beside, ratio }: Compared, goal?: number): Row =>
  ({ work, members, unit: 'µs', ours, floor: beside, ratio, goal })

const byteRow = (work: string, members: number, bytes: number, goal?: number): Row =>
  ({ work, members, unit: 'bytes', ours: { median: bytes, low: bytes, high: bytes }, floor: undefined, ratio: undefined, goal })

/** HPKE alone. */
export const benchHpke = async (): Promise<readonly Row[]> => {
  const suite = makeCipherSuite(SUITE, nodeBackend, systemRandom)
  const recipient = await freshKeyPair(suite)
  const context = suite.hpke.scheduleContext(new Uint8Array(100))
  const plaintext = new Uint8Array(32)
  const sealed = await suite.hpke.seal(recipient.publicKey, context, plaintext, suite.random)
  return [
    timeRow('HPKE seal', 1, await compare(() => suite.hpke.seal(recipient.publicKey, context, plaintext, suite.random), floor.hpkeSeal), 1.3),
    timeRow('HPKE open', 1, await compare(() => suite.hpke.open(recipient, context, sealed), floor.hpkeOpen), 1.3),
  ]
}

/** Messages and warm self-updates in a group of `size`. */
export const benchWarm = async (size: number): Promise<readonly Row[]> => {
  const warm = await buildWarmGroup(size, SUITE)
  return [...await benchMessages(size, warm.seat(0), warm.seat(size - 1)), ...await benchSelfUpdate(size, warm.seat(0), warm.seat(size - 1))]
}

const benchMessages = async (size: number, alice: Group, bob: Group): Promise<readonly Row[]> => {
  const queue: Uint8Array[] = []
  const prepare = async (): Promise<void> => {
    while (queue.length < 100) queue.push(await alice.protect(MESSAGE))
    queue.reverse()
  }
  const receive = await compare(() => bob.process(present(queue.pop(), 'a message is left')), floor.receive, { prepare })
  // after it: a receiver follows a sender over at most 1,000 missing messages
  const send = await compare(() => alice.protect(MESSAGE), floor.send)
  await bob.protect(MESSAGE)
  bob.takeChanges()
  await bob.protect(MESSAGE)
  return [
    timeRow('send 100 bytes', size, send, 1.3),
    timeRow('receive 100 bytes', size, receive, 1.3),
    byteRow('snapshot delta of a message', size, rowBytes(bob), 1024),
  ]
}

const benchSelfUpdate = async (size: number, alice: Group, bob: Group): Promise<readonly Row[]> => {
  const steps = Math.ceil(Math.log2(size))
  const commitFloor = (): void => {
    repeated(steps, floor.hpkeSeal)()
    floor.sign()
  }
  const create = await compare(async () => {
    const { staged } = await alice.commit()
    alice.discard(staged)
  }, commitFloor, { calls: 10, runs: 31, warmUp: 40, collected: true })
  let bundle = await alice.commit()
  // each run takes a commit of the sender's next handshake key, close behind the receiver's
  const processed = await compare(async () => {
    const received = await bob.process(bundle.commit)
    if (received.kind !== 'commit') throw new TypeError('a commit is expected')
    bob.merge(received.staged)
  }, () => {
    floor.verify()
    floor.hpkeOpen()
    floor.verify()
  }, {
    calls: 1,
    runs: 31,
    warmUp: 40,
    prepare: async () => {
      if (bob.epoch === alice.epoch) return
      alice.merge(bundle.staged)
      bob.takeChanges()
      bundle = await alice.commit()
    },
  })
  return [
    timeRow('self-update, warm: create', size, create, size > 1000 ? undefined : goalAt(size, 1.5)),
    timeRow('self-update, warm: process', size, processed),
    byteRow('snapshot delta of a warm commit', size, rowBytes(bob), 20480),
  ]
}

/** Adding everybody at once to a group of one, the first commit after it, and joining. */
export const benchFresh = async (size: number): Promise<readonly Row[]> => {
  const config = benchConfig()
  const suite = makeCipherSuite(SUITE, nodeBackend, systemRandom)
  const people: { readonly signer: Signer; readonly bundle: KeyPackageBundle }[] = []
  const lifetime = makeLifetime(BigInt(START_MS / 1000), 1000n)
  for (let index = 1; index < size; index++) {
    const { signer } = await generateSignatureKey(suite)
    people.push({ signer, bundle: await makeKeyPackage(suite, signer, { ...leafOf(suite, `member ${index.toString()}`), lifetime }) })
  }
  const { signer } = await generateSignatureKey(suite)
  const creator = await Group.create({ config, signer, groupId: utf8('fresh'), cipherSuite: SUITE, leaf: leafOf(suite, 'creator') })
  const once = { calls: 1, runs: 15, warmUp: 8, collected: true } as const
  const seals = repeated(size - 1, floor.hpkeSeal)
  // as they come from a directory: bytes, whose signatures are not known to be genuine yet
  const bytes = people.map(({ bundle }) => encode(KeyPackage, bundle.keyPackage))
  const download = (): readonly KeyPackage[] => bytes.map((encoded) => decode(KeyPackage, encoded))
  const validate = await compare(() => creator.validateKeyPackages(download()), repeated(2 * (size - 1), floor.verify), once)
  const downloaded = download()
  await creator.validateKeyPackages(downloaded)
  const proposals = downloaded.map(makeAdd)
  const addAll = await compare(async () => {
    const { staged } = await creator.commit({ proposals })
    creator.discard(staged)
  }, seals, once)
  const { welcome, staged } = await creator.commit({ proposals })
  creator.merge(staged)
  const last = present(people.at(-1), 'somebody was added')
  const join = async (joinerConfig = config): Promise<Group> =>
    (await Group.join({ config: joinerConfig, signer: last.signer, welcome: present(welcome, 'a Welcome'), keyPackages: [last.bundle] })).group
  let joined = await join()
  const joining = await compare(() => join(), repeated(size, floor.verify), once)
  const inPublic = await join({ ...config, policy: { handshakes: 'public' } })
  const firstSeals = repeated(countSeals((await inPublic.commit()).commit), floor.hpkeSeal)
  const first = await compare(() => joined.commit(), firstSeals, { ...once, prepare: async () => { joined = await join() } })
  const keyObjects = await compare(repeated(size, floor.hpkeSealOfKeyObjects), repeated(size, floor.hpkeSeal), once)
  const sealRow = (work: string, compared: Compared): Row => ({
    ...timeRow(work, size, compared, goalAt(size, 0.7)),
    goalFloor: compared.floor.median * keyObjects.ratio,
  })
  return [
    timeRow('validate everyone\'s KeyPackages', size, validate),
    sealRow('add everyone at once', addAll),
    sealRow('first commit on a blank tree', first),
    timeRow('join', size, joining, goalAt(size, 1.3)),
    byteRow('memory of one group', size, await memoryOf(() => join()), size === 1000 ? 4 * 1024 * 1024 : undefined),
  ]
}

const goalAt = (size: number, goal: number): number | undefined => (size >= GOALS_FROM ? goal : undefined)

const leafOf = (suite: CipherSuite, name: string): LeafParameters =>
  ({ credential: makeBasicCredential(utf8(name)), capabilities: makeCapabilities(suite.random) })

/** The HPKE ciphertexts of a commit in the clear: one for each node of the copath's resolutions. */
const countSeals = (commit: Uint8Array): number => {
  const message = decodeMessage(commit)
  const content = message.wireFormat === WireFormat.publicMessage ? message.publicMessage.content.content : undefined
  const path = content?.contentType === ContentType.commit ? content.commit.path : undefined
  return present(path, 'a commit in the clear, with a path').nodes.reduce((sum, node) => sum + node.encryptedPathSecret.length, 0)
}

const rowBytes = (group: Group): number =>
  group.takeChanges().reduce((sum, { key, value }) => sum + key.length + (value?.length ?? 0), 0)

/** Heap and array buffers of one more group: the median of several. */
const memoryOf = async (make: () => Promise<Group>): Promise<number> => {
  const used = async (): Promise<number> => {
    collect()
    // what native objects hold is freed in a later turn
    await new Promise((resolve) => { setImmediate(resolve) })
    collect()
    const { heapUsed, arrayBuffers } = process.memoryUsage()
    return heapUsed + arrayBuffers
  }
  const groups = [await make()]
  const sizes: number[] = []
  for (let more = 0; more < 5; more++) {
    const before = await used()
    groups.push(await make())
    sizes.push(await used() - before)
  }
  const bytes = sizes.sort((a, b) => a - b)[2] ?? 0
  for (const group of groups) group.close()
  return Math.max(0, Math.round(bytes))
}
