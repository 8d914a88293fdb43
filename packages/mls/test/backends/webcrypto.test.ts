/**
 * Browsers that lack something, and signature keys that cannot be taken out.
 */
import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { webcrypto } from 'node:crypto'
import { test } from 'node:test'
import { utf8 } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import { type CipherSuite, makeCipherSuite, supportedCipherSuites } from '@famichat/mls'
import { nobleBackend } from '@famichat/mls/noble'
import { generateWebCryptoSigner, makeWebCryptoBackend, signerFromCryptoKeyPair } from '@famichat/mls/webcrypto'
import { contract } from './contract.js'

type Subtle = webcrypto.SubtleCrypto
type Method = 'importKey' | 'generateKey' | 'deriveBits' | 'sign' | 'verify' | 'exportKey'

interface SpiedSubtle {
  readonly subtle: Subtle
  readonly refused: string[]
}

/** The platform's WebCrypto, refusing the calls `isRefused` names as a browser that lacks them would. */
const refusing = (isRefused: (method: Method, algorithm: string, format: string) => boolean): SpiedSubtle => {
  const refused: string[] = []
  const subtle = new Proxy(webcrypto.subtle, {
    get: (target, property) => {
      const method = property as Method
      return (...given: unknown[]): unknown => {
        const text = JSON.stringify(given)
        const algorithm = /X25519|Ed25519|ECDH|ECDSA/.exec(text)?.[0] ?? ''
        if (isRefused(method, algorithm, typeof given[0] === 'string' ? given[0] : '')) {
          refused.push(`${method} ${algorithm}`)
          return Promise.reject(new DOMException('unrecognised name', 'NotSupportedError'))
        }
        return (target[method] as (...arguments_: unknown[]) => unknown).apply(target, given)
      }
    },
  })
  return { subtle, refused }
}

for (const { sentence, holds } of contract.filter((clause) => clause.sentence.includes('25519') || clause.sentence.includes('DeriveKeyPair'))) {
  test(`a browser without X25519 and Ed25519: ${sentence}`, async () => {
    const { subtle, refused } = refusing((_, algorithm) => algorithm === 'X25519' || algorithm === 'Ed25519')
    await holds(await makeWebCryptoBackend({ subtle }))
    equal(refused.length, 2, 'each is tried once, when the backend is made')
  })
}

for (const { sentence, holds } of contract.filter((clause) => clause.sentence.startsWith('p'))) {
  test(`a browser that wants the public half of NIST keys: ${sentence}`, async () => {
    const { subtle } = refusing((method, algorithm, format) => method === 'importKey' && format === 'pkcs8' && algorithm.startsWith('EC'))
    await holds(await makeWebCryptoBackend({ subtle }))
  })
}

test('a browser that signs wrongly is not trusted with the curve', async () => {
  const wrong = new Proxy(webcrypto.subtle, {
    get: (target, property) => {
      if (property === 'sign') return () => Promise.resolve(new ArrayBuffer(64))
      const method: unknown = Reflect.get(target, property)
      return typeof method === 'function' ? (method.bind(target) as unknown) : method
    },
  })
  const backend = await makeWebCryptoBackend({ subtle: wrong })
  const scheme = backend.signature('ed25519')
  const { publicKey, privateKey } = await scheme.generateKeyPair(insecureSeededRandom(1))
  const signature = await scheme.sign(privateKey, publicKey, utf8('m'))
  equal(await nobleBackend.signature('ed25519').verify(publicKey, utf8('m'), signature), true)
})

for (const name of ['ed25519', 'p256', 'p384', 'p521'] as const) {
  test(`a ${name} signer whose key cannot be taken out signs for everybody`, async () => {
    const signer = await generateWebCryptoSigner({ name })
    equal(signer.keyPair.privateKey.extractable, false)
    await rejects(webcrypto.subtle.exportKey('pkcs8', signer.keyPair.privateKey))
    await rejects(webcrypto.subtle.exportKey('jwk', signer.keyPair.privateKey))
    const signature = await signer.sign(utf8('m'))
    equal(await nobleBackend.signature(name).verify(signer.publicKey, utf8('m'), signature), true)
  })

  test(`a stored ${name} pair gives the same signer again`, async () => {
    const signer = await generateWebCryptoSigner({ name })
    const again = await signerFromCryptoKeyPair(structuredClone(signer.keyPair))
    deepEqual(again.publicKey, signer.publicKey)
    equal(await nobleBackend.signature(name).verify(signer.publicKey, utf8('m'), await again.sign(utf8('m'))), true)
  })
}

test('a pair that cannot sign in MLS is no signer', async () => {
  const agreeing = await webcrypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, false, ['deriveBits'])
  const rsa = await webcrypto.subtle.generateKey(
    { name: 'RSA-PSS', modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1), hash: 'SHA-256' }, false, ['sign', 'verify'])
  for (const pair of [agreeing, rsa]) {
    await rejects(signerFromCryptoKeyPair(pair), { code: 'mls.crypto.bad_private_key' })
  }
})

test('a browser without Ed25519 says so when a signer is asked for', async () => {
  const { subtle } = refusing((method) => method === 'generateKey')
  await rejects(generateWebCryptoSigner({ subtle }), { code: 'mls.crypto.unsupported_suite' })
})

test('without AES-GCM the suites that need it are refused, and all others work', async () => {
  const backend = await makeWebCryptoBackend({ withAesGcm: false })
  for (const suite of supportedCipherSuites) {
    const make = (): CipherSuite => makeCipherSuite(suite, backend, insecureSeededRandom(1))
    if (suite === 3 || suite === 6) equal(make().id, suite)
    else throws(make, { code: 'mls.crypto.unsupported_suite' })
  }
})
