/**
 * Where our own engine's time goes: each primitive is timed inside the engine, and what is left is serialisation and
 * bookkeeping. The design gave a message 50 ms: key derivation 10, signing 10, encryption 20, serialisation 10.
 */
import { present, systemClock, systemRandom, utf8 } from '@famichat/base'
import {
  type CryptoBackend, generateSignatureKey, Group, makeAdd, makeBasicCredential, makeCapabilities, makeCipherSuite, makeKeyPackage, makeLifetime,
} from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { type Row, spreadOf } from './row.js'

/** The design's split. */
export const PHASES = ['key derivation', 'signing', 'encryption', 'serialisation and the rest'] as const
type Phase = (typeof PHASES)[number]
type Clocked = Map<Phase, number>

const RUNS = 200
const COMMIT_RUNS = 10
const SUITE = 1
const DAY_SECONDS = 86_400n

/** Times the phases of a message sent, a message received and a commit of fresh keys in a group of `members`. */
export const measurePhases = async (contender: string, members: number, onRow: (row: Row) => void): Promise<void> => {
  const clocked: Clocked = new Map()
  const backend = timingBackend(clocked)
  const { alice, bob } = await pair(backend, members)
  const text = utf8('x'.repeat(100))
  const report = (work: string, samples: readonly Clocked[]): void => {
    for (const phase of [...PHASES, 'all'] as const) {
      const values = samples.map((sample) => (phase === 'all' ? [...sample.values()].reduce((a, b) => a + b, 0) : sample.get(phase) ?? 0))
      onRow({ kind: 'measurement', contender, members, work: `${work}: ${phase}`, unit: 'µs', value: spreadOf(values) })
    }
  }
  const sends: Clocked[] = []
  const receives: Clocked[] = []
  for (let run = 0; run < RUNS * 2; run++) {
    let message = new Uint8Array(0)
    const sent = await split(clocked, async () => { message = Uint8Array.from(await alice.protect(text)) })
    const received = await split(clocked, () => bob.process(message))
    if (run < RUNS) continue
    sends.push(sent)
    receives.push(received)
  }
  report('phases of a message sent', sends)
  report('phases of a message received', receives)
  const commits: Clocked[] = []
  for (let run = 0; run < COMMIT_RUNS; run++) {
    commits.push(await split(clocked, async () => {
      const { staged } = await alice.commit()
      alice.discard(staged)
    }))
  }
  report('phases of a commit', commits)
}

/** One run: what each phase took, the rest being what no primitive accounts for. */
const split = async (clocked: Clocked, work: () => Promise<unknown>): Promise<Clocked> => {
  clocked.clear()
  const started = process.hrtime.bigint()
  await work()
  const all = Number(process.hrtime.bigint() - started) / 1000
  const inPrimitives = [...clocked.values()].reduce((a, b) => a + b, 0)
  return new Map([...clocked, ['serialisation and the rest', Math.max(0, all - inPrimitives)]])
}

const pair = async (backend: CryptoBackend, members: number): Promise<{ readonly alice: Group; readonly bob: Group }> => {
  const suite = makeCipherSuite(SUITE, backend, systemRandom)
  const config = { backend, authentication: { isValid: () => true, isSuccessor: () => true } }
  const now = BigInt(Math.floor(systemClock.nowMs() / 1000))
  const person = async (name: string) => {
    const { signer } = await generateSignatureKey(suite)
    const leaf = { credential: makeBasicCredential(utf8(name)), capabilities: makeCapabilities(systemRandom) }
    return { signer, leaf, bundle: await makeKeyPackage(suite, signer, { ...leaf, lifetime: makeLifetime(now, DAY_SECONDS) }) }
  }
  const others = []
  for (let index = 1; index < members; index++) others.push(await person(`member ${index}`))
  const creator = await person('creator')
  const alice = await Group.create({ config, signer: creator.signer, groupId: utf8('phases'), cipherSuite: SUITE, leaf: creator.leaf })
  const { staged, welcome } = await alice.commit({ proposals: others.map(({ bundle }) => makeAdd(bundle.keyPackage)) })
  alice.merge(staged)
  const bob = present(others.at(-1), 'somebody was added')
  const { group } = await Group.join({ config, signer: bob.signer, welcome: present(welcome, 'a Welcome'), keyPackages: [bob.bundle] })
  return { alice, bob: group }
}

/** Node's primitives, each on the clock of its phase. Threads are left out: they would hide the time. */
const timingBackend = (clocked: Clocked): CryptoBackend => {
  const add = (phase: Phase, started: bigint): void => {
    clocked.set(phase, (clocked.get(phase) ?? 0) + Number(process.hrtime.bigint() - started) / 1000)
  }
  // what is computed at once is timed at once: several promises under way would be counted twice
  const now = <T>(phase: Phase, work: () => T): T => {
    const started = process.hrtime.bigint()
    const result = work()
    if (result instanceof Promise) void result.then(() => { add(phase, started) }, () => undefined)
    else add(phase, started)
    return result
  }
  return {
    name: nodeBackend.name,
    hash: (name) => {
      const hash = nodeBackend.hash(name)
      return {
        name, outputLength: hash.outputLength,
        digest: (data) => now('key derivation', () => hash.digest(data)),
        hmac: (key, data) => now('key derivation', () => hash.hmac(key, data)),
      }
    },
    aead: (name) => {
      const aead = nodeBackend.aead(name)
      return {
        name, keyLength: aead.keyLength, nonceLength: aead.nonceLength,
        seal: (key, nonce, aad, plaintext) => now('encryption', () => aead.seal(key, nonce, aad, plaintext)),
        open: (key, nonce, aad, ciphertext) => now('encryption', () => aead.open(key, nonce, aad, ciphertext)),
      }
    },
    // Diffie-Hellman belongs to the encryption to other members' keys
    curve: (name) => {
      const curve = nodeBackend.curve(name)
      return {
        name, privateKeyLength: curve.privateKeyLength, publicKeyLength: curve.publicKeyLength,
        publicKeyOf: (privateKey) => now('encryption', () => curve.publicKeyOf(privateKey)),
        agree: (privateKey, publicKey) => now('encryption', () => curve.agree(privateKey, publicKey)),
      }
    },
    signature: (name) => {
      const scheme = nodeBackend.signature(name)
      return {
        name,
        generateKeyPair: (random) => scheme.generateKeyPair(random),
        publicKeyOf: (privateKey) => scheme.publicKeyOf(privateKey),
        sign: (privateKey, publicKey, message) => now('signing', () => scheme.sign(privateKey, publicKey, message)),
        verify: (publicKey, message, signature) => now('signing', () => scheme.verify(publicKey, message, signature)),
      }
    },
  }
}
