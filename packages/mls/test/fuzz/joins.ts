/**
 * Fuzzed joins: mutated Welcomes and GroupInfos, from outsiders and from a member that signs and encrypts what it likes.
 * Oracles: from outsiders only the group that was meant is joined; a group joined can be stored, restored and used.
 */
import { bytesKey, decode, encode, EMPTY, equal, Secret, utf8 } from '@famichat/base'
import { ExtensionType, Group, type KeyPackageBundle, limits } from '@famichat/mls'
import type { CipherSuite } from '../../dist/crypto/cipher-suite.js'
import { beginEncapsulations } from '../../dist/crypto/batch.js'
import { decryptWithLabel, signWithLabel } from '../../dist/crypto/labels.js'
import { makeWelcome } from '../../dist/group/group-info.js'
import { confirmationTag, deriveEpoch, deriveWelcomeSecret, welcomeKeyAndNonce } from '../../dist/schedule/key-schedule.js'
import { derivePskSecret } from '../../dist/schedule/psk.js'
import { commonAncestor, toLeafIndex } from '../../dist/tree/math.js'
import { RatchetTree } from '../../dist/tree/ratchet-tree.js'
import { treeHash } from '../../dist/tree/tree-hash.js'
import { encodeGroupInfoTBS, GroupContext, GroupInfo, GroupSecrets } from '../../dist/wire/group-info.js'
import { RatchetTreeNodes } from '../../dist/wire/leaf-node.js'
import { decodeMessage, encodeMessage } from '../../dist/wire/message.js'
import { WireFormat } from '../../dist/wire/registries.js'
import { RowStore } from '../builders.js'
import { messageGrammar, structureGrammar } from './decoders.js'
import type { Dice } from './dice.js'
import { changeField } from './fields.js'
import type { Grammar } from './grammar.js'
import { mutate, mutateBytes } from './mutate.js'
import type { OpenScene } from './scenes.js'
import type { Bench } from './subject.js'
import { expectThat, type Outcome, refusalOf, type Target } from './target.js'

interface Door {
  readonly bench: Bench
  readonly scene: OpenScene
  readonly suite: CipherSuite
}

/** Joins by Welcome as the invited person. */
const joinAs = async ({ bench, scene: { invited, bundle } }: Door, welcome: Uint8Array, ratchetTree?: Uint8Array): Promise<Group> => {
  const request = { config: bench.configOf(invited), signer: invited.signer, welcome, keyPackages: [bundle] }
  return (await Group.join(ratchetTree === undefined ? request : { ...request, ratchetTree })).group
}

const joinExternallyAs = async ({ bench, scene: { newcomer } }: Door, groupInfo: Uint8Array): Promise<Group> =>
  (await Group.joinExternal({ config: bench.configOf(newcomer), signer: newcomer.signer, groupInfo, leaf: newcomer.leaf })).group

/** What came of a join; the group is tried and closed. */
const outcomeOfJoin = async (door: Door, input: Uint8Array, join: () => Promise<Group>, whoseKeys: 'invited' | 'newcomer', expected?: Uint8Array): Promise<Outcome> => {
  let group: Group
  try {
    group = await join()
  } catch (error) {
    return refusalOf(error, input)
  }
  const isExpected = expected === undefined || equal(group.epochAuthenticator, expected)
  expectThat(isExpected, 'another group than the one meant is joined', input)
  const person = door.scene[whoseKeys]
  const store = new RowStore()
  store.save(group)
  const restored = Group.restore({ config: door.bench.configOf(person), signer: person.signer, rows: store.all() })
  expectThat(equal(restored.epochAuthenticator, group.epochAuthenticator), 'a joined group differs when it is restored', input)
  await restored.protect(utf8('first words'))
  group.close()
  restored.close()
  return 'accepted'
}

/** Mutated Welcomes of outsiders. */
const welcomeTarget = (door: Door, expected: Uint8Array): Target => {
  const grammar = messageGrammar(door.scene.welcome)
  const lenders = [grammar, ...door.scene.messages.map(messageGrammar)]
  return {
    name: `join by Welcome (suite ${door.suite.id.toString()})`,
    weight: 3,
    run: (dice) => {
      door.bench.random.begin(dice.next())
      const input = dice.oneIn(200) ? grammar.bytes : mutate(dice, grammar, lenders)
      return outcomeOfJoin(door, input, () => joinAs(door, input), 'invited', expected)
    },
  }
}

/** Mutated GroupInfos of outsiders: signed as a whole, so that only the honest bytes may pass. */
const groupInfoTarget = (door: Door): Target => {
  const grammar = messageGrammar(door.scene.groupInfo)
  return {
    name: `join externally (suite ${door.suite.id.toString()})`,
    weight: 3,
    run: (dice) => {
      door.bench.random.begin(dice.next())
      const input = dice.oneIn(200) ? grammar.bytes : mutate(dice, grammar, [grammar])
      return outcomeOfJoin(door, input, async () => {
        const group = await joinExternallyAs(door, input)
        expectThat(equal(input, grammar.bytes), 'a changed GroupInfo is accepted', input)
        return group
      }, 'newcomer')
    },
  }
}

/** A mutated GroupInfo with its tree hash put right and signed again. */
const resigned = async ({ scene: { insider }, suite }: Door, dice: Dice, grammar: Grammar, confirm?: (context: Uint8Array) => Uint8Array): Promise<GroupInfo> => {
  const honest = decode(GroupInfo, grammar.bytes)
  let changed = honest
  try {
    changed = dice.oneIn(3)
      ? decode(GroupInfo, encode(GroupInfo, changeField(dice, honest, honest) as GroupInfo))
      : decode(GroupInfo, mutate(dice, grammar, [grammar]))
  } catch {
    // no structure left: the outsiders' targets see to that
  }
  const tree = changed.extensions.find(({ extensionType }) => extensionType === ExtensionType.ratchetTree)
  let { groupContext } = changed
  if (tree !== undefined && !dice.oneIn(8)) {
    try {
      groupContext = { ...groupContext, treeHash: treeHash(suite, RatchetTree.fromNodes(decode(RatchetTreeNodes, tree.extensionData))) }
    } catch {
      // not a tree any more
    }
  }
  const tag = confirm !== undefined && !dice.oneIn(8) ? confirm(encode(GroupContext, groupContext)) : changed.confirmationTag
  const unsigned = { ...changed, groupContext, confirmationTag: tag }
  return { ...unsigned, signature: await signWithLabel(insider.signer, 'GroupInfoTBS', encodeGroupInfoTBS(unsigned)) }
}

const insiderGroupInfoTarget = (door: Door): Target => {
  const message = decodeMessage(door.scene.groupInfo)
  if (message.wireFormat !== WireFormat.groupInfo) throw new TypeError('a GroupInfo is expected')
  const grammar = structureGrammar(encode(GroupInfo, message.groupInfo), GroupInfo)
  return {
    name: `insider's GroupInfo (suite ${door.suite.id.toString()})`,
    weight: 2,
    run: async (dice) => {
      door.bench.random.begin(dice.next())
      const input = encodeMessage({ wireFormat: WireFormat.groupInfo, groupInfo: await resigned(door, dice, grammar) })
      return outcomeOfJoin(door, input, () => joinExternallyAs(door, input), 'newcomer')
    },
  }
}

/** What the invited person finds in its Welcome: with it, anybody who was told it can forge another. */
interface Opened {
  readonly grammar: Grammar
  readonly secrets: GroupSecrets
  readonly pskSecret: Secret
}

const open = async ({ scene, suite }: Door, bundle: KeyPackageBundle): Promise<Opened> => {
  const message = decodeMessage(scene.welcome)
  if (message.wireFormat !== WireFormat.welcome) throw new TypeError('a Welcome is expected')
  const { secrets: entries, encryptedGroupInfo } = message.welcome
  const entry = entries.find(({ newMember }) => equal(newMember, bundle.ref))
  if (entry === undefined) throw new TypeError('the Welcome is for the bundle')
  const recipient = { publicKey: bundle.keyPackage.initKey, privateKey: bundle.initPrivateKey }
  const plaintext = await decryptWithLabel(suite, recipient, 'Welcome', { context: encryptedGroupInfo, sealed: entry.encryptedGroupSecrets })
  const secrets = decode(GroupSecrets, plaintext.expose().slice())
  const psks = secrets.psks.map((id) => ({ id, psk: pskOf(scene, 'pskId' in id ? id.pskId : EMPTY) }))
  const pskSecret = derivePskSecret(suite, psks)
  const { key, nonce } = welcomeKeyAndNonce(suite, deriveWelcomeSecret(suite, { joinerSecret: secrets.joinerSecret, pskSecret }))
  const groupInfo = suite.aead.open(key.expose(), nonce.expose(), EMPTY, encryptedGroupInfo)
  return { grammar: structureGrammar(groupInfo, GroupInfo), secrets, pskSecret }
}

const pskOf = ({ invited }: OpenScene, id: Uint8Array): Secret => new Secret((invited.psks.get(bytesKey(id)) ?? EMPTY).slice())

const insiderWelcomeTarget = (door: Door, { grammar, secrets, pskSecret }: Opened): Target => ({
  name: `insider's Welcome (suite ${door.suite.id.toString()})`,
  weight: 2,
  run: async (dice) => {
    const { bench, scene: { bundle }, suite } = door
    bench.random.begin(dice.next())
    const joinerSecret = secrets.joinerSecret
    const groupInfo = await resigned(door, dice, grammar, (context) =>
      confirmationTag(suite, deriveEpoch(suite, { joinerSecret, pskSecret }, context).secrets.confirmationKey, decode(GroupContext, context).confirmedTranscriptHash))
    const committer = toLeafIndex(dice.oneIn(16) ? dice.below(6) : groupInfo.signer % 8)
    const own = toLeafIndex(OWN_LEAF)
    const leafCount = 8
    const pathSecret = secrets.pathSecret?.pathSecret
    const ancestor = committer === own ? undefined : commonAncestor(own, committer, leafCount)
    const welcome = await makeWelcome(suite, {
      groupInfo,
      added: [{ leafIndex: own, keyPackage: bundle.keyPackage }],
      work: beginEncapsulations(suite, [bundle.keyPackage.initKey]),
      joinerSecret: joinerSecret.clone(),
      welcomeSecret: deriveWelcomeSecret(suite, { joinerSecret, pskSecret }),
      pathSecrets: new Map(ancestor === undefined || pathSecret === undefined ? [] : [[ancestor, dice.oneIn(12) ? changedSecret(dice, pathSecret) : pathSecret.clone()]]),
      psks: dice.oneIn(12) ? changedPsks(dice, secrets.psks) : secrets.psks,
      committer,
      leafCount,
    })
    const input = encodeMessage({ wireFormat: WireFormat.welcome, welcome })
    const ratchetTree = dice.oneIn(16) ? grammar.bytes : undefined
    return outcomeOfJoin(door, input, () => joinAs(door, input, ratchetTree), 'invited')
  },
})

/** Where the open scene's invited person stands: after its four members. */
const OWN_LEAF = 4

/** Another secret of a length that can be sent. */
const changedSecret = (dice: Dice, secret: Secret): Secret => {
  const changed = mutateBytes(dice, secret.expose()).slice(0, limits.maxHashBytes)
  return new Secret(changed.length === 0 ? Uint8Array.of(0) : changed)
}

const changedPsks = (dice: Dice, psks: GroupSecrets['psks']): GroupSecrets['psks'] => {
  try {
    const changed = changeField(dice, { psks }, { psks }) as { psks: GroupSecrets['psks'] }
    encode(GroupSecrets, { joinerSecret: new Secret(Uint8Array.of(1)), pathSecret: undefined, psks: changed.psks })
    return changed.psks
  } catch {
    return []
  }
}

/** All ways in. */
export const joinTargets = async (bench: Bench, scene: OpenScene): Promise<readonly Target[]> => {
  const door = { bench, scene, suite: scene.invited.suite }
  const joined = await joinAs(door, scene.welcome)
  const opened = await open(door, scene.bundle)
  return [welcomeTarget(door, joined.epochAuthenticator), groupInfoTarget(door), insiderGroupInfoTarget(door), insiderWelcomeTarget(door, opened)]
}
