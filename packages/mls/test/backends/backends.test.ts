/**
 * Every backend keeps the one contract, and all of them agree with each other.
 */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { concat, EMPTY, present, Secret, systemRandom, toHex, utf8 } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import type { CryptoBackend } from '@famichat/mls'
import type { SharedJobs } from '../../dist/crypto/backend.js'
import { nobleBackend } from '@famichat/mls/noble'
import { nodeBackend } from '@famichat/mls/node'
import { makeWebCryptoBackend } from '@famichat/mls/webcrypto'
import { beginEncapsulations } from '../../dist/crypto/batch.js'
import { makeCipherSuite, supportedCipherSuites } from '../../dist/crypto/cipher-suite.js'
import { ecdsaFromDer, ecdsaToDer } from '../../dist/crypto/ecdsa-der.js'
import { decodeVerifyResult, encodeEncapsulateJob, encodeVerifyJob, makeJobRunner } from '../../dist/crypto/jobs.js'
import { nodePrimitives } from '../../dist/crypto/node-backend.js'
import { makeNodeThreads } from '../../dist/crypto/node-threads.js'
import { AEADS, contract, CURVES, privateKeyOf, SIGNATURES } from './contract.js'
import { contestedSignatures } from './edwards-forgeries.js'

const backends: readonly CryptoBackend[] = [nodeBackend, await makeWebCryptoBackend(), nobleBackend]

for (const backend of backends) {
  for (const { sentence, holds } of contract) test(`${backend.name}: ${sentence}`, () => holds(backend))
}

/** The answer all backends give, with what each says on its own line when they differ. */
const unanimous = async (ask: (backend: CryptoBackend) => string | Promise<string>): Promise<string> => {
  const answers = await Promise.all(backends.map(async (backend) => ({ backend: backend.name, answer: await ask(backend) })))
  const [first] = answers
  deepEqual(answers, answers.map(({ backend }) => ({ backend, answer: first?.answer })))
  return first?.answer ?? ''
}

test('all backends agree on hashes, MACs and ciphertexts of any length', async () => {
  const random = insecureSeededRandom(11)
  for (const length of [0, 1, 15, 16, 17, 63, 64, 65, 127, 128, 129, 1000]) {
    const data = random(length)
    for (const name of ['sha256', 'sha384', 'sha512'] as const) {
      await unanimous((backend) => toHex(concat(backend.hash(name).digest(data), backend.hash(name).hmac(data, data))))
    }
    for (const name of AEADS) {
      const [key, nonce] = [random(nodeBackend.aead(name).keyLength), random(12)]
      await unanimous((backend) => toHex(backend.aead(name).seal(key, nonce, data.subarray(0, length / 2), data)))
    }
  }
})

for (const name of CURVES) {
  test(`all backends derive the same ${name} keys and the same shared secrets`, async () => {
    for (let seed = 1; seed <= 3; seed++) {
      const derived = await unanimous(async (backend) => toHex((await privateKeyOf(backend, name, seed)).expose()))
      const publicKey = await nodeBackend.curve(name).publicKeyOf(await privateKeyOf(nodeBackend, name, seed + 100))
      await unanimous(async (backend) => {
        const privateKey = await privateKeyOf(backend, name, seed)
        const shared = await backend.curve(name).agree(privateKey, publicKey)
        return toHex(concat(await backend.curve(name).publicKeyOf(privateKey), shared.expose()))
      })
      equal(derived.length, 2 * nodeBackend.curve(name).privateKeyLength)
    }
  })
}

for (const name of SIGNATURES) {
  test(`what one backend signs with ${name} every other verifies`, async () => {
    const { publicKey, privateKey } = await nodeBackend.signature(name).generateKeyPair(insecureSeededRandom(12))
    const message = utf8('across')
    for (const signing of backends) {
      const signature = await signing.signature(name).sign(new Secret(privateKey.expose().slice()), publicKey, message)
      for (const verifying of backends) {
        equal(await verifying.signature(name).verify(publicKey, message, signature), true, `${signing.name} to ${verifying.name}`)
      }
    }
  })
}

for (const name of ['ed25519', 'ed448'] as const) {
  test(`no signer can make backends disagree on ${name}: parts of small order in key and commitment`, async () => {
    const verdicts = new Set<string>()
    for (const { what, publicKey, message, signature } of contestedSignatures(name)) {
      const verdict = await unanimous(async (backend) => `${what}: ${String(await backend.signature(name).verify(publicKey, message, signature))}`)
      verdicts.add(verdict.endsWith('true') ? 'true' : 'false')
    }
    equal(verdicts.has('true'), true, 'the honest one is among them')
  })
}

test('the highest bit of an X25519 key is ignored by all (RFC 7748 §5)', async () => {
  const own = await privateKeyOf(nodeBackend, 'x25519', 1)
  const publicKey = await nodeBackend.curve('x25519').publicKeyOf(await privateKeyOf(nodeBackend, 'x25519', 2))
  const marked = publicKey.slice()
  marked[31] = (marked[31] ?? 0) | 0x80
  const plain = await unanimous(async (backend) => toHex((await backend.curve('x25519').agree(own, publicKey)).expose()))
  const same = await unanimous(async (backend) => toHex((await backend.curve('x25519').agree(own, marked)).expose()))
  equal(plain, same)
})

test('DER of an ECDSA signature comes back as the same two numbers, whatever their leading zeros', () => {
  for (const [size, fill] of [[32, 0x7f], [32, 0x80], [48, 0xff], [66, 0x01], [66, 0xff]] as const) {
    for (const zeros of [0, 1, 5, size - 1]) {
      const half = new Uint8Array(size).fill(0, 0, zeros).fill(fill, zeros)
      const fixed = concat(half, half)
      deepEqual(ecdsaFromDer(ecdsaToDer(fixed), size), fixed)
    }
  }
})

test('fresh keys go on being made while the garbage collector runs: Node 20 can stop for ever over an export that follows a generation', () => {
  // a small young generation collects thousands of times in this loop; without the remedy it stood still before the end
  const script = `
    import { nodeBackend } from '@famichat/mls/node'
    const curve = nodeBackend.curve('x25519')
    const recipient = (await curve.agreeFresh(new Uint8Array(32).fill(9))).publicKey
    for (let i = 0; i < 40_000; i++) await curve.agreeFresh(recipient)
    console.log('done')`
  const output = execFileSync(process.execPath, ['--max-semi-space-size=1', '--input-type=module', '--eval', script], { cwd: import.meta.dirname, timeout: 120_000 })
  equal(output.toString().trim(), 'done')
})

test('webcrypto: an all-zero shared secret is refused also where the platform hands it out', async () => {
  // honest while the backend tries the platform's curves: one that does not even agree with itself is not used at all
  let isHonest = true
  const lax = new Proxy(globalThis.crypto.subtle, {
    get: (target, name) => {
      if (name === 'deriveBits' && !isHonest) return () => Promise.resolve(new ArrayBuffer(32))
      const value: unknown = Reflect.get(target, name)
      return typeof value === 'function' ? value.bind(target) as unknown : value
    },
  })
  const curve = (await makeWebCryptoBackend({ subtle: lax })).curve('x25519')
  const privateKey = await privateKeyOf(nodeBackend, 'x25519')
  const publicKey = await curve.publicKeyOf(privateKey)
  await curve.agree(privateKey, publicKey)
  isHonest = false
  await rejects(async () => curve.agree(privateKey, publicKey), { code: 'mls.crypto.bad_public_key' })
})

const withThreads = { skip: nodeBackend.threads === undefined && 'one processor only' }

/** Shares jobs as soon as threads are there to share with. */
const shareSoon = (jobs: readonly Uint8Array[], maxResultBytes: number): SharedJobs => {
  const giveUpAt = performance.now() + 30_000
  for (;;) {
    const shared = nodeBackend.threads?.share(jobs.length, () => jobs, maxResultBytes)
    if (shared !== undefined) return shared
    if (performance.now() > giveUpAt) throw new TypeError('no thread came')
  }
}

const refusedJobs = (count: number, messageBytes = 0): readonly Uint8Array[] =>
  Array.from({ length: count }, () => encodeVerifyJob(1, { publicKey: new Uint8Array(32), message: new Uint8Array(messageBytes), signature: EMPTY }))

test('threads come to help a caller that never lets the event loop turn, also in the middle of a batch', withThreads, () => {
  const run = makeJobRunner(nodePrimitives)
  let own = 0
  const threads = present(makeNodeThreads((job) => {
    own++
    return run(job)
  }), 'more than one processor')
  const jobs = Array.from({ length: 4000 }, () => encodeEncapsulateJob(1, new Uint8Array(32).fill(9)))
  const giveUpAt = performance.now() + 30_000
  for (;;) {
    own = 0
    const shared = present(threads.share(jobs.length, () => jobs.map((job) => job.slice()), 256), 'so many are shared at once')
    for (let index = 0; index < jobs.length; index++) equal(shared.result(index).length, 64)
    shared.end()
    if (own < jobs.length) return
    ok(performance.now() < giveUpAt, 'no thread came')
  }
})

test('jobs for which the shared memory is too small are done too, in their order, by threads or by the caller', withThreads, async () => {
  const suite = makeCipherSuite(1, nodeBackend, insecureSeededRandom(1))
  const { publicKey, privateKey } = await suite.signature.generateKeyPair(suite.random)
  // 12 MB in all; one job alone is larger than the memory
  const jobs = await Promise.all(Array.from({ length: 24 }, async (_, index) => {
    const message = new Uint8Array(index === 11 ? 5_000_000 : 300_000)
    const signature = index % 3 === 0 ? EMPTY : await suite.signature.sign(privateKey, publicKey, message)
    return encodeVerifyJob(1, { publicKey, message, signature })
  }))
  const shared = shareSoon(jobs, 1)
  const answers: boolean[] = []
  for (let index = 0; index < jobs.length; index++) answers.push(decodeVerifyResult(shared.result(index)))
  shared.end()
  deepEqual(answers, jobs.map((_, index) => index % 3 !== 0))
})

test('work that is given up half way leaves the threads to the next, and its bytes nowhere', withThreads, () => {
  for (let round = 0; round < 20; round++) {
    const jobs = refusedJobs(200, 50)
    const shared = shareSoon(jobs, 1)
    equal(nodeBackend.threads?.share(64, () => refusedJobs(64), 1), undefined)
    shared.result(round)
    shared.end()
    equal(jobs.every((job) => job.every((byte) => byte === 0)), true)
  }
})

for (const id of supportedCipherSuites) {
  test(`suite ${id.toString()}: what threads encapsulate the recipient finds, and a key nobody can encrypt to is refused`, withThreads, async () => {
    shareSoon(refusedJobs(64), 1).end()
    const suite = makeCipherSuite(id, nodeBackend, systemRandom)
    const recipient = await suite.hpke.kem.deriveKeyPair(new Secret(suite.random(suite.hashLength)))
    const begun = beginEncapsulations(suite, [...Array.from({ length: 12 }, () => recipient.publicKey), new Uint8Array(recipient.publicKey.length)])
    const outputs = new Set<string>()
    for (let index = 0; index < 12; index++) {
      const { kemOutput, sharedSecret } = await begun.encapsulated(index)
      outputs.add(toHex(kemOutput))
      deepEqual((await suite.hpke.kem.decapsulate(kemOutput, recipient)).expose(), sharedSecret.expose())
    }
    equal(outputs.size, 12)
    await rejects(async () => await begun.encapsulated(12), { code: 'mls.crypto.bad_public_key' })
    begun.end()
  })
}

test('what is encapsulated with randomness from a seed does not depend on threads', withThreads, async () => {
  shareSoon(refusedJobs(64), 1).end()
  const { threads: _, ...alone } = nodeBackend
  const work = async (backend: CryptoBackend): Promise<string> => {
    const suite = makeCipherSuite(1, backend, insecureSeededRandom(2))
    const { publicKey } = await suite.hpke.kem.deriveKeyPair(new Secret(suite.random(32)))
    const begun = beginEncapsulations(suite, Array.from({ length: 20 }, () => publicKey))
    const found: Uint8Array[] = []
    for (let index = 0; index < 20; index++) found.push((await begun.encapsulated(index)).kemOutput)
    begun.end()
    return toHex(concat(...found))
  }
  equal(await work(nodeBackend), await work(alone))
})
