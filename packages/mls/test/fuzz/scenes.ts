/**
 * Scenes: members in the states a hostile message may meet them in, with honest messages that prove they still live.
 */
import { bytesKey, utf8 } from '@famichat/base'
import {
  Group, type KeyPackageBundle, makeAdd, makeExternalProposal, makeExternalPsk, makeGroupContextExtensions, makeNewMemberProposal, makeReInit, makeRemove,
  makeResumptionPsk, type StateRow,
} from '@famichat/mls'
import { commitAll, groupOf, keyPackageOf, makePerson, type Person, RowStore, type Seat } from '../builders.js'
import { groupExtensions, OPEN_POLICY } from './samples.js'
import { type Bench, Subject } from './subject.js'

/** Where a scene plays. */
export interface Setting {
  readonly bench: Bench
  readonly seed: number
  readonly suiteId: number
}

/** The scene that takes every kind of message, and those who may send them. */
export interface OpenScene {
  readonly subjects: readonly Subject[]
  /** A member that follows no rule, with its rows. */
  readonly insider: Person
  readonly insiderRows: readonly StateRow[]
  /** Non-members with a say: listed in the group, asking to be added, joining by external commit. */
  readonly server: Person
  readonly applicant: Person
  readonly newcomer: Person
  /** Added by `welcome`. */
  readonly invited: Person
  readonly bundle: KeyPackageBundle
  readonly welcome: Uint8Array
  readonly groupInfo: Uint8Array
  /** Messages that carry every kind of content, for the insider to start from. */
  readonly messages: readonly Uint8Array[]
}

type Trio = readonly [Seat, Seat, Seat]
const SHARED_PSK = utf8('a secret from elsewhere')

/** Keeps what a seat's group has written from the start. */
class Recorder {
  readonly #store = new RowStore()
  readonly #seat: Seat

  constructor(seat: Seat) {
    this.#seat = seat
    this.#store.save(seat.group)
  }

  rows(): readonly StateRow[] {
    this.#store.save(this.#seat.group)
    return this.#store.all()
  }
}

const subject = (name: string, { bench, suiteId }: Setting, { person }: Seat, state: Pick<Subject, 'rows' | 'script'> & { readonly sent?: readonly Uint8Array[] }): Subject =>
  new Subject(`${name} (suite ${suiteId.toString()})`, bench, { person, ...state })

/** Private framing only, the default policy: application data, proposals, a commit by reference. */
export const quietScene = async (setting: Setting): Promise<Subject> => {
  const [alice, bob, carol] = await groupOf(3, { ...setting, policy: { paddingFor: () => 16 } }) as unknown as Trio
  const recorder = new Recorder(bob)
  const rows = recorder.rows()
  const script = [
    await alice.group.protect(utf8('one')), await carol.group.protect(utf8('two'), { authenticatedData: utf8('seen by all') }), await alice.group.protect(utf8('three')),
  ]
  const update = await alice.group.proposeUpdate()
  const removal = await alice.group.propose(makeRemove(alice.group.ownLeaf))
  await carol.group.process(update)
  script.push(update, removal, (await carol.group.commit()).commit)
  return subject('quiet', setting, bob, { rows, script })
}

/** After two commits: messages of the past, skipped generations, the current epoch. */
export const pastScene = async (setting: Setting): Promise<Subject> => {
  const [alice, bob, carol] = await groupOf(3, setting) as unknown as Trio
  const recorder = new Recorder(bob)
  const early = [await alice.group.protect(utf8('a0')), await alice.group.protect(utf8('a1')), await alice.group.protect(utf8('a2'))]
  await bob.group.process(early[2] ?? utf8(''))
  await commitAll(carol, [alice, bob])
  const middle = [await alice.group.protect(utf8('b0')), await carol.group.protect(utf8('b1'))]
  await commitAll(alice, [bob, carol])
  const rows = recorder.rows()
  const script = [...early.slice(0, 2), ...middle, await carol.group.protect(utf8('c0')), (await carol.group.commit()).commit]
  return subject('past epochs', setting, bob, { rows, script })
}

/** With a commit of its own on the way. */
export const pendingScene = async (setting: Setting): Promise<Subject> => {
  const [alice, bob, carol] = await groupOf(3, setting) as unknown as Trio
  const recorder = new Recorder(bob)
  const dave = await keyPackageOf(await makePerson('dave', setting))
  const own = await bob.group.commit({ proposals: [makeAdd(dave.keyPackage), makeRemove(carol.group.ownLeaf)] })
  const rows = recorder.rows()
  const script = [await alice.group.protect(utf8('hi')), (await alice.group.commit()).commit, own.commit]
  return subject('own commit pending', setting, bob, { rows, script })
}

/** A group closed by a ReInit, and a group the member was removed from: nothing is taken but what is left to read. */
export const endedScenes = async (setting: Setting): Promise<readonly Subject[]> => {
  const [alice, bob, carol] = await groupOf(3, setting) as unknown as Trio
  const recorder = new Recorder(bob)
  await commitAll(alice, [bob, carol], { proposals: [makeReInit({ groupId: utf8('next'), cipherSuite: setting.suiteId, extensions: [] })] })
  const closed = subject('reinitialised', setting, bob, { rows: recorder.rows(), script: [] })
  const [erin, frank, grace] = await groupOf(3, { ...setting, seed: setting.seed + 1 }) as unknown as Trio
  const leaving = new Recorder(frank)
  await commitAll(erin, [frank, grace], { proposals: [makeRemove(frank.group.ownLeaf)] })
  return [closed, subject('removed', setting, frank, { rows: leaving.rows(), script: [] })]
}

/** Every policy open: public and private handshakes, outsiders' proposals, external commits, a Welcome. */
export const openScene = async (setting: Setting): Promise<OpenScene> => {
  const options = { seed: setting.seed, suiteId: setting.suiteId, policy: OPEN_POLICY }
  const [server, applicant, newcomer, invited] = await Promise.all(
    ['server', 'judy', 'ivan', 'erin'].map((name) => makePerson(name, options))) as unknown as readonly [Person, Person, Person, Person]
  const [alice, bob, carol, dave] = await groupOf(4, { ...options, extensions: groupExtensions(server.signer.publicKey) }) as unknown as readonly [Seat, Seat, Seat, Seat]
  for (const person of [alice.person, bob.person, carol.person, invited]) person.psks.set('shared', SHARED_PSK)
  const [bobs, alices] = [new Recorder(bob), new Recorder(alice)]
  const [rows, insiderRows] = [bobs.rows(), alices.rows()]
  const suite = alice.group.cipherSuite
  const { groupId, epoch } = alice.group
  const groupInfo = await alice.group.groupInfo({ withTree: true, withExternalPub: true })

  const early = await dave.group.protect(utf8('before anything is proposed'), { authenticatedData: utf8('seen by all') })
  const applicants = await keyPackageOf(applicant)
  const bundle = await keyPackageOf(invited)
  const proposals = [
    await carol.group.proposeUpdate(), await dave.group.propose(makeExternalPsk(suite, utf8('shared'))),
    await dave.group.propose(makeAdd(bundle.keyPackage)),
  ]
  for (const message of proposals) for (const { group } of [alice, bob]) await group.process(message)
  const later = bobs.rows()
  const commit = await alice.group.commit({ proposals: [makeExternalPsk(suite, utf8('shared'))] })
  const application = await makeNewMemberProposal(suite, applicant.signer, { groupId, epoch, keyPackage: applicants.keyPackage })
  setting.bench.applications.add(bytesKey(application))
  const outside = [
    await makeExternalProposal(suite, server.signer, { groupId, epoch, senderIndex: 0, proposal: makeRemove(dave.group.ownLeaf) }),
    application,
  ]
  const others = [
    await carol.group.propose(makeGroupContextExtensions(groupExtensions(server.signer.publicKey))),
    await carol.group.propose(makeReInit({ groupId: utf8('next'), cipherSuite: setting.suiteId, extensions: [] })),
    await carol.group.propose(makeRemove(dave.group.ownLeaf)),
    await carol.group.propose(makeResumptionPsk(suite, groupId, epoch)),
  ]
  const joined = await Group.joinExternal({ config: newcomer.config, signer: newcomer.signer, groupInfo, leaf: newcomer.leaf })
  const commits = [commit.commit, joined.commit]
  const messages = [...proposals, ...outside, ...others, ...commits]
  return {
    subjects: [
      subject('open', setting, bob, { rows, script: [early, joined.commit, ...proposals, commit.commit, ...outside, ...others] }),
      subject('proposals cached', setting, bob, { rows: later, script: [...commits, ...outside], sent: [early, ...proposals, ...others] }),
    ],
    insider: alice.person, insiderRows, server, applicant, newcomer, invited, bundle, groupInfo, messages,
    welcome: commit.welcome ?? groupInfo,
  }
}
