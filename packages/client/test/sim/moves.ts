/**
 * What a malicious or broken server does (threats S1-S13, S48): each move stands between one device and the honest server.
 */
import { isCodedError } from '@famichat/base'
import {
  type ClientFrame, ClientFrameType, ContentType, type ConversationId, decodeRequest, decodeResponse, encodeResponse, type Envelope, type RouteName, type RouteResponse,
  type ServerFrame, ServerFrameType,
} from '@famichat/protocol'
import { inspectMessage } from '@famichat/mls/inspect'
import { decodeMessageHead } from '../../dist/conversation/message-document.js'
import type { Dice } from './scheduler.js'
import type { Answered } from './exchange.js'
import type { Middleman, PassingCall } from './virtual-network.js'

/** A move against one device. */
export abstract class Move {
  /** How often it did something. */
  acts = 0
  isActive = true
  abstract readonly id: string
  /** True when the device may have to say that something is missing, instead of showing it. */
  readonly hurts: boolean = false
  /** True when it goes on after all else has stopped. */
  readonly isForGood: boolean = false
  protected readonly dice: Dice

  constructor(dice: Dice) {
    this.dice = dice
  }

  /** What is told of a stretch of the log. */
  log(envelopes: readonly Envelope[]): readonly Envelope[] {
    return envelopes
  }

  /** What is answered instead of the honest answer, which is given. */
  answer(_route: RouteName, _honest: Uint8Array, _request: Uint8Array): Uint8Array | undefined | Promise<Uint8Array | undefined> {
    return undefined
  }

  /** What is answered without asking the honest server. */
  instead(_route: RouteName, _request: Uint8Array): Uint8Array | undefined {
    return undefined
  }

  /** What goes on of a frame from the device. */
  up(frame: ClientFrame, _answer: (frame: ServerFrame) => void): readonly ClientFrame[] {
    return [frame]
  }

  /** What goes on of a frame to the device. */
  down(frame: ServerFrame): readonly ServerFrame[] {
    return frame.type === ServerFrameType.deliver ? this.log([frame.envelope]).map((envelope) => ({ ...frame, envelope })) : [frame]
  }

  protected act<T>(result: T): T {
    this.acts++
    return result
  }
}

const atSeq = (envelope: Envelope, seq: number): Envelope => ({ ...envelope, header: { ...envelope.header, seq } })
const isApplication = ({ header: { contentType } }: Envelope): boolean => contentType === ContentType.application
const isCommit = ({ header: { contentType } }: Envelope): boolean => contentType === ContentType.commit

/** S1: neighbours in the log change places. */
export class Reorder extends Move {
  readonly id = 'S1'
  override readonly isForGood = true
  readonly #told = new Map<string, Envelope>()

  override log(envelopes: readonly Envelope[]): readonly Envelope[] {
    const told = [...envelopes]
    for (let at = 0; this.isActive && at + 1 < told.length; at++) {
      const [first, second] = [told[at], told[at + 1]]
      if (!first || !second || !isApplication(first) || !isApplication(second) || second.header.seq !== first.header.seq + 1) continue
      if (this.#told.has(placeOf(first)) || this.#told.has(placeOf(second))) continue
      told[at] = this.act(atSeq(second, first.header.seq))
      told[at + 1] = atSeq(first, second.header.seq)
      at++
    }
    // a place that was told one way is told so again: else an entry would be lost in between
    return told.map((envelope) => {
      const known = this.#told.get(placeOf(envelope))
      if (known === undefined) this.#told.set(placeOf(envelope), envelope)
      return known ?? envelope
    })
  }
}

const placeOf = ({ header: { conversationId, seq } }: Envelope): string => `${conversationId} ${seq.toString()}`

/** S2: entries are left out. */
export class Drop extends Move {
  readonly id = 'S2'
  override readonly hurts = true

  override log(envelopes: readonly Envelope[]): readonly Envelope[] {
    return envelopes.filter((envelope) => !isApplication(envelope) || !this.dice.chance(0.3) || this.act(false))
  }
}

/** S3: everything comes several times, and old entries come again. */
export class Repeat extends Move {
  readonly id = 'S3'
  readonly #old: Envelope[] = []

  override log(envelopes: readonly Envelope[]): readonly Envelope[] {
    const told: Envelope[] = []
    for (const envelope of envelopes) {
      const old = this.#old.filter(({ header }) => header.conversationId === envelope.header.conversationId)
      if (old.length > 0 && this.dice.chance(0.5)) told.push(this.dice.pick(old))
      for (let copies = this.dice.between(1, 5); copies > 0; copies--) told.push({ ...envelope, message: envelope.message.slice() })
      this.#old.push({ ...envelope, message: envelope.message.slice() })
    }
    return this.act(told)
  }
}

/** S3: a message is taken, and its sender is told that it is out of date, or nothing: it must not come a second time. */
export class TakeAndDeny extends Move {
  readonly id = 'S3 denied'
  readonly #denied = new Set<number>()

  override up(frame: ClientFrame): readonly ClientFrame[] {
    if (frame.type === ClientFrameType.send && this.dice.chance(0.5)) this.#denied.add(frame.requestId)
    return [frame]
  }

  override down(frame: ServerFrame): readonly ServerFrame[] {
    if (frame.type !== ServerFrameType.accepted || !this.#denied.delete(frame.requestId)) return [frame]
    if (this.dice.chance(0.3)) return this.act([])
    return [this.act({ type: ServerFrameType.refused, requestId: frame.requestId, code: 'protocol.epoch.stale', winner: undefined })]
  }
}

/** S4: what was said in one conversation is told in another. */
export class Redirect extends Move {
  readonly id = 'S4'
  override readonly hurts = true
  readonly #heard = new Map<ConversationId, Uint8Array>()

  override log(envelopes: readonly Envelope[]): readonly Envelope[] {
    return envelopes.map((envelope) => {
      const { conversationId } = envelope.header
      if (!isApplication(envelope)) return envelope
      const elsewhere = [...this.#heard].filter(([id]) => id !== conversationId).map(([, message]) => message)
      this.#heard.set(conversationId, envelope.message.slice())
      if (elsewhere.length === 0 || !this.dice.chance(0.8)) return envelope
      return this.act({ ...envelope, message: this.dice.pick(elsewhere).slice() })
    })
  }
}

/** S5: a commit, and with it all that follows, is kept back for a while. */
export class Withhold extends Move {
  readonly id = 'S5'
  readonly #from = new Map<ConversationId, number>()

  override log(envelopes: readonly Envelope[]): readonly Envelope[] {
    return envelopes.filter((envelope) => {
      const { conversationId, seq } = envelope.header
      if (isCommit(envelope) && !this.#from.has(conversationId)) this.#from.set(conversationId, seq)
      const from = this.#from.get(conversationId)
      return from === undefined || seq < from || this.act(false)
    })
  }
}

/** S6: a device's commit is accepted, for it alone; from then on it lives in a course of its own. */
export class Fork extends Move {
  readonly id = 'S6'
  override readonly hurts = true
  #conversationId: ConversationId | undefined
  readonly #course: Envelope[] = []
  readonly #nowMs: () => number
  readonly #deviceId: () => Envelope['header']['senderDevice'] | undefined

  constructor(dice: Dice, { nowMs, deviceId }: { readonly nowMs: () => number; readonly deviceId: () => Envelope['header']['senderDevice'] | undefined }) {
    super(dice)
    this.#nowMs = nowMs
    this.#deviceId = deviceId
  }

  get conversationId(): ConversationId | undefined {
    return this.#conversationId
  }

  override instead(route: RouteName, request: Uint8Array): Uint8Array | undefined {
    if (route === 'logRead') {
      const { conversationId, afterSeq } = decodeRequest('logRead', request.slice())
      if (conversationId !== this.#conversationId) return undefined
      return encodeResponse('logRead', { envelopes: this.#course.filter(({ header: { seq } }) => seq > afterSeq), hasMore: false, prunedSeq: 0 })
    }
    if (route !== 'conversationCommit') return undefined
    const submission = decodeRequest('conversationCommit', request.slice())
    if (this.#conversationId !== undefined && this.#conversationId !== submission.conversationId) return undefined
    // who is added would hear of it from the honest server only
    if (submission.added.length > 0) return undefined
    const lastSeq = this.#course.at(-1)?.header.seq ?? lastSeqIn(submission.commit)
    if (lastSeq === undefined) return undefined
    this.#conversationId = submission.conversationId
    return this.act(encodeResponse('conversationCommit', this.#append({ ...submission, message: submission.commit, contentType: ContentType.commit }, lastSeq + 1)))
  }

  override log(envelopes: readonly Envelope[]): readonly Envelope[] {
    return envelopes.filter(({ header }) => header.conversationId !== this.#conversationId)
  }

  override up(frame: ClientFrame, answer: (frame: ServerFrame) => void): readonly ClientFrame[] {
    if (!('conversationId' in frame) || frame.conversationId !== this.#conversationId) return [frame]
    if (frame.type !== ClientFrameType.send) return []
    const accepted = this.#append({ ...frame, contentType: ContentType.application }, (this.#course.at(-1)?.header.seq ?? 0) + 1)
    answer({ type: ServerFrameType.accepted, requestId: frame.requestId, ...accepted })
    return []
  }

  #append(
    { conversationId, messageId, epoch, message, contentType }: Pick<Envelope['header'], 'conversationId' | 'messageId' | 'epoch' | 'contentType'> & { readonly message: Uint8Array }, seq: number,
  ): { seq: number; createdAtMs: number } {
    const createdAtMs = this.#nowMs()
    const senderDevice = this.#deviceId()
    if (senderDevice === undefined) throw new Error('nobody is there to be told apart')
    const known = this.#course.find(({ header }) => header.messageId === messageId)
    if (known !== undefined) return { seq: known.header.seq, createdAtMs: known.header.createdAtMs }
    this.#course.push({ message: message.slice(), header: { conversationId, seq, senderDevice, messageId, encryption: 1, contentType, epoch, createdAtMs } })
    return { seq, createdAtMs }
  }
}

/** The last position that a commit's author had taken, as its head says. */
const lastSeqIn = (commit: Uint8Array): number | undefined => {
  try {
    const inspected = inspectMessage(commit.slice())
    return inspected.kind === 'private' ? decodeMessageHead(inspected.authenticatedData).lastSeq : undefined
  } catch (error) {
    if (!isCodedError(error)) throw error
    return undefined
  }
}

/** S12: epochs, senders and rosters are not what the server says. */
export class Lie extends Move {
  readonly id = 'S12'
  #strangers: Envelope['header']['senderDevice'][] = []

  override log(envelopes: readonly Envelope[]): readonly Envelope[] {
    for (const { header } of envelopes) if (!this.#strangers.includes(header.senderDevice)) this.#strangers.push(header.senderDevice)
    return envelopes.map((envelope) => (isApplication(envelope)
      ? this.act({ ...envelope, header: { ...envelope.header, epoch: envelope.header.epoch + 1n, senderDevice: this.dice.pick(this.#strangers) } })
      : envelope))
  }

  override answer(route: RouteName, honest: Uint8Array): Uint8Array | undefined {
    if (route !== 'conversationList') return undefined
    const { conversations } = decodeResponse('conversationList', honest.slice())
    return this.act(encodeResponse('conversationList', { conversations: conversations.map((summary) => ({ ...summary, epoch: summary.epoch + 7n })) }))
  }
}

/** S13: the server has forgotten the end of every log. */
export class RollBack extends Move {
  readonly id = 'S13'

  override log(): readonly Envelope[] {
    return []
  }

  override answer(route: RouteName, honest: Uint8Array): Uint8Array | undefined {
    if (route !== 'conversationList') return undefined
    const { conversations } = decodeResponse('conversationList', honest.slice())
    const earlier = conversations.map((summary) => ({ ...summary, lastSeq: Math.max(0, summary.lastSeq - 2), acknowledgedSeq: 0 }))
    if (conversations.some(({ lastSeq }) => lastSeq > 2)) this.acts++
    return encodeResponse('conversationList', { conversations: earlier })
  }
}

/** S9, S48: a commit that is none, or not the one that the others got. */
export class Garble extends Move {
  readonly id: string
  override readonly hurts = true
  override readonly isForGood: boolean
  readonly #garbled = new Map<string, Envelope>()

  /** @param isForGood the device never sees the right one, as when only its part of a commit is wrong (RFC 9420 §16.12) */
  constructor(dice: Dice, { isForGood }: { readonly isForGood: boolean }) {
    super(dice)
    this.isForGood = isForGood
    this.id = isForGood ? 'S48' : 'S9'
  }

  override log(envelopes: readonly Envelope[]): readonly Envelope[] {
    return envelopes.map((envelope) => {
      if (!isCommit(envelope)) return envelope
      const known = this.#garbled.get(placeOf(envelope))
      if (known !== undefined) return known
      // one per conversation: who is added afresh begins behind it
      if (this.#garbled.size > 0 || !this.isActive) return envelope
      const { message } = envelope
      const wrong = this.isForGood ? message.with(message.length - 1, (message.at(-1) ?? 0) ^ 1) : asPublic(message)
      const garbled = this.act({ ...envelope, message: wrong })
      this.#garbled.set(placeOf(envelope), garbled)
      return garbled
    })
  }
}

/** The first bytes say PublicMessage: what a commit from outside is (RFC 9420 §12.4.3.2). */
const asPublic = (message: Uint8Array): Uint8Array => message.with(3, 1)

/** All moves of one run, in the middle. */
export class Mischief implements Middleman {
  readonly #moves: { readonly device: string; readonly move: Move }[] = []
  readonly #onAct: (device: string, move: Move) => void

  constructor(onAct: (device: string, move: Move) => void) {
    this.#onAct = onAct
  }

  get moves(): readonly Move[] {
    return this.#moves.map(({ move }) => move)
  }

  /** True for a device that was told a course of things of its own. */
  hasForked(device: string): boolean {
    return this.#moves.some((entry) => entry.device === device && entry.move instanceof Fork && entry.move.acts > 0)
  }

  begin(device: string, move: Move): void {
    this.#moves.push({ device, move })
  }

  /** Faults stop; what was broken for good stays so. */
  stop(): void {
    for (const { move } of this.#moves) move.isActive = false
  }

  async call({ device, route, body }: PassingCall, honest: (body?: Uint8Array) => Promise<Answered | undefined>): Promise<Answered | undefined> {
    const moves = this.#against(device)
    for (const move of moves) {
      const instead = this.#watched(device, move, () => move.instead(route, body))
      if (instead !== undefined) return { status: 200, body: instead }
    }
    let answer = await honest()
    for (const move of moves) {
      if (answer?.status !== 200) break
      const acts = move.acts
      const changed = route === 'logRead' ? this.#logRead(move, answer.body) : await move.answer(route, answer.body.slice(), body.slice())
      if (move.acts > acts) this.#onAct(device, move)
      if (changed !== undefined) answer = { ...answer, body: changed }
    }
    return answer
  }

  down(device: string, frame: ServerFrame): readonly ServerFrame[] {
    return this.#against(device).reduce<readonly ServerFrame[]>((frames, move) => this.#watched(device, move, () => frames.flatMap((one) => move.down(one))), [frame])
  }

  up(device: string, frame: ClientFrame, answer: (frame: ServerFrame) => void): readonly ClientFrame[] {
    return this.#against(device).reduce<readonly ClientFrame[]>((frames, move) => this.#watched(device, move, () => frames.flatMap((one) => move.up(one, answer))), [frame])
  }

  #logRead(move: Move, honest: Uint8Array): Uint8Array {
    const stretch: RouteResponse<'logRead'> = decodeResponse('logRead', honest.slice())
    return encodeResponse('logRead', { ...stretch, envelopes: move.log(stretch.envelopes) })
  }

  #watched<T>(device: string, move: Move, work: () => T): T {
    const acts = move.acts
    const result = work()
    if (move.acts > acts) this.#onAct(device, move)
    return result
  }

  #against(device: string): readonly Move[] {
    return this.#moves.filter((entry) => entry.device === device && (entry.move.isActive || entry.move.isForGood)).map(({ move }) => move)
  }
}

