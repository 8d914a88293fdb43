/**
 * Named builders for tests: people with seeded keys, groups in a known state, and a hand-moved clock.
 */
import { Secret, type RandomBytes } from '@famichat/base'
import { insecureSeededRandom, type ManualClock, manualClock } from '@famichat/base/testing'
import {
  type CipherSuite, type CommitRequest, type CryptoBackend, DEFAULT_CIPHER_SUITE, generateSignatureKey, Group, type GroupConfig,
  type GroupPolicy, type KeyPackageBundle, type LeafParameters, makeAdd, makeBasicCredential, makeCapabilities, makeCipherSuite, makeKeyPackage,
  makeLifetime, type Processed, type Signer, type StagedCommit, type StateRow,
} from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { utf8, bytesKey } from '@famichat/base'

/** Where the tests' clock stands: 2026-01-01T00:00:00Z. */
export const START_MS = 1_767_225_600_000

/** One client: its keys, what it says of itself, and the configuration of its groups. */
export interface Person {
  readonly name: string
  readonly suite: CipherSuite
  readonly signer: Signer
  readonly leaf: LeafParameters
  readonly config: GroupConfig
  readonly clock: ManualClock
  /** PSKs this person holds, by id. */
  readonly psks: Map<string, Uint8Array>
  readonly random: RandomBytes
}

export interface PersonOptions {
  readonly seed?: number
  readonly suiteId?: number
  readonly policy?: Partial<GroupPolicy>
  readonly leaf?: Partial<LeafParameters>
  readonly clock?: ManualClock
  /** node:crypto when not given. */
  readonly backend?: CryptoBackend
}

/** A client with a basic credential of its name. Credentials named "impostor…" are refused by everybody. */
export const makePerson = async (name: string, options: PersonOptions = {}): Promise<Person> => {
  const random = insecureSeededRandom((options.seed ?? 1) * 1009 + utf8(name).reduce((sum, byte) => sum * 31 + byte, 7))
  const clock = options.clock ?? manualClock(START_MS)
  const backend = options.backend ?? nodeBackend
  const suite = makeCipherSuite(options.suiteId ?? DEFAULT_CIPHER_SUITE, backend, random)
  const { signer } = await generateSignatureKey(suite)
  const psks = new Map<string, Uint8Array>()
  return {
    name, suite, signer, clock, psks, random,
    leaf: { credential: makeBasicCredential(utf8(name)), capabilities: makeCapabilities(random), ...options.leaf },
    config: {
      backend,
      clock,
      random,
      authentication: {
        isValid: ({ credential }) => !('identity' in credential) || !new TextDecoder().decode(credential.identity).startsWith('impostor'),
        isSuccessor: (previous, next) =>
          !('identity' in previous.credential) || !('identity' in next.credential)
          || bytesKey(previous.credential.identity) === bytesKey(next.credential.identity),
      },
      psks: { external: (id) => { const psk = psks.get(bytesKey(id)); return psk && new Secret(psk.slice()) } },
      policy: options.policy ?? {},
    },
  }
}

/** A KeyPackage good for 30 days from the person's clock. */
export const keyPackageOf = (person: Person, { isLastResort = false }: { readonly isLastResort?: boolean } = {}): Promise<KeyPackageBundle> =>
  makeKeyPackage(person.suite, person.signer, {
    ...person.leaf,
    lifetime: makeLifetime(BigInt(Math.floor(person.clock.nowMs() / 1000)), 30n * 24n * 3600n),
    isLastResort,
  })

/** A group of one. */
export const createGroup = (person: Person, options: Partial<Parameters<typeof Group.create>[0]> = {}): Promise<Group> =>
  Group.create({
    config: person.config, signer: person.signer, groupId: utf8('test group'), cipherSuite: person.suite.id, leaf: person.leaf, ...options,
  })

/** A person inside a group. */
export interface Seat {
  readonly person: Person
  readonly group: Group
}

/** Commits, lets every other seat process it, and merges everywhere. Returns what each learned. */
export const commitAll = async (committer: Seat, others: readonly Seat[], request: CommitRequest = {}): Promise<{
  readonly commit: Uint8Array; readonly welcome: Uint8Array | undefined; readonly staged: StagedCommit
}> => {
  const bundle = await committer.group.commit(request)
  for (const { group } of others) group.merge(await stagedBy(group, bundle.commit))
  committer.group.merge(bundle.staged)
  return bundle
}

/** Processes a commit up to its staged form. */
export const stagedBy = async (group: Group, commit: Uint8Array): Promise<StagedCommit> => {
  const processed = await group.process(commit)
  if (processed.kind !== 'commit') throw new TypeError(`a commit is expected, not ${processed.kind}`)
  return processed.staged
}

/** The text of an application message. */
export const readText = async (group: Group, message: Uint8Array): Promise<string> => textOf(await group.process(message))

const textOf = (processed: Processed): string => {
  if (processed.kind !== 'application') throw new TypeError(`application data is expected, not ${processed.kind}`)
  return new TextDecoder().decode(processed.applicationData)
}

/** Adds people in one commit and returns their seats. */
export const addAll = async (committer: Seat, others: readonly Seat[], people: readonly Person[], request: CommitRequest = {}): Promise<readonly Seat[]> => {
  const bundles = await Promise.all(people.map((person) => keyPackageOf(person)))
  const proposals = [...bundles.map(({ keyPackage }) => makeAdd(keyPackage)), ...(request.proposals ?? [])]
  const { welcome } = await commitAll(committer, others, { ...request, proposals })
  if (welcome === undefined) throw new TypeError('a commit with adds has a Welcome')
  return Promise.all(people.map(async (person, index): Promise<Seat> => {
    const bundle = bundles[index]
    const { group } = await Group.join({ config: person.config, signer: person.signer, welcome, keyPackages: bundle ? [bundle] : [] })
    return { person, group }
  }))
}

const NAMES = ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi']

/** A group of `size` people: the first creates it and adds all others in one commit. */
export const groupOf = async (size: number, options: PersonOptions & Pick<Partial<Parameters<typeof Group.create>[0]>, 'extensions'> = {}): Promise<readonly Seat[]> => {
  const clock = options.clock ?? manualClock(START_MS)
  const people = await Promise.all(Array.from({ length: size }, (_, index) =>
    makePerson(NAMES[index] ?? `member ${index.toString()}`, { ...options, clock })))
  const [first, ...rest] = people
  if (first === undefined) throw new TypeError('a group has at least one member')
  const creator: Seat = { person: first, group: await createGroup(first, options.extensions ? { extensions: options.extensions } : {}) }
  return rest.length === 0 ? [creator] : [creator, ...await addAll(creator, [], rest)]
}

/** Alice and Bob in a group of two. */
export const aliceAndBob = async (options: PersonOptions = {}): Promise<{ readonly alice: Seat; readonly bob: Seat }> => {
  const [alice, bob] = await groupOf(2, options)
  if (alice === undefined || bob === undefined) throw new TypeError('a group of two has two seats')
  return { alice, bob }
}

/** Collects the rows a group writes, like a store would. */
export class RowStore {
  readonly rows = new Map<string, Uint8Array>()

  /** Writes what changed; returns how many bytes that was. */
  save(group: Group): number {
    let bytes = 0
    for (const { key, value } of group.takeChanges()) {
      bytes += key.length + (value?.length ?? 0)
      if (value === undefined) this.rows.delete(key)
      else this.rows.set(key, value)
    }
    return bytes
  }

  all(): readonly StateRow[] {
    return [...this.rows].map(([key, value]) => ({ key, value }))
  }

  /** The group as it would be after a restart. */
  restore(person: Person): Group {
    return Group.restore({ config: person.config, signer: person.signer, rows: this.all() })
  }
}
