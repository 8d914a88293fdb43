/**
 * The design's goals: whether a row meets its own, and how cost grows from one group size to another.
 */
import type { Row } from './mls-bench.js'

/** Whether a row meets its goal; undefined where there is none. */
export const meetsGoal = ({ goal, floor, goalFloor, ours, unit }: Row): boolean | undefined => {
  if (goal === undefined) return undefined
  if (unit === 'bytes') return ours.median <= goal
  const beside = goalFloor ?? floor?.median
  return beside !== undefined && ours.median <= goal * beside
}

/** The cost of some work in a large group, as a multiple of its cost in a small one. */
export interface Growth {
  readonly work: string
  readonly from: number
  readonly to: number
  readonly times: number
  readonly goal: number
}

/** What a message costs the machine does not cost more in a large group; the floor of a commit grows with its path. */
const byRatio = ({ ours, floor }: Row): number => ours.median / (floor?.median ?? NaN)
const byTime = ({ ours }: Row): number => ours.median

/** Of messages the ratios to the floor are compared: the sizes are minutes apart, and the machine is not as steady as the goal asks. */
const GROWTH_GOALS = [
  { work: 'send 100 bytes', from: 2, to: 10_000, goal: 1.2, cost: byRatio },
  { work: 'receive 100 bytes', from: 2, to: 10_000, goal: 1.2, cost: byRatio },
  { work: 'self-update, warm: create', from: 100, to: 10_000, goal: 3, cost: byTime },
  { work: 'self-update, warm: process', from: 100, to: 10_000, goal: 3, cost: byTime },
] as const

/** The goals of growth whose both sizes were measured. */
export const growthOf = (rows: readonly Row[]): readonly Growth[] => GROWTH_GOALS.flatMap(({ cost, ...sought }) => {
  const [small, large] = [sought.from, sought.to].map((size) => rows.find(({ work, members }) => work === sought.work && members === size))
  return small === undefined || large === undefined ? [] : [{ ...sought, times: cost(large) / cost(small) }]
})
