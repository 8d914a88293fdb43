/**
 * Recovery after a device was copied: what members must do until the copy reads nothing new.
 */
import { utf8 } from '@famichat/base'
import { type Contender, isImpossible, type Packet, type Person } from './contender.js'
import type { Seen } from './experiments.js'
import { makeScene, type Scene, Thief } from './scene.js'

/** Texts and rotations after which the lab gives up. */
const MAX_ROUNDS = 10

type Step = (scene: Scene, round: number) => Promise<readonly Packet[] | undefined>

/** Runs the three ways to heal, each after a theft of its own. */
export const healing = async (contender: Contender): Promise<Seen> => {
  const texts = await healBy(contender, async ({ alice, bob, carol }, round) => {
    const writer = [bob, alice, carol][round % 3]
    return writer?.send(utf8('a text'))
  }, MAX_ROUNDS * 3)
  if (typeof texts === 'string') return { outcome: 'not demonstrable', seen: texts }
  const byVictim = await healBy(contender, ({ bob }) => bob.rotate())
  const byOther = await healBy(contender, ({ alice }) => alice.rotate())
  const byAll = await healBy(contender, rotateInTurn)
  const rotations = [['rotations of the victim', byVictim], ['of another', byOther], ['of everybody in turn', byAll]] as const
  const words = [
    `texts of all in turn: ${texts === undefined ? `not after ${MAX_ROUNDS * 3}` : `after ${texts}, ${Math.ceil(texts / 3)} of them the victim's`}`,
    ...byVictim === 'no rotation' ? ['there is no rotation'] : rotations.map(([who, steps]) =>
      `${who}: ${steps === undefined ? 'never' : typeof steps === 'number' ? `after ${steps}` : steps}`),
  ]
  const healed = [texts, byVictim, byOther, byAll].some((steps) => typeof steps === 'number')
  return { outcome: healed ? (texts === undefined ? 'partly' : 'holds') : 'fails', seen: words.join('; ') }
}

const rotateInTurn: Step = async ({ alice, bob, carol }, round) => [bob, alice, carol][round % 3]?.rotate()

/**
 * Steps until the thief reads none of what Alice and Carol write next.
 * @returns the number of steps, undefined when they never sufficed, or why it cannot be shown
 */
const healBy = async (contender: Contender, step: Step, maxSteps = MAX_ROUNDS): Promise<number | undefined | string> => {
  const scene = await makeScene(contender)
  const thief = await Thief.of(scene.bob)
  if (isImpossible(thief)) return thief.impossible
  if (!await readsAlong(scene, thief)) return 'the copy reads nothing from the start: it is no true copy'
  for (let round = 0; round < maxSteps; round++) {
    const packets = await step(scene, round)
    if (packets === undefined) return 'no rotation'
    await scene.pass(packets)
    await thief.reads(packets)
    if (!await readsAlong(scene, thief)) return round + 1
  }
  return undefined
}

/** Whether the copy reads a text of any other member now. These texts are not counted as steps. */
const readsAlong = async ({ alice, carol, pass }: Scene, thief: Thief): Promise<boolean> => {
  let read = 0
  for (const writer of [alice, carol] as readonly Person[]) {
    const packets = await writer.send(utf8('hidden?'))
    await pass(packets)
    read += await thief.reads(packets)
  }
  return read > 0
}
