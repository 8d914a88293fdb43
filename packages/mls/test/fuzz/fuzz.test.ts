/**
 * 200,000 fuzzed inputs on every `npm test` (docs/fuzzing.md); `npm run fuzz -- --long` runs ten million.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { encode } from '@famichat/base'
import { decodeMessage, PrivateMessage } from '../../dist/wire/message.js'
import { grammarOf } from './grammar.js'
import { loadCheckpoint, saveCheckpoint } from './checkpoint.js'
import { Dice } from './dice.js'
import { mutate } from './mutate.js'
import { describeFound } from './report.js'
import { runFuzz } from './run.js'
import { expectThat, Finding, type Target } from './target.js'
import { makeTargets } from './targets.js'

const SEED = 9420
const INPUTS = 200_000

test('200,000 mutated inputs: one error family, canonical encodings, refusals change nothing, honest messages go on', async () => {
  const { targets } = await makeTargets(SEED)
  const tally = await runFuzz(targets, { seed: SEED, count: INPUTS })
  equal(tally.found.map((found) => describeFound(found, SEED)).join('\n'), '')
  equal(tally.passed, INPUTS)
  for (const [name, { inputs, outcomes }] of tally.byTarget) {
    ok(inputs > 0, `${name} got inputs`)
    ok(outcomes.size > 1 || name.includes('removed'), `${name} both takes and refuses`)
  }
})

test('the fuzzer sees a violated oracle, says how to replay it, and goes on', async () => {
  const target: Target = {
    name: 'broken', weight: 1,
    run: (dice) => {
      expectThat(!dice.oneIn(50), 'broken on purpose', Uint8Array.of(1, 2, 3))
      if (dice.oneIn(50)) throw new TypeError('not of the family')
      return 'accepted'
    },
  }
  const first = await runFuzz([target], { seed: 1, count: 200 })
  const [found] = first.found
  ok(first.failed > 1 && first.passed > 100)
  equal(found?.hex, '010203')
  const again = await runFuzz([target], { seed: 1, count: 200, only: found.input })
  equal(again.found[0]?.what, found.what)
})

test('the grammar of a message names its fields, and mutation repairs the lengths around a change', () => {
  const message = {
    groupId: Uint8Array.of(1, 2, 3), epoch: 7n, contentType: 1, authenticatedData: new Uint8Array(0),
    encryptedSenderData: new Uint8Array(28), ciphertext: new Uint8Array(100),
  } as const
  const bytes = encode(PrivateMessage, message)
  const { spans } = grammarOf(bytes, { codec: PrivateMessage })
  equal(spans.map(({ kind }) => kind).join(' '), 'opaque number number opaque opaque opaque')
  const lengths = new Set<number>()
  for (let input = 0; input < 2000; input++) {
    const changed = mutate(new Dice(1, input), { bytes, spans }, [])
    try {
      const whole = new Uint8Array(changed.length + 4)
      whole.set([0, 1, 0, 2])
      whole.set(changed, 4)
      const decoded = decodeMessage(whole)
      if ('privateMessage' in decoded) lengths.add(decoded.privateMessage.ciphertext.length)
    } catch (error) {
      ok(!(error instanceof Finding))
    }
  }
  ok(lengths.size > 10, 'messages with other lengths are well formed again')
})

test('a run that was stopped and went on from its checkpoint counts what a whole run counts', async () => {
  const target: Target = { name: 'dice', weight: 1, run: (dice) => (dice.oneIn(3) ? 'accepted' : 'base.codec.truncated') }
  const whole = await runFuzz([target], { seed: 1, count: 3000 })
  const folder = mkdtempSync(join(tmpdir(), 'fuzz-'))
  try {
    const file = join(folder, 'state', 'fuzzing.json')
    const tally = await runFuzz([target], { seed: 1, count: 1000 })
    saveCheckpoint(file, { run: 'this', next: 1000, seconds: 1, peakHeapBytes: 1, tally })
    equal(loadCheckpoint(file, 'another'), undefined)
    const resumed = loadCheckpoint(file, 'this')
    const both = await runFuzz([target], { seed: 1, count: 3000, resumed })
    deepEqual(both.byTarget.get('dice')?.outcomes, whole.byTarget.get('dice')?.outcomes)
    equal(both.passed, 3000)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
