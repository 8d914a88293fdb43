/**
 * What is fuzzed: an entry point that takes one input a time, and what may come of it.
 */
import { BaseError } from '@famichat/base'
import { MlsError } from '@famichat/mls'
import type { Dice, Weighted } from './dice.js'

/** What the engine made of an input: it took it, or refused it with this code. */
export type Outcome = 'accepted' | MlsError['code'] | BaseError['code']

/** An entry point. `run` throws a {@link Finding} when an oracle is violated. */
export interface Target extends Weighted {
  readonly name: string
  run(dice: Dice): Outcome | Promise<Outcome>
}

/** An oracle was violated. `input` is what did it, where it is one byte string. */
export class Finding extends Error {
  override readonly name = 'Finding'
  readonly input: Uint8Array | undefined
  constructor(what: string, input?: Uint8Array, options?: ErrorOptions) {
    super(what, options)
    this.input = input
  }
}

/** Longest text an error may carry: names of codes and registries, never input. */
const MAX_DETAIL_TEXT = 64

/** The code of a refusal. @throws Finding when it is not one of the family, or carries what it must not */
export const refusalOf = (error: unknown, input?: Uint8Array): Outcome => {
  if (error instanceof Finding) throw error
  if (!(error instanceof MlsError) && !(error instanceof BaseError)) {
    throw new Finding(`not of the error family: ${error instanceof Error ? error.stack ?? error.message : String(error)}`, input, { cause: error })
  }
  for (const [name, value] of Object.entries(error.detail)) {
    const isPlain = typeof value === 'number' || typeof value === 'bigint' || typeof value === 'boolean'
    if (!isPlain && (typeof value !== 'string' || value.length > MAX_DETAIL_TEXT)) throw new Finding(`detail ${name} of ${error.code} is not a number, id or code`, input)
  }
  return error.code
}

/** Runs and says what came of it; any error that is not a refusal is a finding. */
export const outcomeOf = (run: () => void, input?: Uint8Array): Outcome => {
  try {
    run()
    return 'accepted'
  } catch (error) {
    return refusalOf(error, input)
  }
}

/** Fails the input unless `holds`. */
export function expectThat(holds: boolean, what: string, input?: Uint8Array): asserts holds {
  if (!holds) throw new Finding(what, input)
}
