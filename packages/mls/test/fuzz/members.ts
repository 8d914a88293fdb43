/**
 * Fuzzed members: mutated messages into live groups, by outsiders who know no key and by insiders who know theirs.
 * Oracles: a refusal changes nothing, nothing but honest bytes is accepted from outsiders, honest messages go on working,
 * what an insider gets accepted leaves a group that can be stored, restored and joined; work linear in the input.
 */
import { decode, encode } from '@famichat/base'
import type { Processed } from '@famichat/mls'
import { resolveConfig } from '../../dist/group/config.js'
import type { Epoch } from '../../dist/group/epoch.js'
import { restoreState } from '../../dist/group/restore.js'
import { expandWithLabel, sealWithKeys } from '../../dist/crypto/labels.js'
import { protectPrivate } from '../../dist/framing/private-message.js'
import { protectPublic } from '../../dist/framing/public-message.js'
import { signContent, withConfirmationTag } from '../../dist/framing/signed-content.js'
import { guardedNonce, type MessageKey } from '../../dist/schedule/ratchet.js'
import { toLeafIndex } from '../../dist/tree/math.js'
import { decodeMessage, encodeMessage, FramedContent, PrivateContentAAD, SenderData, SenderDataAAD } from '../../dist/wire/message.js'
import { type ContentType, SenderType, WireFormat } from '../../dist/wire/registries.js'
import { messageGrammar, structureGrammar } from './decoders.js'
import type { Dice } from './dice.js'
import { changeField } from './fields.js'
import type { Grammar } from './grammar.js'
import { mutate, mutateBytes } from './mutate.js'
import type { OpenScene } from './scenes.js'
import type { Subject } from './subject.js'
import { expectThat, type Outcome, refusalOf, type Target } from './target.js'

/** Generations a message may skip cost up to three operations each; trees of the scenes are small; the rest grows with the input. */
const FIXED_UNITS = 3 * 1001 + 6000
const UNITS_PER_BYTE = 8

/** Hands a message to a member and applies the oracles. `trusted`: whether its sender holds keys. */
const strike = async (subject: Subject, input: Uint8Array, dice: Dice, trust: { readonly trusted: boolean }): Promise<Outcome> => {
  try {
    return await judged(subject, input, dice, trust)
  } catch (error) {
    // the next input must not meet the state this one spoilt
    subject.reset()
    throw error
  }
}

const judged = async (subject: Subject, input: Uint8Array, dice: Dice, { trusted }: { readonly trusted: boolean }): Promise<Outcome> => {
  const { bench } = subject
  bench.random.begin(dice.next())
  bench.meter.reset()
  let processed: Processed
  try {
    processed = await subject.group.process(input)
  } catch (error) {
    const outcome = refusalOf(error, input)
    expectLinear(subject, input)
    subject.expectUnchanged(input)
    await subject.playScriptAtTimes()
    return outcome
  }
  expectLinear(subject, input)
  const isEcho = processed.kind === 'own'
  expectThat(trusted || isEcho || subject.isHonest(input), `${subject.name}: a message nobody sent is accepted as ${processed.kind}`, input)
  if (isEcho) subject.expectUnchanged(input)
  else await afterAcceptance(subject, processed, input)
  return 'accepted'
}

const expectLinear = ({ name, bench: { meter } }: Subject, input: Uint8Array): void => {
  const allowed = FIXED_UNITS + UNITS_PER_BYTE * input.length
  expectThat(meter.units <= allowed, `${name}: ${meter.units.toString()} units of work for ${input.length.toString()} bytes`, input)
}

const afterAcceptance = async (subject: Subject, processed: Processed, input: Uint8Array): Promise<void> => {
  const { group } = subject
  if (processed.kind === 'commit') {
    group.merge(processed.staged)
    if (group.status === 'active') await group.protect(input.subarray(0, 8))
  }
  subject.expectRestorable(processed.kind, input)
  subject.reset()
}

/** Mutated messages of outsiders, to each subject. */
export const outsiderTargets = (subjects: readonly Subject[]): readonly Target[] => {
  const grammars = subjects.flatMap(({ script }) => script.map(messageGrammar))
  return subjects.map((subject): Target => {
    const own = subject.script.map(messageGrammar)
    return {
      name: `process ${subject.name}`,
      weight: own.length === 0 ? 1 : 4,
      run: (dice) => {
        const sample = dice.pick(own.length === 0 || dice.oneIn(40) ? grammars : own)
        const input = dice.oneIn(200) ? sample.bytes : mutate(dice, sample, dice.oneIn(2) || own.length === 0 ? grammars : own)
        return strike(subject, input, dice, { trusted: false })
      },
    }
  })
}

/** A member, or a non-member with a key, that signs and encrypts what it likes. */
class Insider {
  readonly #scene: OpenScene
  readonly #epoch: Epoch
  readonly #contents: readonly { readonly grammar: Grammar; readonly confirmationTag: Uint8Array | undefined }[]

  constructor(scene: OpenScene, subject: Subject) {
    this.#scene = scene
    this.#epoch = restoreState(resolveConfig(subject.bench.configOf(scene.insider)), scene.insiderRows).epoch
    this.#contents = scene.messages.flatMap((message) => {
      const decoded = decodeMessage(message)
      if (decoded.wireFormat !== WireFormat.publicMessage) return []
      const { content, auth: { confirmationTag } } = decoded.publicMessage
      return [{ grammar: structureGrammar(encode(FramedContent, content), FramedContent), confirmationTag }]
    })
  }

  async message(dice: Dice): Promise<Uint8Array> {
    const { grammar, confirmationTag } = dice.pick(this.#contents)
    const content = this.#content(dice, grammar)
    const isMember = content.sender.senderType === SenderType.member
    if (isMember && dice.oneIn(6)) return this.#garbage(dice, grammar.bytes, content)
    const format = isMember && dice.oneIn(2) ? WireFormat.privateMessage : WireFormat.publicMessage
    const { contextBytes, suite, secrets } = this.#epoch
    const coversContext = isMember || content.sender.senderType === SenderType.newMemberCommit
    const unconfirmed = await signContent(this.#signerOf(content), format, content, coversContext ? contextBytes : new Uint8Array(0))
    const signed = confirmationTag === undefined ? unconfirmed : withConfirmationTag(unconfirmed, dice.oneIn(3) ? mutateBytes(dice, confirmationTag) : confirmationTag)
    if (format === WireFormat.publicMessage) {
      const keys = { membershipKey: secrets.membershipKey, groupContext: contextBytes }
      return encodeMessage({ wireFormat: format, publicMessage: protectPublic(suite, signed, isMember ? keys : undefined) })
    }
    const messageKey = this.#messageKey(dice, content.content.contentType)
    return encodeMessage({ wireFormat: format, privateMessage: protectPrivate(suite, signed, {
      senderDataSecret: secrets.senderDataSecret, messageKey, leafIndex: this.#claimedLeaf(dice), paddingBytes: dice.below(40),
    }) })
  }

  /** Mutated content that still has its structure; mostly of this group, epoch and sender, so that it gets past the framing. */
  #content(dice: Dice, grammar: Grammar): FramedContent {
    const honest = decode(FramedContent, grammar.bytes)
    let content = honest
    try {
      const lenders = this.#contents.map((entry) => entry.grammar)
      content = dice.oneIn(3)
        ? decode(FramedContent, encode(FramedContent, changeField(dice, honest, decode(FramedContent, dice.pick(lenders).bytes)) as FramedContent))
        : decode(FramedContent, mutate(dice, grammar, lenders))
    } catch {
      // no structure left: what the decoders' targets are for
    }
    if (dice.oneIn(8)) return content
    const { groupId, epoch } = this.#epoch.context
    const isMember = honest.sender.senderType === SenderType.member
    return { ...content, groupId, epoch, sender: isMember ? { senderType: SenderType.member, leafIndex: this.#epoch.ownLeaf } : honest.sender }
  }

  #signerOf({ sender }: FramedContent): Parameters<typeof signContent>[0] {
    switch (sender.senderType) {
      case SenderType.member: return this.#scene.insider.signer
      case SenderType.external: return this.#scene.server.signer
      case SenderType.newMemberProposal: return this.#scene.applicant.signer
      case SenderType.newMemberCommit: return this.#scene.newcomer.signer
    }
  }

  #messageKey(dice: Dice, type: ContentType): MessageKey {
    const { secretTree, ownLeaf } = this.#epoch
    const key = secretTree.peek(ownLeaf, type, dice.oneIn(64) ? dice.pick([999, 1000]) : dice.below(4))
    return dice.oneIn(16) ? { ...key, generation: dice.pick([1001, 1 << 24, 0x7fffffff, 0x80000000, 0xffffffff]) } : key
  }

  #claimedLeaf(dice: Dice): ReturnType<typeof toLeafIndex> {
    return dice.oneIn(16) ? toLeafIndex(dice.pick([1, 2, 3, 4, 7, 8, 1 << 24, 0x7fffffff, 0x80000000, 0xffffffff])) : this.#epoch.ownLeaf
  }

  /** An authentic ciphertext of nonsense. */
  #garbage(dice: Dice, plaintext: Uint8Array, { authenticatedData, content: { contentType } }: FramedContent): Uint8Array {
    const { suite, secrets: { senderDataSecret }, context: { groupId, epoch } } = this.#epoch
    const { key, nonce, generation } = this.#messageKey(dice, contentType)
    const reuseGuard = dice.bytes(4)
    const aad = encode(PrivateContentAAD, { groupId, epoch, contentType, authenticatedData })
    const ciphertext = sealWithKeys(suite, { key, nonce: guardedNonce(nonce, reuseGuard) }, aad, mutateBytes(dice, plaintext))
    const sample = ciphertext.subarray(0, suite.hashLength)
    const senderKeys = {
      key: expandWithLabel(suite, senderDataSecret, 'key', sample, suite.aead.keyLength),
      nonce: expandWithLabel(suite, senderDataSecret, 'nonce', sample, suite.aead.nonceLength),
    }
    const senderData = encode(SenderData, { leafIndex: this.#claimedLeaf(dice), generation, reuseGuard })
    const inner = dice.oneIn(8) ? mutateBytes(dice, senderData) : senderData
    const encryptedSenderData = sealWithKeys(suite, senderKeys, encode(SenderDataAAD, { groupId, epoch, contentType }), inner)
    return encodeMessage({ wireFormat: WireFormat.privateMessage, privateMessage: { groupId, epoch, contentType, authenticatedData, encryptedSenderData, ciphertext } })
  }
}

/** Messages of insiders, to each subject of an open scene. */
export const insiderTargets = (scene: OpenScene): readonly Target[] =>
  scene.subjects.map((subject): Target => {
    const insider = new Insider(scene, subject)
    return {
      name: `insider ${subject.name}`,
      weight: 3,
      run: async (dice) => {
        subject.bench.random.begin(dice.next())
        return strike(subject, await insider.message(dice), dice, { trusted: true })
      },
    }
  })
