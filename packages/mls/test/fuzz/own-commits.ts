/**
 * Fuzzed commits of one's own: strange proposals, KeyPackages and requests that a member is asked to commit.
 * Oracles: refused in the error family with nothing changed but a used key, or committed so that every other member
 * accepts it, agrees, and every newcomer can join.
 */
import { encode, equal, utf8 } from '@famichat/base'
import {
  type CommitRequest, Group, type KeyPackageBundle, makeAdd, makeExternalPsk, makeGroupContextExtensions, makeReInit, makeRemove, makeResumptionPsk,
  makeSelfRemove, type Proposal, type StagedCommit,
} from '@famichat/mls'
import { signWithLabel } from '../../dist/crypto/labels.js'
import { bundleOf } from '../../dist/group/key-package-bundle.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import { signLeafNode } from '../../dist/tree/treekem.js'
import { Extensions } from '../../dist/wire/extension.js'
import { encodeKeyPackageTBS, KeyPackage } from '../../dist/wire/key-package.js'
import { Proposal as ProposalCodec } from '../../dist/wire/proposal.js'
import { keyPackageOf, makePerson, type Person, stagedBy } from '../builders.js'
import type { Dice } from './dice.js'
import { changeField } from './fields.js'
import { groupExtensions, OPEN_POLICY } from './samples.js'
import type { OpenScene, Setting } from './scenes.js'
import { Subject } from './subject.js'
import { expectThat, Finding, type Outcome, refusalOf, type Target } from './target.js'

interface Newcomer {
  readonly person: Person
  readonly bundle: KeyPackageBundle
}

/** A request and those it would bring in. */
interface Wish {
  readonly request: CommitRequest
  readonly newcomers: readonly Newcomer[]
}

/** Makes strange requests from sound parts. */
class Wishes {
  readonly #newcomers: readonly Newcomer[]
  readonly #group: Group
  readonly #serverKey: Uint8Array

  constructor(newcomers: readonly Newcomer[], group: Group, serverKey: Uint8Array) {
    this.#newcomers = newcomers
    this.#group = group
    this.#serverKey = serverKey
  }

  async next(dice: Dice): Promise<Wish> {
    const newcomers: Newcomer[] = []
    const proposals: Proposal[] = []
    for (let count = dice.below(4); count > 0; count--) {
      const newcomer = dice.oneIn(2) ? await this.#changedNewcomer(dice, dice.pick(this.#newcomers)) : undefined
      if (newcomer !== undefined) {
        newcomers.push(newcomer)
        proposals.push(makeAdd(newcomer.bundle.keyPackage))
      } else proposals.push(this.#proposal(dice))
    }
    const extensions = dice.oneIn(6) ? { groupInfoExtensions: this.#extensions(dice) } : {}
    const leaf = dice.oneIn(6) ? { leaf: { extensions: this.#extensions(dice) } } : {}
    return { newcomers, request: { proposals, withPath: !dice.oneIn(3), withPending: !dice.oneIn(3), authenticatedData: dice.bytes(dice.below(8)), ...extensions, ...leaf } }
  }

  #proposal(dice: Dice): Proposal {
    const suite = this.#group.cipherSuite
    const { groupId, epoch } = this.#group
    const sound = dice.pick([
      makeRemove(toLeafIndex(dice.below(5))), makeExternalPsk(suite, utf8('shared')), makeResumptionPsk(suite, groupId, epoch),
      makeGroupContextExtensions(this.#extensions(dice)), makeReInit({ groupId: utf8('next'), cipherSuite: suite.id, extensions: [] }), makeSelfRemove(),
    ])
    return dice.oneIn(2) ? sound : wellTyped(sound, () => changeField(dice, sound, sound) as Proposal, (proposal) => { encode(ProposalCodec, proposal) })
  }

  #extensions(dice: Dice): Parameters<typeof makeGroupContextExtensions>[0] {
    const sound = dice.oneIn(4) ? [] : groupExtensions(this.#serverKey)
    return wellTyped(sound, () => changeField(dice, sound, sound) as typeof sound, (extensions) => { encode(Extensions, extensions) })
  }

  /** A KeyPackage with a changed field, signed again by its owner. */
  async #changedNewcomer(dice: Dice, { person, bundle }: Newcomer): Promise<Newcomer> {
    if (dice.oneIn(2)) return { person, bundle }
    const sound = bundle.keyPackage
    const changed = wellTyped(sound, () => changeField(dice, sound, sound) as KeyPackage, (keyPackage) => { encode(KeyPackage, keyPackage) })
    const leafNode = await signLeafNode(changed.leafNode, person.signer, { groupId: new Uint8Array(0), leafIndex: toLeafIndex(0) })
    const unsigned = { ...changed, leafNode }
    const keyPackage = { ...unsigned, signature: await signWithLabel(person.signer, 'KeyPackageTBS', encodeKeyPackageTBS(unsigned)) }
    return { person, bundle: bundleOf(person.suite, keyPackage, bundle) }
  }
}

/** The changed value when it still has the structure's type, the sound one otherwise. */
const wellTyped = <T>(sound: T, change: () => T, encodes: (value: T) => void): T => {
  try {
    const changed = change()
    encodes(changed)
    return changed
  } catch {
    return sound
  }
}

/** Commits a wish and checks that everybody can follow. */
const fulfil = async (committer: Subject, follower: Subject, { request, newcomers }: Wish): Promise<Outcome> => {
  let bundle: Awaited<ReturnType<Group['commit']>>
  try {
    bundle = await committer.group.commit(request)
  } catch (error) {
    const outcome = refusalOf(error)
    // a private commit may use up a message key; nothing else may have changed
    const changed = committer.group.takeChanges().filter(({ key }) => !key.startsWith('s'))
    expectThat(changed.length === 0, `${changed.length.toString()} rows changed by a commit that was refused as ${outcome}`)
    return outcome
  }
  let staged: StagedCommit
  try {
    staged = await stagedBy(follower.group, bundle.commit)
  } catch (error) {
    // the committer is the older member: it holds PSKs of epochs the follower never saw
    if (refusalOf(error) === 'mls.psk.unknown') return 'mls.psk.unknown'
    throw new Finding(`a member refuses what another was allowed to commit: ${String(error)}`, bundle.commit, { cause: error })
  }
  follower.group.merge(staged)
  committer.group.merge(bundle.staged)
  committer.expectRestorable('own commit', bundle.commit)
  if (follower.group.status === 'removed') return 'accepted'
  expectThat(equal(committer.group.epochAuthenticator, follower.group.epochAuthenticator), 'members disagree after a commit', bundle.commit)
  for (const newcomer of newcomers) await letIn(committer, newcomer, bundle)
  return 'accepted'
}

const letIn = async (committer: Subject, { person, bundle }: Newcomer, { welcome, commit }: { welcome: Uint8Array | undefined; commit: Uint8Array }): Promise<void> => {
  expectThat(welcome !== undefined, 'a commit that adds has no Welcome', commit)
  let joined: Group
  try {
    joined = (await Group.join({ config: committer.bench.configOf(person), signer: person.signer, welcome, keyPackages: [bundle] })).group
  } catch (error) {
    // only members hold the PSK of an earlier epoch
    if (refusalOf(error) === 'mls.psk.unknown') return
    throw new Finding(`a newcomer cannot join what the members agreed on: ${String(error)}`, welcome, { cause: error })
  }
  expectThat(equal(joined.epochAuthenticator, committer.group.epochAuthenticator), 'a newcomer disagrees with the members', welcome)
  joined.close()
}

/** Commits asked of the open scene's insider, followed by its subject. */
export const ownCommitTarget = async (scene: OpenScene, { bench, seed, suiteId }: Setting): Promise<Target> => {
  const committer = new Subject(`committer (suite ${suiteId.toString()})`, bench, { person: scene.insider, rows: scene.insiderRows, script: [] })
  const [follower] = scene.subjects
  if (follower === undefined) throw new TypeError('an open scene has a subject')
  const people = await Promise.all(['mallory', 'niaj', 'olivia'].map((name) => makePerson(name, { seed, suiteId, policy: OPEN_POLICY })))
  const newcomers = await Promise.all(people.map(async (person): Promise<Newcomer> => {
    person.psks.set('shared', utf8('a secret from elsewhere'))
    return { person, bundle: await keyPackageOf(person) }
  }))
  return {
    name: `own commit (suite ${suiteId.toString()})`,
    weight: 1,
    run: async (dice) => {
      bench.random.begin(dice.next())
      const wish = await new Wishes(newcomers, committer.group, scene.server.signer.publicKey).next(dice)
      try {
        return await fulfil(committer, follower, wish)
      } finally {
        committer.reset()
        follower.reset()
      }
    },
  }
}
