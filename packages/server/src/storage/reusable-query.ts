/**
 * Queries of the path that every message takes, built once: Kysely's building and compiling would cost more than SQLite does.
 * Only for columns that are not encrypted: values do not pass through plugins again, and `runDirect` refuses what would touch one.
 */
import type { Compilable, CompiledQuery } from 'kysely'
import { runDirect } from './direct-statements.js'
import type { Store } from './open-database.js'

/** Stands for the value called `name` while the query is built. */
export type ValueOf<Values> = <Name extends keyof Values & string>(name: Name) => Values[Name]

class Hole {
  readonly name: string
  constructor(name: string) { this.name = name }
}

/** Makes a query that is built at its first use; afterwards each use only puts its values in. Returns the rows. */
export const reusableQuery = <Values extends object, Row>(
  build: (store: Store, value: ValueOf<Values>) => Compilable<Row>,
): (store: Store, values: Values) => Promise<readonly Row[]> => {
  // databases differ in how they write a query
  const built = new WeakMap<object, CompiledQuery<Row>>()
  return async (store, values) => {
    const { adapter } = store.getExecutor()
    let query = built.get(adapter)
    if (query === undefined) {
      query = build(store, (name) => new Hole(name) as never).compile()
      built.set(adapter, query)
    }
    const parameters = query.parameters.map((parameter) => (parameter instanceof Hole ? Reflect.get(values, parameter.name) as unknown : parameter))
    return await runDirect(store, query.sql, parameters) as readonly Row[]
  }
}
