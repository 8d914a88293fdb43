/**
 * X.509 credentials (RFC 9420 §5.3, RFC 5280 §6): which chains are accepted, and whole groups that live on them.
 */
import { deepEqual, equal, rejects, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { present, utf8 } from '@famichat/base'
import { manualClock } from '@famichat/base/testing'
import { CipherSuiteId, type Claim, Group, makeAdd, makeBasicCredential, type Signer } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { makeX509AuthenticationService, makeX509Credential, readX509Identity, type X509Options } from '@famichat/mls/x509'
import { commitAll, createGroup, keyPackageOf, makePerson, type Person, readText, START_MS, stagedBy } from './builders.js'
import { type Authority, type CertificateOptions, certify, type KeyKind, makeCertificateExtension, makeRoot } from './certificates.js'

const DAY_MS = 24 * 3600 * 1000

const serviceOf = (roots: readonly Authority[], more: Partial<X509Options> = {}): ReturnType<typeof makeX509AuthenticationService> =>
  makeX509AuthenticationService({ roots: roots.map(({ der }) => der), backend: nodeBackend, clock: manualClock(START_MS), ...more })

const claimOf = (...chain: readonly [Authority, ...Authority[]]): Claim =>
  ({ credential: makeX509Credential(chain.map(({ der }) => der)), signatureKey: chain[0].publicKey })

for (const [rootKind, leafKind] of [['ed25519', 'ed25519'], ['p256', 'p256'], ['p256', 'ed25519'], ['ed25519', 'p256']] as const) {
  test(`a chain over an intermediate is accepted: ${rootKind} certifies ${leafKind}`, async () => {
    const root = await makeRoot('family root', { kind: rootKind })
    const between = await certify('household', root, { isAuthority: true, kind: rootKind })
    const alice = await certify('alice', between, { kind: leafKind })
    equal(await serviceOf([root]).isValid(claimOf(alice, between)), true)
    equal(await serviceOf([root]).isValid(claimOf(alice, between, root)), true)
    equal(await serviceOf([await makeRoot('another'), root]).isValid(claimOf(alice, between)), true)
  })
}

test('a chain that leads to nobody trusted is refused, also when an impostor has the name of the root', async () => {
  const [root, impostor] = [await makeRoot('root'), await makeRoot('root')]
  const alice = await certify('alice', impostor)
  equal(await serviceOf([root]).isValid(claimOf(alice)), false)
  equal(await serviceOf([root]).isValid(claimOf(alice, impostor)), false)
  equal(await serviceOf([]).isValid(claimOf(alice, impostor)), false)
})

test('each certificate has to certify the one before it: other orders, gaps and strays are refused', async () => {
  const root = await makeRoot('root')
  const upper = await certify('upper', root, { isAuthority: true })
  const lower = await certify('lower', upper, { isAuthority: true })
  const alice = await certify('alice', lower)
  const service = serviceOf([root])
  equal(await service.isValid(claimOf(alice, lower, upper)), true)
  for (const others of [[upper, lower], [upper], [lower], [root], [lower, upper, lower]]) {
    equal(await service.isValid(claimOf(alice, ...others)), false)
  }
})

test('authorities that certify each other in a circle lead nowhere', async () => {
  const root = await makeRoot('root')
  const [one, two] = [await makeRoot('one'), await makeRoot('two')]
  const oneByTwo = await certify('one', two, { isAuthority: true, publicKey: one.publicKey })
  const twoByOne = await certify('two', one, { isAuthority: true, publicKey: two.publicKey })
  const alice = await certify('alice', one)
  equal(await serviceOf([root]).isValid(claimOf(alice, oneByTwo, twoByOne, oneByTwo, twoByOne, oneByTwo, twoByOne)), false)
})

test('certificates are valid from notBefore to notAfter by the given clock, the root included', async () => {
  const clock = manualClock(START_MS)
  const root = await makeRoot('root', { notAfterMs: START_MS + 20 * DAY_MS })
  const alice = await certify('alice', root, { notBeforeMs: START_MS + DAY_MS, notAfterMs: START_MS + 10 * DAY_MS })
  const lasting = await certify('lasting', root)
  const service = serviceOf([root], { clock })
  const validAfter = async (ms: number, claim: Claim): Promise<boolean> => {
    clock.advance(ms)
    return service.isValid(claim)
  }
  equal(await validAfter(0, claimOf(alice)), false)
  equal(await validAfter(DAY_MS, claimOf(alice)), true)
  equal(await validAfter(9 * DAY_MS, claimOf(alice)), true)
  equal(await validAfter(1000, claimOf(alice)), false)
  equal(await validAfter(0, claimOf(lasting)), true)
  equal(await validAfter(11 * DAY_MS, claimOf(lasting)), false)
})

test('only authorities certify, no deeper than their path length, with keys that may certify', async () => {
  const root = await makeRoot('root')
  const under = async (between: CertificateOptions): Promise<boolean> => {
    const issuer = await certify('between', root, between)
    return serviceOf([root]).isValid(claimOf(await certify('alice', issuer), issuer))
  }
  equal(await under({ isAuthority: true, pathLength: 0, keyUsage: 0x04 }), true)
  equal(await under({}), false)
  equal(await under({ isAuthority: true, keyUsage: 0x80 }), false)
  const flat = await makeRoot('flat', { pathLength: 0 })
  const between = await certify('between', flat, { isAuthority: true })
  equal(await serviceOf([flat]).isValid(claimOf(await certify('alice', between), between)), false)
  equal(await serviceOf([flat]).isValid(claimOf(await certify('alice', flat))), true)
})

test('what a certificate demands and is not understood is a refusal: critical extensions, name constraints', async () => {
  const root = await makeRoot('root')
  const withExtension = async (id: string, critical: boolean): Promise<boolean> => {
    const extensions = [makeCertificateExtension(id, critical, Uint8Array.of(0x30, 0))]
    return serviceOf([root]).isValid(claimOf(await certify('alice', root, { extensions })))
  }
  equal(await withExtension('1.2.3.4.5', false), true)
  equal(await withExtension('1.2.3.4.5', true), false)
  equal(await withExtension('2.5.29.30', false), false)
  const twice = makeCertificateExtension('1.2.3.4.5', false, Uint8Array.of(0x30, 0))
  equal(await serviceOf([root]).isValid(claimOf(await certify('alice', root, { extensions: [twice, twice] }))), false)
})

test('L25 the certificate holds the signature key itself, of the same algorithm, and lets it sign', async () => {
  const root = await makeRoot('root')
  const [alice, other] = [await certify('alice', root), await certify('other', root)]
  const service = serviceOf([root])
  equal(await service.isValid({ ...claimOf(alice), signatureKey: other.publicKey }), false)
  const dressedUp = await certify('alice', root, { kind: 'p256', publicKey: alice.publicKey })
  equal(await service.isValid({ ...claimOf(dressedUp), signatureKey: alice.publicKey }), false)
  equal(await service.isValid(claimOf(await certify('alice', root, { keyUsage: 0x80 }))), true)
  equal(await service.isValid(claimOf(await certify('alice', root, { keyUsage: 0x08 }))), false)
})

test('L25 a key of no length that MLS knows, or one said to be on another curve, is nobody\'s', async () => {
  const root = await makeRoot('root')
  const short = await certify('alice', root, { publicKey: new Uint8Array(31).fill(7) })
  equal(await serviceOf([root]).isValid(claimOf(short)), false)
  const alice = await certify('alice', root, { kind: 'p256' })
  equal(await serviceOf([root]).isValid(claimOf(alice)), true)
  // secp256k1: its points are as long
  const elsewhere = await certify('alice', root, { kind: 'p256', publicKey: alice.publicKey, claimedCurve: '1.3.132.0.10' })
  equal(await serviceOf([root]).isValid(claimOf(elsewhere)), false)
})

test('an authority that is trusted itself is no member: nobody vouches for its key', async () => {
  const root = await makeRoot('root')
  equal(await serviceOf([root]).isValid(claimOf(root)), false)
})

test('an extension that is acted upon and cannot be read, or a name that is no text, is a refusal', async () => {
  const root = await makeRoot('root')
  for (const id of ['2.5.29.15', '2.5.29.17', '2.5.29.19']) {
    const extensions = [makeCertificateExtension(id, false, Uint8Array.of(0x05, 0))]
    equal(await serviceOf([root]).isValid(claimOf(await certify('alice', root, { extensions }))), false, id)
  }
  // an iPAddress (RFC 5280 §4.2.1.6)
  const address = makeCertificateExtension('2.5.29.17', false, Uint8Array.of(0x30, 6, 0x87, 4, 127, 0, 0, 1))
  const alice = await certify('alice', root, { extensions: [address] })
  throws(() => readX509Identity(claimOf(alice).credential), { code: 'mls.x509.malformed' })
  equal(await serviceOf([root]).isSuccessor(claimOf(alice), claimOf(alice)), false)
})

test('a signature that is changed, or claims another algorithm than was signed, is refused', async () => {
  const root = await makeRoot('root', { kind: 'p256' })
  const alice = await certify('alice', root)
  const changed = alice.der.slice()
  changed[changed.length - 1] = (changed[changed.length - 1] ?? 0) ^ 1
  equal(await serviceOf([root]).isValid({ ...claimOf(alice), credential: makeX509Credential([changed]) }), false)
  equal(await serviceOf([root]).isValid(claimOf(await certify('alice', root, { claimedSignature: '1.2.840.10045.4.1' }))), false)
})

test('bytes that are no certificate, an empty chain and other credentials are refused, never thrown', async () => {
  const root = await makeRoot('root')
  const alice = await certify('alice', root)
  const service = serviceOf([root])
  const isValid = (...certificates: readonly Uint8Array[]): Promise<boolean> =>
    Promise.resolve(service.isValid({ credential: makeX509Credential(certificates), signatureKey: alice.publicKey }))
  equal(await isValid(), false)
  equal(await isValid(alice.der, Uint8Array.of(0x30, 0)), false)
  equal(await isValid(Uint8Array.of(...alice.der, 0)), false)
  equal(await service.isValid({ credential: makeBasicCredential(utf8('alice')), signatureKey: alice.publicKey }), false)
  for (let cut = 0; cut < alice.der.length; cut += 7) equal(await isValid(alice.der.subarray(0, cut)), false)
  for (let at = 0; at < alice.der.length; at++) {
    const flipped = alice.der.slice()
    flipped[at] = (flipped[at] ?? 0) ^ 0x21
    equal(await isValid(flipped), false, `byte ${at.toString()}`)
  }
})

test('a root that is no certificate is told at once', () => {
  throws(() => makeX509AuthenticationService({ roots: [Uint8Array.of(1, 2, 3)], backend: nodeBackend }), { code: 'mls.x509.malformed' })
})

test('L26 the successor of a certificate has the same names, or what the application takes for the same', async () => {
  const root = await makeRoot('root')
  const [phone, renewed, laptop] = [
    await certify('alice', root, { altNames: ['alice@example.org'] }), await certify('alice', root, { altNames: ['alice@example.org'] }),
    await certify('alice', root, { altNames: ['urn:alice:laptop'] }),
  ]
  const service = serviceOf([root])
  equal(await service.isSuccessor(claimOf(phone), claimOf(renewed)), true)
  equal(await service.isSuccessor(claimOf(phone), claimOf(laptop)), false)
  equal(await service.isSuccessor(claimOf(phone), claimOf(await certify('bob', root, { altNames: ['alice@example.org'] }))), false)
  equal(await service.isSuccessor(claimOf(phone), { credential: makeBasicCredential(utf8('alice')), signatureKey: phone.publicKey }), false)
  const lenient = serviceOf([root], { isSameClient: (previous, next) => previous.subject.join() === next.subject.join() })
  equal(await lenient.isSuccessor(claimOf(phone), claimOf(laptop)), true)
  deepEqual(readX509Identity(claimOf(phone).credential).altNames, ['email:alice@example.org'])
})

/** A person whose credential is a certificate by the given authority, for the suite's kind of key. */
const makeCertified = async (name: string, authority: Authority, { suiteId, kind }: { readonly suiteId: number; readonly kind: KeyKind }): Promise<Person> => {
  const person = await makePerson(name, { suiteId })
  const holder = await certify(name, authority, { kind, altNames: [`${name}@example.org`] })
  const signer: Signer = {
    publicKey: holder.publicKey,
    sign: (message) => nodeBackend.signature(kind).sign(holder.privateKey, holder.publicKey, message),
  }
  return {
    ...person, signer,
    leaf: { ...person.leaf, credential: makeX509Credential([holder.der]) },
    config: { ...person.config, authentication: serviceOf([authority], { clock: person.clock }) },
  }
}

for (const [suiteId, kind] of [
  [CipherSuiteId.MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519, 'ed25519'], [CipherSuiteId.MLS_128_DHKEMP256_AES128GCM_SHA256_P256, 'p256'],
] as const) {
  test(`suite ${suiteId.toString()}: a group lives on certificates`, async () => {
    const root = await makeRoot('family')
    const [alice, bob] = [await makeCertified('alice', root, { suiteId, kind }), await makeCertified('bob', root, { suiteId, kind })]
    const group = await createGroup(alice)
    const bundle = await keyPackageOf(bob)
    const { welcome } = await commitAll({ person: alice, group }, [], { proposals: [makeAdd(bundle.keyPackage)] })
    const joined = await Group.join({ config: bob.config, signer: bob.signer, welcome: present(welcome, 'bob'), keyPackages: [bundle] })
    const { commit } = await joined.group.commit()
    group.merge(await stagedBy(group, commit))
    joined.group.merge(present(joined.group.pendingCommit, 'own'))
    equal(await readText(joined.group, await group.protect(utf8('certified'))), 'certified')
  })
}

test('L03 a member without a certificate of the family is not added', async () => {
  const suite = { suiteId: CipherSuiteId.MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519, kind: 'ed25519' } as const
  const alice = await makeCertified('alice', await makeRoot('family'), suite)
  const mallory = await makeCertified('mallory', await makeRoot('family'), suite)
  const group = await createGroup(alice)
  const bundle = await keyPackageOf(mallory)
  await rejects(group.commit({ proposals: [makeAdd(bundle.keyPackage)] }), { code: 'mls.leaf.credential_rejected' })
})
