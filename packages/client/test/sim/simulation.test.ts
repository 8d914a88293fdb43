/**
 * A small part of the simulation (`npm run sim`), its proof that seeds replay, and the proof that its oracles bite.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CRASH_POINTS, MOVES, SAMPLE } from './plan.js'
import { run, type RunResult } from './run.js'

const wrongIn = ({ seed, violations, story }: RunResult): string => `seed ${seed.toString()}: ${violations.join('; ')}\n${story.slice(-8).join('\n')}`

/** More runs than this for one move or place: something is wrong with the plan. */
const TRIES = 12

test('S1-S13, S14-S19, S23-S24, S44, S48, S52-S54: in a simulated community nothing wrong is shown, nothing is lost unsaid, and all agree', async () => {
  const moves = new Set<string>()
  const killed = new Set<string>()
  const play = async (options: Parameters<typeof run>[0]): Promise<void> => {
    const result = await run(options)
    assert.deepEqual(result.violations, [], wrongIn(result))
    for (const id of result.moves.keys()) moves.add(id)
    for (const point of result.killed.keys()) killed.add(point)
  }
  for (const sample of SAMPLE) await play(sample)
  // chance may have left something out
  for (let seed = 100; seed < 100 + TRIES; seed++) {
    const [move, point] = [MOVES.find((id) => !moves.has(id)), CRASH_POINTS.find((place) => !killed.has(place))]
    if (move === undefined && point === undefined) break
    await play({ seed, devices: 3, moves: move === undefined ? [] : [move], crashPoints: point === undefined ? [] : [point] })
  }
  assert.deepEqual(MOVES.filter((id) => !moves.has(id)), [], 'moves that were not made')
  assert.deepEqual(CRASH_POINTS.filter((point) => !killed.has(point)), [], 'places where nothing was killed')
  assert.ok(CRASH_POINTS.length >= 25)
})

test('a seed plays the same way twice, to the last byte, and another one does not', async () => {
  const [first, again, other] = [await run({ seed: 3 }), await run({ seed: 3 }), await run({ seed: 4 })]
  assert.equal(again.digest, first.digest)
  assert.notEqual(other.digest, first.digest)
})

test('the simulation catches a store that forgets ratchets', async () => {
  const result = await firstCaught(() => ({ keeps: ({ table, key, value }) => table !== 'groupRows' || !/\/s\d+\./.test(key) || value === undefined }), [])
  assert.match(result.violations.join('\n'), /encrypts two things under one key|does not show/)
})

test('the simulation catches a client that shows before it is written for good', async () => {
  const result = await firstCaught(() => ({ losesLast: 3 }), [])
  assert.match(result.violations.join('\n'), /does not any more|encrypts two things under one key/)
})

test('the simulation catches a client that forgets which messages it has taken', async () => {
  const result = await firstCaught((device) => (device === 'Ada-1' ? { hides: (table) => table === 'seen' } : undefined), ['S4'])
  assert.match(result.violations.join('\n'), /twice/)
})

const firstCaught = async (defect: NonNullable<Parameters<typeof run>[0]['defect']>, moves: Parameters<typeof run>[0]['moves']): Promise<RunResult> => {
  for (let seed = 1; seed <= 12; seed++) {
    const result = await run({ seed, defect, moves: moves ?? [], crashPoints: ['send.accepted', 'receive.written', 'frame.deliver.came', 'frame.accepted.came'] })
    if (result.violations.length > 0) return result
  }
  throw new assert.AssertionError({ message: 'twelve seeds with a defect, and nothing was caught' })
}
