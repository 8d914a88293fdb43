/**
 * Group commit against one write per transaction, on one database file in one run, in turns: the same messages through the
 * same code, once with many waiting and once each alone. Both are durable (`synchronous=FULL`) when they are answered (E27).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { present } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import { type AccountId, Encryption, makeId, type MessageId } from '@famichat/protocol'
import { acceptMessage } from '../../dist/delivery/messages.js'
import { openDatabase } from '../../dist/storage/open-database.js'
import { privateMessageBytes } from '../support/mls-bytes.js'
import { makeFleet } from './fleet.js'
import { bareServices } from '../support/bare-services.js'

/** Messages accepted in a second, durable when answered. */
export interface GroupCommitFigures {
  readonly togetherPerSecond: number
  readonly alonePerSecond: number
  readonly ratio: number
}

const WAITING = 256

/** @param rounds of both kinds in turns; the fastest of each counts: other work on the machine only ever adds, and not to both alike */
export const measureGroupCommit = async (
  { seed, rounds, together, alone }: { readonly seed: number; readonly rounds: number; readonly together: number; readonly alone: number },
): Promise<GroupCommitFigures> => {
  const dataDir = mkdtempSync(join(tmpdir(), 'famichat-load-'))
  const random = insecureSeededRandom(seed)
  const { devices, conversations } = await makeFleet({ dataDir, random, devices: 2, conversations: [[0, 1]] })
  const database = await openDatabase({ dataDir, keys: {}, random })
  try {
    const services = bareServices({ database, random })
    const sender = { deviceId: present(devices[0], 'a device').deviceId, accountId: makeId<AccountId>(random), signatureKey: new Uint8Array(32) }
    const conversationId = present(conversations[0], 'a conversation')
    const say = () => acceptMessage(services, sender, {
      conversationId, messageId: makeId<MessageId>(random), encryption: Encryption.mls10, epoch: 0n, message: privateMessageBytes({ conversationId, epoch: 0n, fill: 256 }),
    })
    const rate = async (count: number, atOnce: number): Promise<number> => {
      const started = performance.now()
      let left = count
      await Promise.all(Array.from({ length: atOnce }, async () => { while (left-- > 0) await say() }))
      return count / ((performance.now() - started) / 1000)
    }
    await rate(WAITING * 4, WAITING)
    const [many, single]: [number[], number[]] = [[], []]
    for (let round = 0; round < rounds; round++) {
      many.push(await rate(together, WAITING))
      single.push(await rate(alone, 1))
    }
    const [togetherPerSecond, alonePerSecond] = [Math.max(...many), Math.max(...single)]
    return { togetherPerSecond, alonePerSecond, ratio: togetherPerSecond / alonePerSecond }
  } finally {
    await database.close()
    rmSync(dataDir, { recursive: true, force: true })
  }
}
