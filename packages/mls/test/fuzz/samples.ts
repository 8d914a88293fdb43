/**
 * Samples: valid messages of every kind, from seeded groups and, where they are, from the official test vectors.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { concat, encode, Secret, utf8 } from '@famichat/base'
import {
  encodeKeyPackageBundle, ExtensionType, Group, makeAdd, makeExternalPsk, makeGroupContextExtensions, makeReInit, makeRemove, makeResumptionPsk, ProposalType,
} from '@famichat/mls'
import { ExternalSenders, makeExtension, RequiredCapabilities } from '../../dist/wire/extension.js'
import { GroupSecrets } from '../../dist/wire/group-info.js'
import { PSKType } from '../../dist/wire/registries.js'
import { commitAll, groupOf, keyPackageOf, makePerson, RowStore, type Seat, stagedBy } from '../builders.js'
import { bytes, type Case, casesOf } from '../vectors/vector-file.js'

/** Encoded structures by kind. */
export interface Samples {
  /** MLSMessages of every wire format. */
  readonly messages: Uint8Array[]
  /** Contents of structures that have no message of their own. */
  readonly groupSecrets: Uint8Array[]
  readonly trees: Uint8Array[]
  readonly commits: Uint8Array[]
  readonly proposals: Uint8Array[]
  /** Stored KeyPackages with their private keys. */
  readonly bundles: Uint8Array[]
  /** Stored state, by row, checksums included. */
  readonly rows: { key: string; value: Uint8Array }[]
}

/** A policy under which every kind of message is taken. */
export const OPEN_POLICY = {
  handshakes: 'public', acceptPublicHandshakes: true, acceptExternalCommits: true, acceptNewMemberProposals: true, paddingFor: () => 32,
} as const

/** Extensions of a GroupContext that use every content the engine understands. */
export const groupExtensions = (senderKey: Uint8Array): Parameters<typeof makeGroupContextExtensions>[0] => [
  makeExtension(ExtensionType.requiredCapabilities, RequiredCapabilities, { extensionTypes: [10], proposalTypes: [], credentialTypes: [1] }),
  makeExtension(ExtensionType.externalSenders, ExternalSenders, [
    { signatureKey: senderKey, credential: { credentialType: 1, identity: utf8('server') } },
    { signatureKey: senderKey, credential: { credentialType: 2, certificates: [utf8('not really DER'), utf8('nor this')] } },
  ]),
]

/** Plays a short group life in one cipher suite and keeps what was sent and stored. */
export const playGroup = async (seed: number, suiteId: number): Promise<Samples> => {
  const server = await makePerson('server', { seed, suiteId })
  const extensions = groupExtensions(server.signer.publicKey)
  const [alice, bob, carol, dave, erin] = await groupOf(5, { seed, suiteId, policy: OPEN_POLICY, extensions }) as [Seat, Seat, Seat, Seat, Seat]
  const seats = [alice, bob, carol, dave, erin]
  const messages: Uint8Array[] = []
  const tell = async (from: Seat, message: Uint8Array): Promise<void> => {
    messages.push(message)
    for (const { group } of seats) if (group !== from.group) await group.process(message)
  }
  for (const { person } of seats) person.psks.set('shared', utf8('a secret from elsewhere'))
  const suite = alice.group.cipherSuite
  messages.push(await alice.group.groupInfo({ withTree: true, withExternalPub: true }), await bob.group.groupInfo({ withTree: false, withExternalPub: false }))
  await tell(alice, await alice.group.protect(utf8('hello'), { authenticatedData: utf8('visible to all') }))
  await tell(bob, await bob.group.proposeUpdate())
  const grace = await makePerson('grace', { seed, suiteId })
  const [bundle, lastResort] = [await keyPackageOf(grace), await keyPackageOf(grace, { isLastResort: true })]
  messages.push(bundle.message, lastResort.message)
  for (const proposal of [
    makeAdd(bundle.keyPackage), makeRemove(dave.group.ownLeaf), makeExternalPsk(suite, utf8('shared')),
    makeResumptionPsk(suite, alice.group.groupId, alice.group.epoch), makeGroupContextExtensions(extensions),
  ]) await tell(carol, await carol.group.propose(proposal))
  const first = await commitAll(alice, [bob, carol, erin])
  messages.push(first.commit, first.welcome ?? first.commit)
  const second = await alice.group.commit({
    proposals: [makeAdd((await keyPackageOf(await makePerson('heidi', { seed, suiteId }))).keyPackage), makeRemove(erin.group.ownLeaf)], withTree: false,
  })
  messages.push(second.commit, second.welcome ?? second.commit)
  const store = new RowStore()
  store.save(alice.group)
  await stagedBy(bob.group, second.commit)
  messages.push(await bob.group.propose(makeReInit({ groupId: utf8('next'), cipherSuite: suiteId, extensions: [] })))
  const groupInfo = await bob.group.groupInfo({ withTree: true, withExternalPub: true })
  const outsider = await makePerson('ivan', { seed, suiteId, policy: OPEN_POLICY })
  const joined = await Group.joinExternal({ config: outsider.config, signer: outsider.signer, groupInfo, leaf: outsider.leaf })
  messages.push(groupInfo, joined.commit)
  const someSecret = (): Secret => new Secret(suite.random(suite.hashLength))
  const secrets = (pathSecret: { pathSecret: Secret } | undefined): Uint8Array => encode(GroupSecrets, {
    joinerSecret: someSecret(), pathSecret,
    psks: [{ psktype: PSKType.external, pskId: utf8('shared'), pskNonce: suite.random(suite.hashLength) }],
  })
  return {
    messages,
    groupSecrets: [secrets(undefined), secrets({ pathSecret: someSecret() })],
    trees: [], commits: [], proposals: [Uint8Array.of(0, ProposalType.selfRemove)],
    bundles: [bundle, lastResort].map((stored) => encodeKeyPackageBundle(stored).expose()),
    rows: store.all().flatMap(({ key, value }) => (value === undefined ? [] : [{ key, value }])),
  }
}

const VECTORS = process.env.MLS_TEST_VECTORS ?? resolve(import.meta.dirname, '../../../../../shared/mls-test-vectors')
const MESSAGE_FIELDS = [
  'mls_welcome', 'mls_group_info', 'mls_key_package', 'public_message_application', 'public_message_proposal', 'public_message_commit', 'private_message',
]
/** Fields with a proposal's content, and its type. */
const PROPOSAL_FIELDS: Readonly<Record<string, number>> = {
  add_proposal: 1, update_proposal: 2, remove_proposal: 3, pre_shared_key_proposal: 4, re_init_proposal: 5, external_init_proposal: 6,
  group_context_extensions_proposal: 7,
}

/** Some of the official vectors; nothing when they are absent. */
export const officialSamples = (): Samples => {
  const samples: Samples = { messages: [], groupSecrets: [], trees: [], commits: [], proposals: [], bundles: [], rows: [] }
  for (const given of someCases('messages.json', 6)) {
    samples.messages.push(...MESSAGE_FIELDS.map((field) => bytes(given, field)))
    samples.proposals.push(...Object.entries(PROPOSAL_FIELDS).map(([field, type]) => concat(Uint8Array.of(0, type), bytes(given, field))))
    samples.groupSecrets.push(bytes(given, 'group_secrets'))
    samples.trees.push(bytes(given, 'ratchet_tree'))
    samples.commits.push(bytes(given, 'commit'))
  }
  for (const given of someCases('tree-validation.json', 12)) samples.trees.push(bytes(given, 'tree'))
  return samples
}

const MAX_SAMPLE_BYTES = 6000

const someCases = (file: string, count: number): readonly Case[] => {
  const path = join(VECTORS, file)
  if (!existsSync(path)) return []
  const cases = casesOf(JSON.parse(readFileSync(path, 'utf8'))).filter((given) => Object.values(given).every((value) =>
    typeof value !== 'string' || value.length <= 2 * MAX_SAMPLE_BYTES))
  return cases.filter((_, index) => index % Math.max(1, Math.floor(cases.length / count)) === 0).slice(0, count)
}

/** All samples together. */
export const joinSamples = (all: readonly Samples[]): Samples => ({
  messages: all.flatMap(({ messages }) => messages),
  groupSecrets: all.flatMap(({ groupSecrets }) => groupSecrets),
  trees: all.flatMap(({ trees }) => trees),
  commits: all.flatMap(({ commits }) => commits),
  proposals: all.flatMap(({ proposals }) => proposals),
  bundles: all.flatMap(({ bundles }) => bundles),
  rows: all.flatMap(({ rows }) => rows),
})
