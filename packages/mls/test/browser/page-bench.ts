/**
 * The engine's benchmark in a browser page: the work of the Node benchmark, on the WebCrypto backend.
 */
import { present, systemRandom, utf8 } from '@famichat/base'
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
  /** What the primitives it consists of cost in the same page, in turns with it; undefined for these themselves. */
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

interface Compared {
  readonly ours: BrowserMeasured
  readonly floor?: BrowserMeasured
}

/** Primitives, with keys already imported. */
export const benchPrimitives = async (): Promise<readonly BrowserRow[]> => {
  const { seal, sign, verify } = await makeFloor()
  const suite = makeCipherSuite(SUITE, pageBackend, systemRandom)
  const recipient = await freshKeyPair(suite)
  const context = suite.hpke.scheduleContext(new Uint8Array(100))
  const sealed = await suite.hpke.seal(recipient.publicKey, context, new Uint8Array(32), suite.random)
  return [
    row('HPKE seal', 1, await compare(seal)),
    row('HPKE open', 1, await compare(() => suite.hpke.open(recipient, context, sealed))),
    row('sign', 1, await compare(sign)),
    row('verify', 1, await compare(verify)),
  ]
}

/** Messages and warm self-updates in a group of `size`. */
export const benchWarm = async (size: number): Promise<readonly BrowserRow[]> => {
  const warm = await buildWarmGroup(size, SUITE)
  const floor = await makeFloor()
  const [alice, bob] = [warm.seat(0), warm.seat(size - 1)]
  const queue: Uint8Array[] = []
  const send = await compare(() => alice.protect(MESSAGE), floor.send)
  const receive = await compare(() => bob.process(present(queue.pop(), 'a message is left')), floor.receive, {
    prepare: async () => {
      while (queue.length < 100) queue.push(await alice.protect(MESSAGE))
      queue.reverse()
    },
  })
  const steps = Math.ceil(Math.log2(size))
  const create = await compare(async () => { alice.discard((await alice.commit()).staged) }, async () => {
    await Promise.all(Array.from({ length: steps }, floor.seal))
    await floor.sign()
  }, { calls: 10 })
  let bundle = await alice.commit()
  const processed = await compare(async () => {
    const received = await bob.process(bundle.commit)
    if (received.kind !== 'commit') throw new TypeError('a commit is expected')
    bob.merge(received.staged)
  }, async () => {
    await floor.verify()
    await floor.open()
    await floor.verify()
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
    row('send 100 bytes', size, send),
    row('receive 100 bytes', size, receive),
    row('self-update, warm: create', size, create),
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
  const addAll = await compare(async () => { creator.discard((await creator.commit({ proposals })).staged) },
    () => Promise.all(Array.from({ length: size - 1 }, floor.seal)), once)
  const { welcome, staged } = await creator.commit({ proposals })
  creator.merge(staged)
  const last = present(people.at(-1), 'somebody was added')
  const join = await compare(() =>
    Group.join({ config, signer: last.signer, welcome: present(welcome, 'a Welcome'), keyPackages: [last.bundle] }),
  () => Promise.all(Array.from({ length: size }, floor.verify)), once)
  return [
    row('add everyone at once', size, addAll),
    row('join', size, join),
  ]
}

const row = (work: string, members: number, { ours, floor }: Compared): BrowserRow => ({ work, members, unit: 'µs', ours, floor })

type Work = () => Promise<unknown>
type Floor = Readonly<Record<'seal' | 'open' | 'sign' | 'verify' | 'send' | 'receive', Work>>

/** Primitives with keys already imported, put together as a message or a commit needs them. */
const makeFloor = async (): Promise<Floor> => {
  const suite = makeCipherSuite(SUITE, pageBackend, systemRandom)
  const recipient = await freshKeyPair(suite)
  const context = suite.hpke.scheduleContext(new Uint8Array(100))
  const sealed = await suite.hpke.seal(recipient.publicKey, context, new Uint8Array(32), suite.random)
  const { publicKey, privateKey } = await suite.signature.generateKeyPair(systemRandom)
  const signature = await suite.signature.sign(privateKey, publicKey, MESSAGE)
  const [key, nonce, label, aad] = [new Uint8Array(16), new Uint8Array(12), new Uint8Array(40), new Uint8Array(60)]
  // three steps of the ratchet, key and nonce of the sender data, and two AEADs
  const symmetric = (): void => {
    for (let step = 0; step < 5; step++) suite.hash.hmac(nonce, label)
    suite.aead.seal(key, nonce, aad, MESSAGE)
    suite.aead.seal(key, nonce, aad, nonce)
  }
  const sign = async (): Promise<unknown> => suite.signature.sign(privateKey, publicKey, MESSAGE)
  const verify = async (): Promise<unknown> => suite.signature.verify(publicKey, MESSAGE, signature)
  return {
    seal: () => suite.hpke.seal(recipient.publicKey, context, new Uint8Array(32), suite.random),
    open: () => suite.hpke.open(recipient, context, sealed),
    sign,
    verify,
    send: () => { symmetric(); return sign() },
    receive: () => { symmetric(); return verify() },
  }
}

const leafOf = (suite: CipherSuite, name: string): LeafParameters =>
  ({ credential: makeBasicCredential(utf8(name)), capabilities: makeCapabilities(suite.random) })

/** Times work and floor in turns, so that a noisy machine slows both alike; the first turn is thrown away, `prepare` not counted. */
const compare = async (work: () => unknown, floor?: Work, { calls = 100, runs = RUNS, prepare = () => undefined }: Effort = {}): Promise<Compared> => {
  const [ours, floors]: [number[], number[]] = [[], []]
  for (let run = 0; run <= runs; run++) {
    await prepare()
    const [mine, beside] = [await timed(work, calls), floor && await timed(floor, calls)]
    if (run === 0) continue
    ours.push(mine)
    if (beside !== undefined) floors.push(beside)
  }
  return floor === undefined ? { ours: summarise(ours) } : { ours: summarise(ours), floor: summarise(floors) }
}

const timed = async (work: () => unknown, calls: number): Promise<number> => {
  const started = performance.now()
  for (let call = 0; call < calls; call++) await work()
  return ((performance.now() - started) * 1000) / calls
}

const summarise = (samples: readonly number[]): BrowserMeasured => {
  const sorted = [...samples].sort((a, b) => a - b)
  return { median: sorted[Math.floor(sorted.length / 2)] ?? NaN, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}
