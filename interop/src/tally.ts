/**
 * What a run has done: how often each implementation took what another made, and what was compared.
 */
import type { Change, Kind } from './member.js'
import type { DifferenceId } from './known-differences.js'

/** Counts by key; absent means none. */
export class Counts<Key extends string> {
  readonly #counts = new Map<Key, number>()

  add(key: Key, count = 1): void {
    this.#counts.set(key, this.of(key) + count)
  }

  of(key: Key): number {
    return this.#counts.get(key) ?? 0
  }

  get total(): number {
    return [...this.#counts.values()].reduce((sum, count) => sum + count, 0)
  }

  get entries(): readonly (readonly [Key, number])[] {
    return [...this.#counts]
  }
}

/** `maker>taker` */
export type Pair = `${Kind}>${Kind}`

/** The sum of all schedules of a run. */
export class Tally {
  schedules = 0
  /** Commits of members, by who made them. */
  readonly commits = new Counts<Kind>()
  /** External commits, by who joined. */
  readonly externalCommits = new Counts<Kind>()
  /** Commits processed. */
  readonly processed = new Counts<Pair>()
  /** Joins by Welcome. */
  readonly joined = new Counts<Pair>()
  /** Application messages read. */
  readonly read = new Counts<Pair>()
  /** Commits that lost a race. */
  readonly lost = new Counts<Kind>()
  readonly byValue = new Counts<Change['kind']>()
  readonly byReference = new Counts<Change['kind']>()
  readonly suites = new Counts<`${number}`>()
  readonly sizes = new Counts<`${number}`>()
  /** Values that were equal to our engine's. */
  readonly agreed = new Counts<'epochAuthenticator' | 'treeHash' | 'exported'>()
  /** Trees that passed the validation of a full join. */
  validatedTrees = 0
  readonly differences = new Counts<DifferenceId>()

  /** Epochs that were started by a commit. */
  get epochs(): number {
    return this.commits.total + this.externalCommits.total
  }
}
