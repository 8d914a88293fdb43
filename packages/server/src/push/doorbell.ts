/**
 * The doorbell: a device that is not connected is rung when something waits for it, once until it comes again or a while has
 * passed. What waits, and from whom, is never said.
 */
import type { ConversationId, DeviceId, EnvelopeHeader } from '@famichat/protocol'
import { ContentType } from '@famichat/protocol'
import type { Hub } from '../channel/hub.js'
import { kindOf } from '../server-log.js'
import type { DeliveryEvents, RosterChange, Services } from '../services.js'
import type { PushKey } from '../storage/push-key.js'
import { reusableQuery, type ValueOf } from '../storage/reusable-query.js'
import { makePushRequest } from './push-request.js'

/** How rings go out. */
export interface DoorbellOptions {
  readonly key: PushKey
  /** Whom a push service may write to: the server's address. */
  readonly subject: string
}

/** A device is rung again after this at the earliest, unless it was here meanwhile. */
const PAUSE_MS = 60_000
const PATIENCE_MS = 10_000
/** The service says that nobody listens there any more. */
const GONE: ReadonlySet<number> = new Set([404, 410])

/** Passes events on to those who are connected, and rings those who are not. */
export class Doorbell implements DeliveryEvents {
  readonly #hub: Hub
  readonly #options: DoorbellOptions
  readonly #rungAtMs = new Map<DeviceId, number>()
  #services: Services | undefined

  constructor(hub: Hub, options: DoorbellOptions) {
    this.#hub = hub
    this.#options = options
  }

  /** The doorbell is one of the services it works with. */
  connect(services: Services): void {
    this.#services = services
  }

  conversationCreated(conversationId: ConversationId, creator: DeviceId): void {
    this.#hub.conversationCreated(conversationId, creator)
  }

  rosterChanged(change: RosterChange): void {
    this.#hub.rosterChanged(change)
  }

  readdRequested(conversationId: ConversationId, asking: DeviceId): void {
    this.#hub.readdRequested(conversationId, asking)
  }

  signedOut(deviceId: DeviceId): void {
    this.#rungAtMs.delete(deviceId)
    this.#hub.signedOut(deviceId)
  }

  appended(header: EnvelopeHeader, message: Uint8Array, except: readonly DeviceId[]): void {
    this.#hub.appended(header, message, except)
    if (header.contentType === ContentType.application) void this.#ring(header, [header.senderDevice, ...except])
  }

  async #ring({ conversationId }: EnvelopeHeader, except: readonly DeviceId[]): Promise<void> {
    const services = this.#services
    if (services === undefined) return
    try {
      const subscribed = await findSubscribed(services.database.read, { conversationId })
      const due = subscribed.map(({ device_id }) => device_id).filter((deviceId) => !except.includes(deviceId) && this.#isDue(deviceId, services.clock.nowMs()))
      await Promise.all(due.map((deviceId) => this.#ringOne(services, deviceId)))
    } catch (error) {
      services.log.warn('push.failed', { kind: kindOf(error) })
    }
  }

  /** Away, and not rung just now; whoever is due is taken to be rung. */
  #isDue(deviceId: DeviceId, nowMs: number): boolean {
    if (this.#hub.count(deviceId) > 0) {
      this.#rungAtMs.delete(deviceId)
      return false
    }
    if (nowMs - (this.#rungAtMs.get(deviceId) ?? -Infinity) < PAUSE_MS) return false
    this.#rungAtMs.set(deviceId, nowMs)
    return true
  }

  async #ringOne(services: Services, deviceId: DeviceId): Promise<void> {
    const row = await services.database.read.selectFrom('push_subscriptions').select('endpoint').where('device_id', '=', deviceId).executeTakeFirst()
    if (row === undefined) return
    const { key, subject } = this.#options
    const { url, headers } = makePushRequest(key, { endpoint: row.endpoint, subject, nowMs: services.clock.nowMs() })
    const response = await fetch(url, { method: 'POST', headers, redirect: 'manual', signal: AbortSignal.timeout(PATIENCE_MS) })
    await response.body?.cancel()
    services.log.info('push.rung', { status: response.status })
    if (!GONE.has(response.status)) return
    await services.database.write.write((store) => store.deleteFrom('push_subscriptions').where('device_id', '=', deviceId).execute())
  }
}

/** Asked for every message, so without the address, which is encrypted. */
const findSubscribed = reusableQuery((store, value: ValueOf<{ conversationId: ConversationId }>) =>
  store.selectFrom('push_subscriptions').innerJoin('memberships', 'memberships.device_id', 'push_subscriptions.device_id')
    .select('push_subscriptions.device_id')
    .where('memberships.conversation_id', '=', value('conversationId')).where('memberships.until_seq', 'is', null))
