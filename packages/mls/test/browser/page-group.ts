/**
 * A group of three in a browser page: keys that cannot be taken out, WebCrypto, state in IndexedDB.
 */
import { equal, present, systemClock, utf8 } from '@famichat/base'
import {
  CipherSuiteId, type CryptoBackend, Group, type GroupConfig, type KeyPackageBundle, makeAdd, makeBasicCredential, makeCapabilities,
  makeCipherSuite, makeKeyPackage, makeLifetime, type Processed, type StateRow,
} from '@famichat/mls'
import { generateWebCryptoSigner, makeWebCryptoBackend, signerFromCryptoKeyPair, type WebCryptoSigner } from '@famichat/mls/webcrypto'
import { systemRandom } from '@famichat/base'
import { load, store } from './page-store.js'

const SUITE = CipherSuiteId.MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519
const NAMES = ['alice', 'bob', 'carol'] as const
type Name = (typeof NAMES)[number]

interface Member {
  readonly name: Name
  readonly signer: WebCryptoSigner
  readonly group: Group
}

/** What the page tells the test. */
export interface GroupReport {
  readonly members: number
  readonly epoch: string
  /** "alice to bob: hello", in the order they were read. */
  readonly heard: readonly string[]
  readonly allAgree: boolean
  readonly anyKeyExtractable: boolean
}

const configOf = (backend: CryptoBackend): GroupConfig =>
  ({ backend, authentication: { isValid: () => true, isSuccessor: () => true } })

/** Creates the group, lets everybody commit and speak, and stores everything. */
export const foundGroup = async (): Promise<GroupReport> => {
  const backend = await makeWebCryptoBackend()
  const config = configOf(backend)
  const suite = makeCipherSuite(SUITE, backend, systemRandom)
  const invited: { readonly name: Name; readonly signer: WebCryptoSigner; readonly bundle: KeyPackageBundle }[] = []
  const leafOf = (name: Name) => ({ credential: makeBasicCredential(utf8(name)), capabilities: makeCapabilities(systemRandom) })
  const lifetime = makeLifetime(BigInt(Math.floor(systemClock.nowMs() / 1000)), 3600n)
  for (const name of NAMES.slice(1)) {
    const signer = await generateWebCryptoSigner()
    invited.push({ name, signer, bundle: await makeKeyPackage(suite, signer, { ...leafOf(name), lifetime }) })
  }
  const signer = await generateWebCryptoSigner()
  const alice = await Group.create({ config, signer, groupId: utf8('page'), cipherSuite: SUITE, leaf: leafOf('alice') })
  const { staged, welcome } = await alice.commit({ proposals: invited.map(({ bundle }) => makeAdd(bundle.keyPackage)) })
  alice.merge(staged)
  const members: Member[] = [{ name: 'alice', signer, group: alice }]
  for (const { name, signer: own, bundle } of invited) {
    const { group } = await Group.join({ config, signer: own, welcome: present(welcome, 'members were added'), keyPackages: [bundle] })
    members.push({ name, signer: own, group })
  }
  const report = await commitAndSpeak(members)
  for (const { name, signer: { keyPair }, group } of members) await store(name, { keyPair, rows: group.takeChanges() })
  return report
}

/** After a reload: everybody comes back from IndexedDB and goes on. */
export const resumeGroup = async (): Promise<GroupReport> => {
  const backend = await makeWebCryptoBackend()
  const members: Member[] = []
  for (const name of NAMES) {
    const { keyPair, rows } = await load(name) as { readonly keyPair: WebCryptoSigner['keyPair']; readonly rows: readonly StateRow[] }
    const signer = await signerFromCryptoKeyPair(keyPair)
    members.push({ name, signer, group: Group.restore({ config: configOf(backend), signer, rows }) })
  }
  return commitAndSpeak(members)
}

const commitAndSpeak = async (members: readonly Member[]): Promise<GroupReport> => {
  const heard: string[] = []
  for (const speaker of members) {
    const others = members.filter((member) => member !== speaker)
    const { commit, staged } = await speaker.group.commit()
    for (const { group } of others) await take(group, commit)
    speaker.group.merge(staged)
    const message = await speaker.group.protect(utf8('hello'))
    for (const { name, group } of others) heard.push(`${speaker.name} to ${name}: ${textOf(await group.process(message))}`)
  }
  const [first] = members
  return {
    members: members.length,
    epoch: (first?.group.epoch ?? 0n).toString(),
    heard,
    allAgree: members.every(({ group }) => first !== undefined && equal(group.epochAuthenticator, first.group.epochAuthenticator)),
    anyKeyExtractable: members.some(({ signer }) => signer.keyPair.privateKey.extractable),
  }
}

const take = async (group: Group, commit: Uint8Array): Promise<void> => {
  const processed = await group.process(commit)
  if (processed.kind !== 'commit') throw new TypeError('a commit is expected')
  group.merge(processed.staged)
}

const textOf = (processed: Processed): string =>
  processed.kind === 'application' ? new TextDecoder().decode(processed.applicationData) : processed.kind
