/**
 * The design's goals: whether a row meets its own, and how cost grows from one group size to another.
 */
import type { Row } from './mls-bench.js'

/** Whether a row meets its goal; undefined where there is none. */
export const meetsGoal = ({ goal, floor, ratio, goalFloor, ours, unit }: Row): boolean | undefined => {
  if (goal === undefined) return undefined
  if (unit === 'bytes') return ours.median <= goal
  return floor !== undefined && ratio !== undefined && ratio <= goal * (goalFloor ?? floor.median) / floor.median
}

/** The cost of some work in a large group, as a multiple of its cost in a small one. */
export interface Growth {
  readonly work: string
  readonly from: number
  readonly to: number
  readonly times: number
  readonly goal: number
}

const GROWTH_GOALS = [
  { work: 'send 100 bytes', from: 2, to: 10_000, goal: 1.2 },
  { work: 'receive 100 bytes', from: 2, to: 10_000, goal: 1.2 },
  { work: 'self-update, warm: create', from: 100, to: 10_000, goal: 3 },
  { work: 'self-update, warm: process', from: 100, to: 10_000, goal: 3 },
] as const

/** The sizes are minutes apart, in which the machine is now fast and now slow: the ratio counts, times the fastest floor. */
const cost = ({ ratio = NaN, floor }: Row): number => ratio * (floor?.low ?? NaN)

/** The goals of growth whose both sizes were measured. */
export const growthOf = (rows: readonly Row[]): readonly Growth[] => GROWTH_GOALS.flatMap((sought) => {
  const [small, large] = [sought.from, sought.to].map((size) => rows.find(({ work, members }) => work === sought.work && members === size))
  return small === undefined || large === undefined ? [] : [{ ...sought, times: cost(large) / cost(small) }]
})
