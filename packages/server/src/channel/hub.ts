/**
 * Who is connected: finds the sessions of a device and of a conversation, and tells them what became durable.
 */
import {
  type ConversationId, type DeviceId, encodeServerFrame, type EnvelopeHeader, fitsFrame, ServerFrameType,
} from '@famichat/protocol'
import type { DeliveryEvents, RosterChange } from '../services.js'
import type { Session } from './session.js'

/** All open, authenticated channels of this process. */
export class Hub implements DeliveryEvents {
  readonly #byDevice = new Map<DeviceId, Set<Session>>()
  readonly #byConversation = new Map<ConversationId, Set<Session>>()
  readonly #followed = new Map<Session, Set<ConversationId>>()

  readonly #onOffered: (count: number) => void

  /** @param onOffered told to how many sessions a new entry was handed */
  constructor(onOffered: (count: number) => void = () => undefined) {
    this.#onOffered = onOffered
  }

  /** Open channels of a device. */
  count(deviceId: DeviceId): number {
    return this.#byDevice.get(deviceId)?.size ?? 0
  }

  add(session: Session): void {
    insert(this.#byDevice, session.device.deviceId, session)
    this.#followed.set(session, new Set())
  }

  /** Forgets a session; harmless for one it does not know. */
  remove(session: Session): void {
    erase(this.#byDevice, session.device.deviceId, session)
    for (const conversationId of this.#followed.get(session) ?? []) erase(this.#byConversation, conversationId, session)
    this.#followed.delete(session)
  }

  /** The session gets what is appended to the conversation, until it leaves. */
  follow(session: Session, conversationId: ConversationId): void {
    const followed = this.#followed.get(session)
    if (followed === undefined) return
    followed.add(conversationId)
    insert(this.#byConversation, conversationId, session)
  }

  conversationCreated(conversationId: ConversationId, creator: DeviceId): void {
    this.#join(conversationId, creator, 0)
  }

  rosterChanged({ conversationId, seq, added, removed }: RosterChange): void {
    for (const deviceId of removed) {
      for (const session of this.#byDevice.get(deviceId) ?? []) {
        erase(this.#byConversation, conversationId, session)
        this.#followed.get(session)?.delete(conversationId)
        session.left(conversationId, seq)
      }
    }
    for (const deviceId of added) this.#join(conversationId, deviceId, seq)
  }

  appended(header: EnvelopeHeader, message: Uint8Array, except: readonly DeviceId[]): void {
    const sessions = this.#byConversation.get(header.conversationId)
    if (sessions === undefined) return
    const frame = encodeServerFrame(fitsFrame(message.length)
      ? { type: ServerFrameType.deliver, envelope: { header, message } }
      : { type: ServerFrameType.announce, header, messageBytes: message.length })
    for (const session of sessions) if (!except.includes(session.device.deviceId)) session.offer(header, frame)
    this.#onOffered(sessions.size)
  }

  readdRequested(conversationId: ConversationId, asking: DeviceId): void {
    const frame = encodeServerFrame({ type: ServerFrameType.readdRequested, conversationId })
    for (const { device, outlet } of this.#byConversation.get(conversationId) ?? []) if (device.deviceId !== asking) outlet.sendBytes(frame)
  }

  signedOut(deviceId: DeviceId): void {
    for (const session of [...(this.#byDevice.get(deviceId) ?? [])]) {
      session.outlet.close('protocol.auth.refused')
      this.remove(session)
    }
  }

  #join(conversationId: ConversationId, deviceId: DeviceId, seq: number): void {
    for (const session of this.#byDevice.get(deviceId) ?? []) {
      if (!session.isDelivering || !session.mayRead(conversationId)) continue
      session.joined(conversationId, seq)
      this.follow(session, conversationId)
    }
  }
}

const insert = <Key>(map: Map<Key, Set<Session>>, key: Key, session: Session): void => {
  const sessions = map.get(key)
  if (sessions === undefined) map.set(key, new Set([session]))
  else sessions.add(session)
}

const erase = <Key>(map: Map<Key, Set<Session>>, key: Key, session: Session): void => {
  const sessions = map.get(key)
  sessions?.delete(session)
  if (sessions?.size === 0) map.delete(key)
}
