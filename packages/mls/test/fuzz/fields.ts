/**
 * Structured mutation: one field of a decoded structure changed, to be encoded again.
 */
import type { Dice } from './dice.js'
import { boundaryNumber, mutateBytes } from './mutate.js'

type Path = readonly (string | number)[]

/** A copy of `value` with one field changed; `other`, of the same type, lends its own value of that field at times. */
export const changeField = (dice: Dice, value: unknown, other: unknown): unknown => {
  const paths: Path[] = []
  collect(value, [], paths)
  if (paths.length === 0) return value
  const path = dice.pick(paths)
  const borrowed = dice.oneIn(4) ? at(other, path) : undefined
  return replaced(value, path, (old) => borrowed ?? changed(dice, old))
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null

const collect = (value: unknown, path: Path, into: Path[]): void => {
  if (path.length > 0) into.push(path)
  if (value instanceof Uint8Array || !isRecord(value)) return
  for (const [name, inner] of Object.entries(value)) collect(inner, [...path, name], into)
}

const at = (value: unknown, path: Path): unknown => {
  let current = value
  for (const step of path) current = isRecord(current) ? current[step] : undefined
  return current
}

const replaced = (value: unknown, path: Path, change: (old: unknown) => unknown): unknown => {
  const [step, ...rest] = path
  if (step === undefined) return change(value)
  if (Array.isArray(value)) return (value as readonly unknown[]).map((inner, index) => (index === Number(step) ? replaced(inner, rest, change) : inner))
  if (!isRecord(value)) return value
  return { ...value, [step]: replaced(value[step], rest, change) }
}

const changed = (dice: Dice, old: unknown): unknown => {
  if (typeof old === 'bigint') return boundaryNumber(dice, old, 8)
  if (typeof old === 'number') return Number(boundaryNumber(dice, BigInt(old), dice.pick([1, 2, 4])))
  if (old instanceof Uint8Array) return dice.oneIn(4) ? new Uint8Array(dice.oneIn(3) ? dice.pick(LONG) : dice.below(70)) : mutateBytes(dice, old)
  if (Array.isArray(old)) return changedList(dice, old as readonly unknown[])
  // an optional structure left out; where it is not optional, encoding refuses
  return undefined
}

/** Lengths and counts just above what the engine allows. */
const LONG = [65, 257, 2049, 4097]

const changedList = (dice: Dice, old: readonly unknown[]): readonly unknown[] => {
  const index = dice.below(old.length)
  const twin = old.slice(index, index + 1)
  switch (dice.below(5)) {
    case 0: return []
    case 1: return [...old, ...twin]
    case 2: return [...old].reverse()
    case 3: return Array.from({ length: dice.pick([17, 33, 257]) }, () => twin[0])
    default: return [...old.slice(0, index), ...old.slice(index + 1)]
  }
}
