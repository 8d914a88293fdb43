/**
 * Chaos: a real server under a steady load of messages is killed (`kill -9`) again and again. What was acknowledged must be
 * there, once, in a log without a hole; a reader that comes back each time must have seen every place once, in order.
 */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as pause } from 'node:timers/promises'
import { present, systemClock } from '@famichat/base'
import { insecureSeededRandom, randomBelow } from '@famichat/base/testing'
import { ClientFrameType, type ConversationId, ConversationKind, makeId, type MessageId, type ServerFrame, ServerFrameType } from '@famichat/protocol'
import { type KillableServer, startKillable, steadyPort } from '../support/killable-server.js'
import { makeCommit, TestChannel } from '../support/test-channel.js'
import { firstDevice, type TestDevice } from '../support/test-device.js'
import type { TestServer } from '../support/test-server.js'

export interface ChaosOptions {
  readonly kills: number
  readonly seed: number
  /** Messages per second of all senders together. */
  readonly perSecond: number
  readonly onKill?: (kill: number) => void
}

/** What came of it; everything but the first five must be 0. */
export interface ChaosFigures {
  readonly seconds: number
  /** The longest that a server took from its start to the first request, whatever its predecessor had left behind. */
  readonly slowestRestartMs: number
  readonly acknowledged: number
  readonly stored: number
  /** Sent again after a kill: it was not known whether the server had them. */
  readonly sentAgain: number
  readonly acknowledgedButLost: number
  readonly acknowledgedElsewhere: number
  readonly storedTwice: number
  readonly holes: number
  /** Places the returning reader missed, saw twice, or saw out of order. */
  readonly readWrongly: number
}

const SENDERS = 4
/** A server lives this long before it is killed, at least and at most. */
const LIFE_MS = [400, 1600] as const
/** A server that nobody reaches for this long is broken, not killed. */
const PATIENCE_MS = 60_000
/** How often it is looked whether the load flows again. */
const LOOK_EVERY_MS = 10

/** The run's state that senders, reader and killer share. */
class Arena {
  readonly server: TestServer
  readonly conversationId = makeId<ConversationId>(insecureSeededRandom(1))
  readonly acknowledged = new Map<MessageId, number>()
  readonly restartMs: number[] = []
  sentAgain = 0
  isOver = false
  #process: KillableServer

  constructor(dataDir: string, started: KillableServer) {
    this.#process = started
    this.server = {
      dataDir, running: started.running, logged: () => '', restart: () => Promise.resolve(),
      // the real one: the server has a process and a clock of its own
      clock: { nowMs: () => systemClock.nowMs(), advance: () => undefined },
    }
  }

  /** Returns once messages are acknowledged again: a server that is killed before anybody came back is not under load. */
  async flows(): Promise<void> {
    const before = this.acknowledged.size
    for (const giveUpAt = performance.now() + PATIENCE_MS; this.acknowledged.size < before + SENDERS;) {
      await pause(LOOK_EVERY_MS)
      if (performance.now() > giveUpAt) throw new Error('no message is acknowledged any more')
    }
  }

  /** Dead at once, and back on the same folder and port. */
  async killAndRestart(): Promise<void> {
    const { child } = this.#process
    const exited = once(child, 'exit')
    child.kill('SIGKILL')
    await exited
    const started = performance.now()
    this.#process = await startKillable(this.server.dataDir, this.server.running.port)
    this.restartMs.push(performance.now() - started)
    this.server.running = this.#process.running
  }

  end(): void {
    this.isOver = true
    this.#process.child.kill('SIGKILL')
  }
}

/** Signs in and connects until that works. @throws what went wrong last, when it never does */
const reconnect = async (device: TestDevice, cursors: Parameters<typeof TestChannel.resume>[1] = []): ReturnType<typeof TestChannel.resume> => {
  for (const giveUpAt = performance.now() + PATIENCE_MS; ;) {
    try {
      await device.signIn()
      return await TestChannel.resume(device, cursors)
    } catch (error) {
      if (performance.now() > giveUpAt) throw error
      await pause(20)
    }
  }
}

/** Sends one message after another, each until it is acknowledged. */
const send = async (arena: Arena, device: TestDevice, { everyMs, seed }: { everyMs: number; seed: number }): Promise<void> => {
  const random = insecureSeededRandom(seed)
  let { channel } = await reconnect(device)
  let lastSeq = 0
  for (let next = performance.now(); !arena.isOver; next += everyMs) {
    const messageId = makeId<MessageId>(random)
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await channel.say(arena.conversationId, messageId, { messageId, epoch: 1n })
        if (answer.type !== ServerFrameType.accepted) throw new TypeError(`a message was refused: ${answer.code}`)
        arena.acknowledged.set(messageId, answer.seq)
        lastSeq = answer.seq
        break
      } catch (error) {
        if (error instanceof TypeError) throw error
        // after its own last one, as clients do: to be told the whole log each time once took longer than a server lived
        ;({ channel } = await reconnect(device, [{ conversationId: arena.conversationId, afterSeq: lastSeq }]))
        arena.sentAgain++
      }
    }
    channel.takeOvertaken()
    await pause(Math.max(0, next + everyMs - performance.now()))
    // after a kill there is no hurry to make up for
    if (performance.now() - next > 1000) next = performance.now()
  }
  channel.close()
}

/** Reads along; returns every place it saw, in the order it saw them. */
const read = async (arena: Arena, device: TestDevice): Promise<readonly number[]> => {
  const seen: number[] = []
  const take = (frame: ServerFrame): void => {
    if (frame.type === ServerFrameType.deliver) seen.push(frame.envelope.header.seq)
  }
  while (!arena.isOver) {
    const { channel, caughtUp } = await reconnect(device, [{ conversationId: arena.conversationId, afterSeq: seen.at(-1) ?? 0 }])
    for (const frame of caughtUp) take(frame)
    try {
      for (;;) {
        take(await channel.nextFrame())
        if (seen.length % 50 === 0) channel.send({ type: ClientFrameType.acknowledge, conversationId: arena.conversationId, seq: seen.at(-1) ?? 0 })
      }
    } catch {
      // killed, or over
    }
  }
  return seen
}

/** The whole log as the server tells it. */
const readWholeLog = async (arena: Arena, device: TestDevice): Promise<readonly { readonly seq: number; readonly messageId: MessageId }[]> => {
  const log: { seq: number; messageId: MessageId }[] = []
  for (;;) {
    const { envelopes, hasMore } = await device.call('logRead', { conversationId: arena.conversationId, afterSeq: log.at(-1)?.seq ?? 0 })
    log.push(...envelopes.map(({ header: { seq, messageId } }) => ({ seq, messageId })))
    if (!hasMore) return log
  }
}

/** Runs it. The same seed kills after the same times; what the machine is doing then differs. */
export const runChaos = async ({ kills, seed, perSecond, onKill = () => undefined }: ChaosOptions): Promise<ChaosFigures> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'famichat-chaos-'))
  const random = insecureSeededRandom(seed)
  const arena = new Arena(dataDir, await startKillable(dataDir, await steadyPort()))
  const started = performance.now()
  try {
    const ana = await firstDevice(arena.server)
    const others = await Promise.all(Array.from({ length: SENDERS }, () => ana.addDevice()))
    const reader = present(others[0], 'there are others')
    await ana.call('conversationCreate', { conversationId: arena.conversationId, kind: ConversationKind.group })
    await ana.call('conversationCommit', makeCommit(arena.conversationId, 0n, { added: others.map(({ deviceId }) => deviceId) }))
    const senders = [ana, ...others.slice(1)]
    const reading = read(arena, reader)
    const sending = Promise.all(senders.map((device, index) => send(arena, device, { everyMs: (1000 * senders.length) / perSecond, seed: seed * 100 + index })))
    const killing = async (): Promise<void> => {
      for (let kill = 1; kill <= kills; kill++) {
        await arena.flows()
        await pause(LIFE_MS[0] + randomBelow(random, LIFE_MS[1] - LIFE_MS[0]))
        await arena.killAndRestart()
        onKill(kill)
      }
    }
    // who cannot go on ends the run, and says why
    const stopped = (who: string) => (): never => { throw new Error(`${who} stopped`) }
    await Promise.race([killing(), sending.then(stopped('the senders')), reading.then(stopped('the reader'))])
    // the last server is not killed: what waits gets its answer
    await pause(LIFE_MS[1])
    arena.isOver = true
    await sending
    await ana.signIn()
    const log = await readWholeLog(arena, ana)
    const { channel, caughtUp } = await reconnect(reader, [{ conversationId: arena.conversationId, afterSeq: 0 }])
    channel.close()
    const again = caughtUp.flatMap((frame) => (frame.type === ServerFrameType.deliver ? [frame.envelope.header.seq] : []))
    arena.end()
    return judge({ arena, log, seen: await reading, again, seconds: (performance.now() - started) / 1000 })
  } finally {
    arena.end()
    rmSync(dataDir, { recursive: true, force: true })
  }
}

interface Evidence {
  readonly arena: Arena
  readonly log: readonly { readonly seq: number; readonly messageId: MessageId }[]
  readonly seen: readonly number[]
  /** What the reader is told when it asks from the beginning. */
  readonly again: readonly number[]
  readonly seconds: number
}

const judge = ({ arena: { acknowledged, sentAgain, restartMs }, log, seen, again, seconds }: Evidence): ChaosFigures => {
  const places = new Map(log.map(({ seq, messageId }) => [messageId, seq]))
  const lost = [...acknowledged.keys()].filter((messageId) => !places.has(messageId))
  const elsewhere = [...acknowledged].filter(([messageId, seq]) => places.has(messageId) && places.get(messageId) !== seq)
  const holes = log.filter(({ seq }, index) => seq !== index + 1)
  const first = seen[0] ?? 0
  const wrong = seen.filter((seq, index) => seq !== first + index)
  const wrongAgain = again.filter((seq, index) => seq !== (again[0] ?? 0) + index)
  return {
    seconds, slowestRestartMs: Math.max(0, ...restartMs), acknowledged: acknowledged.size, stored: log.length, sentAgain,
    acknowledgedButLost: lost.length, acknowledgedElsewhere: elsewhere.length, storedTwice: log.length - places.size, holes: holes.length,
    readWrongly: wrong.length + wrongAgain.length,
  }
}
