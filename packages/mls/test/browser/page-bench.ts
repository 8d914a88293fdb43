/**
 * The engine's benchmark in a browser page: the work of the Node benchmark, on the WebCrypto backend.
 */
import { present, Secret, systemRandom, utf8 } from '@famichat/base'
import {
  type CipherSuite, generateSignatureKey, Group, type KeyPackageBundle, type LeafParameters, makeAdd, makeBasicCredential, makeCapabilities,
  makeCipherSuite, makeKeyPackage, makeLifetime, type Signer,
} from '@famichat/mls'
import { freshKeyPair } from '../../dist/tree/treekem.js'
import { benchConfig, buildWarmGroup } from '../bench/warm-group.js'
import { START_MS } from '../builders.js'
import { nodeBackend as pageBackend } from './page-backend.js'

/** Microseconds per call: the median of the runs, the fastest and the slowest. */
export interface BrowserMeasured {
  readonly median: number
  readonly low: number
  readonly high: number
}

/** One measured piece of work. */
export interface BrowserRow {
  readonly work: string
  readonly members: number
  readonly unit: 'µs'
  readonly ours: BrowserMeasured
  /** What its primitives cost in the same page; undefined where it is none but them. */
  readonly floor: BrowserMeasured | undefined
}

const SUITE = 1
const MESSAGE = new Uint8Array(100).fill(0x61)
const RUNS = 7

interface Effort {
  readonly calls?: number
  readonly runs?: number
  readonly prepare?: () => unknown
}

/** Primitives, with keys already imported. */
export const benchPrimitives = async (): Promise<readonly BrowserRow[]> => {
  const { seal, sign, verify } = await makeFloor()
  const suite = makeCipherSuite(SUITE, pageBackend, systemRandom)
  const recipient = await freshKeyPair(suite)
  const context = suite.hpke.scheduleContext(new Uint8Array(100))
  const sealed = await suite.hpke.seal(recipient.publicKey, context, new Uint8Array(32), suite.random)
  return [
    row('HPKE seal', 1, await measure(seal)),
    row('HPKE open', 1, await measure(() => suite.hpke.open(recipient, context, sealed))),
    row('sign', 1, await measure(sign)),
    row('verify', 1, await measure(verify)),
  ]
}

/** Messages and warm self-updates in a group of `size`. */
export const benchWarm = async (size: number): Promise<readonly BrowserRow[]> => {
  const warm = await buildWarmGroup(size, SUITE)
  const floor = await makeFloor()
  const [alice, bob] = [warm.seat(0), warm.seat(size - 1)]
  const queue: Uint8Array[] = []
  const send = await measure(() => alice.protect(MESSAGE))
  const receive = await measure(() => bob.process(present(queue.pop(), 'a message is left')), {
    prepare: async () => {
      while (queue.length < 100) queue.push(await alice.protect(MESSAGE))
      queue.reverse()
    },
  })
  const steps = Math.ceil(Math.log2(size))
  const create = await measure(async () => { alice.discard((await alice.commit()).staged) }, { calls: 10 })
  let bundle = await alice.commit()
  const processed = await measure(async () => {
    const received = await bob.process(bundle.commit)
    if (received.kind !== 'commit') throw new TypeError('a commit is expected')
    bob.merge(received.staged)
  }, {
    calls: 1,
    runs: 15,
    prepare: async () => {
      if (bob.epoch === alice.epoch) return
      alice.merge(bundle.staged)
      bundle = await alice.commit()
    },
  })
  return [
    row('send 100 bytes', size, send, await measure(floor.sign)),
    row('receive 100 bytes', size, receive, await measure(floor.verify)),
    row('self-update, warm: create', size, create, await measure(async () => {
      await Promise.all(Array.from({ length: steps }, floor.seal))
      await floor.sign()
    }, { calls: 10 })),
    row('self-update, warm: process', size, processed),
  ]
}

/** Adding everybody at once to a group of one, and joining. */
export const benchFresh = async (size: number): Promise<readonly BrowserRow[]> => {
  const config = benchConfig()
  const suite = makeCipherSuite(SUITE, pageBackend, systemRandom)
  const floor = await makeFloor()
  const people: { readonly signer: Signer; readonly bundle: KeyPackageBundle }[] = []
  const lifetime = makeLifetime(BigInt(START_MS / 1000), 1000n)
  for (let index = 1; index < size; index++) {
    const { signer } = await generateSignatureKey(suite)
    people.push({ signer, bundle: await makeKeyPackage(suite, signer, { ...leafOf(suite, `member ${index.toString()}`), lifetime }) })
  }
  const { signer } = await generateSignatureKey(suite)
  const creator = await Group.create({ config, signer, groupId: utf8('fresh'), cipherSuite: SUITE, leaf: leafOf(suite, 'creator') })
  const proposals = people.map(({ bundle }) => makeAdd(bundle.keyPackage))
  const once = { calls: 1, runs: size > 100 ? 3 : RUNS }
  const addAll = await measure(async () => { creator.discard((await creator.commit({ proposals })).staged) }, once)
  const { welcome, staged } = await creator.commit({ proposals })
  creator.merge(staged)
  const last = present(people.at(-1), 'somebody was added')
  const join = await measure(() =>
    Group.join({ config, signer: last.signer, welcome: present(welcome, 'a Welcome'), keyPackages: [last.bundle] }), once)
  return [
    row('add everyone at once', size, addAll, await measure(() => Promise.all(Array.from({ length: size - 1 }, floor.seal)), once)),
    row('join', size, join, await measure(() => Promise.all(Array.from({ length: size }, floor.verify)), once)),
  ]
}

const row = (work: string, members: number, ours: BrowserMeasured, floor?: BrowserMeasured): BrowserRow =>
  ({ work, members, unit: 'µs', ours, floor })

interface Floor {
  readonly seal: () => Promise<unknown>
  readonly sign: () => Promise<unknown>
  readonly verify: () => Promise<unknown>
}

const makeFloor = async (): Promise<Floor> => {
  const suite = makeCipherSuite(SUITE, pageBackend, systemRandom)
  const recipient = await freshKeyPair(suite)
  const context = suite.hpke.scheduleContext(new Uint8Array(100))
  const { publicKey, privateKey } = await suite.signature.generateKeyPair(systemRandom)
  const signature = await suite.signature.sign(privateKey, publicKey, MESSAGE)
  return {
    seal: async () => suite.hpke.seal(recipient.publicKey, context, new Secret(new Uint8Array(32)).expose(), suite.random),
    sign: async () => suite.signature.sign(privateKey, publicKey, MESSAGE),
    verify: async () => suite.signature.verify(publicKey, MESSAGE, signature),
  }
}

const leafOf = (suite: CipherSuite, name: string): LeafParameters =>
  ({ credential: makeBasicCredential(utf8(name)), capabilities: makeCapabilities(suite.random) })

/** The first run is thrown away; `prepare` is not counted. */
const measure = async (work: () => unknown, { calls = 100, runs = RUNS, prepare = () => undefined }: Effort = {}): Promise<BrowserMeasured> => {
  const samples: number[] = []
  for (let run = 0; run <= runs; run++) {
    await prepare()
    const started = performance.now()
    for (let call = 0; call < calls; call++) await work()
    if (run > 0) samples.push(((performance.now() - started) * 1000) / calls)
  }
  samples.sort((a, b) => a - b)
  return { median: samples[Math.floor(samples.length / 2)] ?? NaN, low: samples[0] ?? NaN, high: samples.at(-1) ?? NaN }
}
