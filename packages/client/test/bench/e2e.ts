/**
 * From one person's `send` to another person's screen: real server process, real clients, real files, on loopback.
 */
import { present } from '@famichat/base'
import { Group } from '@famichat/mls'
import type { Client, ConversationId } from '@famichat/client'
import { BenchCommunity } from './community.js'

/** Milliseconds, of many. */
export interface Spread {
  readonly p50: number
  readonly p99: number
}

/** What one size showed. */
export interface EndToEnd {
  readonly members: number
  readonly messages: number
  /** The engine's part of sending: encrypt and sign. */
  readonly encryption: Spread
  /** From `send` to the event at another person's client, decrypted and stored. */
  readonly sendToShown: Spread
}

export interface EndToEndRequest {
  readonly members: number
  readonly messages: number
  readonly onProgress: (done: number, total: number, what: string) => void
}

/** People who are connected and read; the others of a large conversation are members who are away. */
const READERS = 3
const WARM_UP = 20

/** Sends messages one after the other and times each. */
export const measureEndToEnd = ({ members, messages, onProgress }: EndToEndRequest): Promise<EndToEnd> =>
  BenchCommunity.with(async (community) => {
    const people: Client[] = []
    for (let index = 0; index < members; index++) {
      people.push(await community.person())
      onProgress(index + 1, members, 'people join')
    }
    const [sender] = people
    const readers = people.slice(1, 1 + READERS)
    if (sender === undefined || readers.length === 0) throw new TypeError('two members at least')
    await sender.sync()
    const { conversationId } = await sender.createGroup('Bench', people.slice(1).map(({ identity }) => identity.accountName))
    const stop = new AbortController()
    const live = [sender, ...readers].map((client) => client.live(stop.signal))
    const shown = readers.map((client) => new Shown(client, conversationId, stop.signal))
    for (const reader of readers) while (!(await isIn(reader, conversationId))) await new Promise((resolve) => setTimeout(resolve, 20))
    const encryption: number[] = []
    const sendToShown: number[] = []
    const restore = timeProtect((milliseconds) => { encryption.push(milliseconds) })
    for (let index = 0; index < WARM_UP + messages; index++) {
      const started = performance.now()
      const body = `message ${index.toString()}`
      const arrived = shown.map((screen) => screen.wait(body))
      await sender.send(conversationId, body)
      for (const at of await Promise.all(arrived)) if (index >= WARM_UP) sendToShown.push(at - started)
      onProgress(index + 1, WARM_UP + messages, 'messages')
    }
    restore()
    stop.abort()
    await Promise.all(live)
    return { members, messages, encryption: spread(encryption.slice(WARM_UP)), sendToShown: spread(sendToShown) }
  })

/** The middle and the ninety-ninth of a hundred. */
const spread = (values: readonly number[]): Spread => {
  const sorted = [...values].sort((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN
  return { p50: at(0.5), p99: at(0.99) }
}

const isIn = async (client: Client, conversationId: ConversationId): Promise<boolean> =>
  (await client.conversations()).some((info) => info.conversationId === conversationId && info.state === 'active')

/** A screen: says when a text appears. */
class Shown {
  readonly #waiting = new Map<string, (at: number) => void>()

  constructor(client: Client, conversationId: ConversationId, signal: AbortSignal) {
    void this.#watch(client, conversationId, signal)
  }

  wait(body: string): Promise<number> {
    return new Promise((resolve) => { this.#waiting.set(body, resolve) })
  }

  async #watch(client: Client, conversationId: ConversationId, signal: AbortSignal): Promise<void> {
    for await (const event of client.events(conversationId, { signal })) {
      const body = event.kind === 'message' && event.content.type === 'text' ? event.content.body : ''
      this.#waiting.get(body)?.(performance.now())
      this.#waiting.delete(body)
    }
  }
}

/** Listens to the engine's own method: nothing of the client changes for it. */
const timeProtect = (tell: (milliseconds: number) => void): (() => void) => {
  const original = Object.getOwnPropertyDescriptor(Group.prototype, 'protect') as TypedPropertyDescriptor<Group['protect']>
  const timed = async function (this: Group, ...args: Parameters<Group['protect']>): Promise<Uint8Array> {
    const started = performance.now()
    const message = await present(original.value, 'the engine protects messages').apply(this, args)
    tell(performance.now() - started)
    return message
  }
  Object.defineProperty(Group.prototype, 'protect', { ...original, value: timed })
  return () => { Object.defineProperty(Group.prototype, 'protect', original) }
}
