/**
 * A damaged archive is refused whole, with a code, whatever happened to it. FAMICHAT_CORRUPTIONS says how many are tried.
 */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { isCodedError } from '@famichat/base'
import { type ArchiveSource, verifyArchive } from '@famichat/client'
import { nodePlatform } from '@famichat/client/node'
import { Community } from './support/community.js'

const SEED = 'famichat archive'
const TRIES = Number(process.env.FAMICHAT_CORRUPTIONS ?? 2000)
const CODES = new Set(['client.archive.damaged', 'client.archive.not_one', 'client.archive.newer', 'client.archive.wrong_key', 'client.archive.no_such_lock'])

/** Numbers below a bound, the same for the same seed. */
const below = (seed: string): ((bound: number) => number) => {
  let count = 0
  return (bound) => createHash('sha256').update(`${seed} ${(count++).toString()}`).digest().readUIntBE(0, 6) % bound
}

/** What can happen to a file: bits flip, stretches are lost, doubled, swapped, overwritten, or something follows. */
const MISHAPS: readonly ((bytes: Uint8Array, pick: (bound: number) => number) => Uint8Array)[] = [
  (bytes, pick) => { const at = pick(bytes.length); return bytes.with(at, (bytes[at] ?? 0) ^ (1 << pick(8))) },
  // the header more often than its share
  (bytes, pick) => { const at = pick(160); return bytes.with(at, (bytes[at] ?? 0) ^ (1 + pick(255))) },
  (bytes, pick) => bytes.slice(0, pick(bytes.length)),
  (bytes, pick) => { const at = pick(bytes.length); return joined(bytes.subarray(0, at), bytes.subarray(at + 1 + pick(70_000))) },
  (bytes, pick) => joined(bytes, Uint8Array.from({ length: 1 + pick(40) }, () => pick(256))),
  (bytes, pick) => { const at = pick(bytes.length); const end = Math.min(bytes.length, at + 1 + pick(70_000)); return joined(bytes.subarray(0, end), bytes.subarray(at)) },
  (bytes, pick) => { const at = pick(bytes.length - 64); return joined(bytes.subarray(0, at), new Uint8Array(1 + pick(64)).fill(pick(256)), bytes.subarray(at + 64)) },
  // whole chunks change places
  (bytes, pick) => { const start = bytes.length - 2 * CHUNK - pick(16); return joined(bytes.subarray(0, start), bytes.subarray(start + CHUNK, start + 2 * CHUNK), bytes.subarray(start, start + CHUNK), bytes.subarray(start + 2 * CHUNK)) },
]
const CHUNK = 64 * 1024 + 16

const joined = (...parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts))

const sourceOf = (bytes: Uint8Array): ArchiveSource => async function* pieces() { yield await Promise.resolve(bytes) }

test(`of ${TRIES.toString()} damaged archives each is refused with a code, and only the whole one is taken`, async (t) => {
  const community = await Community.start(t)
  const [ada] = await community.people('Ada')
  assert.ok(ada)
  const { conversationId } = await ada.createGroup('Letters', [])
  for (let letter = 0; letter < 6; letter++) await ada.send(conversationId, `${letter.toString()} ${'dear diary '.repeat(3500)}`)
  const phrase = (await ada.recovery.phrase()).join(' ')
  const pieces: Uint8Array[] = []
  for await (const piece of ada.archive.create({})) pieces.push(piece)
  const archive = joined(...pieces)
  assert.ok(archive.length > 3 * CHUNK)
  const opener = { type: 'phrase', phrase } as const
  assert.equal((await verifyArchive(nodePlatform, sourceOf(archive), opener)).messages, 6)
  const outcomes = new Map<string, number>()
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const pick = below(`${SEED} ${attempt.toString()}`)
    const damaged = MISHAPS[attempt % MISHAPS.length]?.(archive, pick) ?? archive
    if (Buffer.compare(damaged, archive) === 0) continue
    const outcome = await verifyArchive(nodePlatform, sourceOf(damaged), opener).then(() => 'taken', (error: unknown) => (isCodedError(error) ? error.code : String(error)))
    assert.ok(CODES.has(outcome), `attempt ${attempt.toString()}: ${outcome}`)
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
  }
  t.diagnostic(JSON.stringify(Object.fromEntries(outcomes)))
  assert.ok((outcomes.get('client.archive.damaged') ?? 0) > TRIES / 2)
})
