/**
 * Races: several devices commit to the same epoch at once, epoch after epoch, over HTTP to a server in its own process.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { present, systemClock, systemRandom } from '@famichat/base'
import { ContentType, type ConversationId, ConversationKind, epochWinnerOf, makeId, ProtocolError } from '@famichat/protocol'
import { startKillable } from '../support/killable-server.js'
import { makeCommit } from '../support/test-channel.js'
import { firstDevice } from '../support/test-device.js'

/** What came of it: `wonOnce` must be `rounds`, `toldOfTheWinner` all others, `holes` 0. */
export interface RaceFigures {
  readonly rounds: number
  /** Rounds with exactly one winner. */
  readonly wonOnce: number
  /** Losers who were told the place and epoch of the commit that won. */
  readonly toldOfTheWinner: number
  readonly holes: number
}

const FREE = { burst: 1e9, perSecond: 1e9 }

/** @param onRound called after each round */
export const runRaces = async ({ rounds, committers, onRound = () => undefined }: {
  readonly rounds: number; readonly committers: number; readonly onRound?: (round: number) => void
}): Promise<RaceFigures> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'famichat-races-'))
  const { child, running } = await startKillable(dataDir, 0, { rateLimits: { address: FREE, device: FREE, send: FREE, frame: FREE, claim: FREE } })
  try {
    const server = {
      dataDir, running, logged: () => '', restart: () => Promise.resolve(),
      clock: { nowMs: () => systemClock.nowMs(), advance: () => undefined },
    }
    const first = await firstDevice(server)
    const devices = [first]
    while (devices.length < committers) devices.push(await first.addDevice())
    const conversationId = makeId<ConversationId>(systemRandom)
    await first.call('conversationCreate', { conversationId, kind: ConversationKind.group })
    await first.call('conversationCommit', makeCommit(conversationId, 0n, { added: devices.slice(1).map(({ deviceId }) => deviceId) }))
    let [wonOnce, toldOfTheWinner] = [0, 0]
    for (let round = 1; round <= rounds; round++) {
      if (round % 500 === 0) for (const device of devices) await device.signIn()
      const outcomes = await Promise.allSettled(devices.map((device, at) => device.call('conversationCommit', makeCommit(conversationId, BigInt(round), { text: at.toString() }))))
      const seqs = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.seq] : []))
      if (seqs.length === 1) wonOnce++
      toldOfTheWinner += outcomes.filter((outcome) => outcome.status === 'rejected' && isToldOf(outcome.reason, { seq: seqs[0] ?? 0, epoch: BigInt(round) })).length
      onRound(round)
    }
    const seqs: number[] = []
    for (let hasMore = true; hasMore;) {
      const stretch = await present(devices[0], 'a device').call('logRead', { conversationId, afterSeq: seqs.at(-1) ?? 0 })
      seqs.push(...stretch.envelopes.filter(({ header }) => header.contentType === ContentType.commit).map(({ header }) => header.seq))
      ;({ hasMore } = stretch)
    }
    const holes = seqs.filter((seq, index) => seq !== index + 1).length + Math.abs(seqs.length - rounds - 1)
    return { rounds, wonOnce, toldOfTheWinner, holes }
  } finally {
    child.kill('SIGKILL')
    rmSync(dataDir, { recursive: true, force: true })
  }
}

const isToldOf = (error: unknown, winner: { readonly seq: number; readonly epoch: bigint }): boolean => {
  const told = error instanceof ProtocolError && error.code === 'protocol.epoch.conflict' ? epochWinnerOf(error) : undefined
  return told?.seq === winner.seq && told.epoch === winner.epoch
}
