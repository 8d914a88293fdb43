/**
 * What must be true, whatever happens: nothing wrong is shown, nothing twice, nothing is taken back by a crash, what the
 * honest server took is shown in the end or its absence is said, and everybody agrees.
 */
import { toHex } from '@famichat/base'
import type { Client, ConversationEvent, ConversationId } from '@famichat/client'
import type { EnvelopeHeader } from '@famichat/protocol'
import { PARAMETERS } from '../../dist/parameters.js'
import type { Device } from './device.js'
import type { Truth } from './truth.js'

/** A sentence about what is wrong. */
export type Violation = (what: string) => void

/** What people have seen on a device. */
export class Screen {
  readonly #device: Device
  readonly #truth: Truth
  readonly #violation: Violation
  readonly #onWords: (code: string) => void
  #seen = new Map<string, Set<string>>()

  /** @param onWords hears what the device says of something wrong */
  constructor(device: Device, truth: Truth, { violation, onWords }: { readonly violation: Violation; readonly onWords: (code: string) => void }) {
    this.#device = device
    this.#truth = truth
    this.#violation = violation
    this.#onWords = onWords
  }

  /** The device was put back to an older state, or lost what it had. */
  forget(): void {
    this.#seen = new Map()
  }

  /** Looks at every conversation. */
  async look(client: Client): Promise<void> {
    for (const { conversationId, state } of await client.conversations()) {
      if (state === 'stuck') this.#onWords('stuck')
      this.#check(conversationId, await client.history(conversationId))
    }
  }

  #check(conversationId: ConversationId, events: readonly ConversationEvent[]): void {
    const ids = new Set<string>()
    const texts = new Set<string>()
    for (const event of events) {
      if (event.kind === 'unreadable' || event.kind === 'notice') this.#onWords(event.errorCode)
      if (event.kind !== 'message' && event.kind !== 'deleted') continue
      const id = `${event.accountId} ${event.messageId}`
      if (ids.has(id)) this.#violation(`${this.#device.name} shows ${id} twice`)
      ids.add(id)
      if (event.kind === 'message') this.#checkText(event, texts)
    }
    for (const id of this.#seen.get(conversationId) ?? []) {
      if (!ids.has(id)) this.#violation(`${this.#device.name} had shown ${id} in ${conversationId}, and does not any more`)
    }
    this.#seen.set(conversationId, ids)
  }

  #checkText(event: Extract<ConversationEvent, { kind: 'message' }>, texts: Set<string>): void {
    const text = textOf(event)
    if (text === undefined) return
    const saying = this.#truth.sayings.get(text)
    if (saying === undefined) this.#violation(`${this.#device.name} shows what nobody wrote`)
    else if (saying.accountId !== event.accountId) this.#violation(`${this.#device.name} shows "${text}" as somebody else's`)
    else if (saying.conversationId !== event.conversationId) this.#violation(`${this.#device.name} shows "${text}" in another conversation`)
    if (texts.has(text)) this.#violation(`${this.#device.name} shows "${text}" twice`)
    texts.add(text)
  }
}

const textOf = ({ content }: Extract<ConversationEvent, { kind: 'message' }>): string | undefined => ('body' in content ? content.body : undefined)

/** A device at the end, with what it shows. */
export interface Witness {
  readonly device: Device
  readonly client: Client
  /** Something was done to it by more than bad luck: it may say that something is missing instead of showing it. */
  readonly isHurt: boolean
  /** It was told a course of things of its own for a while. */
  readonly isForked: boolean
}

/** Everything that the honest server took is shown by whom it is for, or its absence is said there. */
export const judgeDelivery = async (
  witnesses: readonly Witness[], truth: Truth, { violation, hasSaid }: { readonly violation: Violation; readonly hasSaid: (device: string) => boolean },
): Promise<void> => {
  for (const [conversationId] of truth.logs) {
    const shown = new Map<Witness, readonly ConversationEvent[]>()
    for (const witness of witnesses) shown.set(witness, await historyOf(witness.client, conversationId))
    const visible = new Set([...shown.values()].flatMap((events) => events.flatMap((event) => (event.kind === 'message' || event.kind === 'deleted' ? [event.messageId] : []))))
    for (const [witness, events] of shown) {
      const here = new Set(events.flatMap((event) => (event.kind === 'message' || event.kind === 'deleted' ? [event.messageId] : [])))
      for (const header of truth.messagesFor(conversationId, witness.client.identity.deviceId)) {
        if (!visible.has(header.messageId) || here.has(header.messageId)) continue
        const isItsAuthorHurt = witnesses.some(({ client, isHurt }) => isHurt && client.identity.deviceId === header.senderDevice)
        // by its clock the keys were too old to be there still
        const isTooLate = witness.device.jumpedMs > PARAMETERS.pastEpochMs
        if ((witness.isHurt || isItsAuthorHurt || isTooLate) && isSaid(header, events)) continue
        const info = (await witness.client.conversations()).find((conversation) => conversation.conversationId === conversationId)
        if (witness.isHurt && info?.state === 'stuck' && info.seq < header.seq) continue
        // it left in the course of things that it was told
        if (witness.isForked && (info?.state === 'ended' || hasSaid(witness.device.name))) continue
        if (!hasOthersLeft(witness, witnesses, { truth, conversationId }) && info?.state === 'ended') continue
        if (!truth.hasComeIn(conversationId, witness.client.identity.deviceId, { seq: header.seq, joinedAt: new Set(events.flatMap(({ kind, seq }) => (kind === 'joined' ? [seq] : []))) })) continue
        const around = events.filter(({ seq }) => Math.abs(seq - header.seq) <= 1).map((event) => `${event.seq.toString()} ${event.kind} ${'errorCode' in event ? event.errorCode : ''}`)
        violation(`${witness.device.name} does not show entry ${header.seq.toString()} (epoch ${header.epoch.toString()}) of ${conversationId}${witness.isHurt ? ', and does not say so' : ''}: ${around.join(', ')}`)
      }
    }
  }
}

const hasOthersLeft = ({ client }: Witness, witnesses: readonly Witness[], { truth, conversationId }: { readonly truth: Truth; readonly conversationId: ConversationId }): boolean =>
  [...truth.periods.get(conversationId)?.keys() ?? []].some((deviceId) => truth.isIn(conversationId, deviceId) && !truth.shutOut.has(deviceId) && !isOwn(witnesses, client, deviceId))

/** Words beside the log that tell of a missing message. */
const isSaid = ({ seq, senderDevice, messageId: _ }: EnvelopeHeader, events: readonly ConversationEvent[]): boolean =>
  events.some((event) => {
    switch (event.kind) {
      case 'unreadable':
        return event.seq === seq
      case 'notice':
        if (event.errorCode === 'client.log.forked' || event.errorCode === 'client.profile.rolled_back') return event.seq >= seq
        // in its place, or in its neighbour's where the two were exchanged before
        if (event.errorCode === 'client.message.withheld') return event.seq - event.count <= seq && seq <= event.seq + 1
        return event.errorCode === 'client.message.missing' && event.deviceId === senderDevice
      case 'joined':
        // added afresh: it says where it came in again
        return event.seq >= seq
      case 'message':
      case 'deleted':
      case 'membership':
        return false
    }
  })

const historyOf = async (client: Client, conversationId: ConversationId): Promise<readonly ConversationEvent[]> => client.history(conversationId)

/** All devices in a conversation agree on its members and keys, and are in it as the honest server thinks; else they say so. */
export const judgeAgreement = async (
  witnesses: readonly Witness[], truth: Truth, { violation, hasSaid }: { readonly violation: Violation; readonly hasSaid: (device: string) => boolean },
): Promise<void> => {
  const known = new Set(witnesses.map(({ client }) => client.identity.deviceId))
  for (const [conversationId, devices] of truth.periods) {
    const views = new Map<string, string[]>()
    for (const witness of witnesses) {
      const { device, client, isHurt } = witness
      // told another course of things, and it says so
      if (isHurt && hasSaid(device.name)) continue
      const isIn = truth.isIn(conversationId, client.identity.deviceId)
      const info = (await client.conversations()).find((conversation) => conversation.conversationId === conversationId)
      if (!isIn) {
        if (info?.state === 'active') violation(`${device.name} thinks it is in ${conversationId}, and is not`)
        continue
      }
      if (info?.state === 'leaving') {
        // nobody is there who could let it go: it has to be able to go by itself
        if (!isHurt && !hasOthersLeft(witness, witnesses, { truth, conversationId })) violation(`${device.name} is on its way out of ${conversationId} for ever`)
        continue
      }
      // who leaves a conversation in which nobody else is left ends it for this device alone
      if (info?.state === 'ended' && witness.isForked) continue
      if (info?.state === 'ended' && !hasOthersLeft(witness, witnesses, { truth, conversationId })) continue
      // its files were put back to before it made it or came in, and nobody is there who could let it in again
      if (info === undefined && isHurt && !(await isGoingOn(witnesses, conversationId))) continue
      if (info === undefined || info.state === 'ended' || info.state === 'stuck') {
        violation(`${device.name} is ${info?.state ?? 'not'} in ${conversationId}`)
        continue
      }
      const deviceIds = info.members.flatMap((member) => member.deviceIds)
      const strangers = deviceIds.filter((deviceId) => !known.has(deviceId) && !devices.has(deviceId))
      if (strangers.length > 0) violation(`${device.name} has a stranger in ${conversationId}`)
      const view = `epoch ${info.epoch.toString()} ${toHex(info.epochAuthenticator).slice(0, 16)}`
      views.set(view, [...views.get(view) ?? [], device.name])
    }
    if (views.size > 1) violation(`no agreement in ${conversationId}: ${[...views].map(([view, names]) => `${names.join(' ')} at ${view}`).join('; ')}`)
  }
}

/** True when some device can follow a conversation, and change it. */
const isGoingOn = async (witnesses: readonly Witness[], conversationId: ConversationId): Promise<boolean> => {
  for (const { client } of witnesses) if ((await client.conversations()).some((known) => known.conversationId === conversationId && known.state === 'active')) return true
  return false
}

const isOwn = (witnesses: readonly Witness[], { identity }: Client, deviceId: string): boolean =>
  witnesses.some(({ client }) => client.identity.deviceId === deviceId && client.identity.accountId === identity.accountId)

/** What a device still has to send, in the end, where it can. */
export const judgeOutbox = async ({ device, client }: Witness, violation: Violation, isExcused: (conversationId: ConversationId) => Promise<boolean>): Promise<void> => {
  for (const { conversationId, state } of await client.conversations()) {
    if (state === 'active' && !(await isExcused(conversationId)) && (await client.waiting(conversationId)).length > 0) violation(`${device.name} still waits to send in ${conversationId}`)
  }
}
