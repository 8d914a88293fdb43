/**
 * Statements that run straight on the SQLite connection of a store: each one that goes through Kysely's executors takes a
 * dozen turns of promises, which costs more than SQLite does. A store that is not known here is asked through Kysely.
 */
import type Sqlite from 'better-sqlite3-multiple-ciphers'
import { CompiledQuery, type Kysely } from 'kysely'
import { invariant } from '@famichat/base'
import type { Schema } from './schema.js'
import { SEALED_COLUMNS } from './sealed-columns.js'
import { touchesSealed } from './sealed-statements.js'

type Prepare = (sql: string) => Sqlite.Statement

/** By the adapter, which a store shares with its transactions and nobody else. */
const connections = new WeakMap<object, Prepare>()

/** Executors of transactions that have ended: what still runs on them would land in another one. */
const ended = new WeakSet()

/** From now on {@link runDirect} finds the connection of this store and of its transactions. */
export const connectDirect = (store: Kysely<Schema>, prepare: Prepare): void => { connections.set(store.getExecutor().adapter, prepare) }

/** No statement runs on this transaction any more. */
export const endDirect = (transaction: Kysely<Schema>): void => { ended.add(transaction.getExecutor()) }

/** Statements that were found harmless; they are written in the code, so they are few. */
const harmless = new Set<string>()

/**
 * Runs a statement on the connection of a store, and in its transaction if it has one; returns the rows. Plugins see neither
 * the statement nor the rows, so one that could touch an encrypted column is not run (`invariant`).
 */
export const runDirect = async (store: Kysely<Schema>, sql: string, parameters: readonly unknown[] = []): Promise<readonly unknown[]> => {
  if (!harmless.has(sql)) {
    invariant(!touchesSealed(sql, SEALED_COLUMNS), 'a statement that plugins do not see touches no encrypted column')
    harmless.add(sql)
  }
  const executor = store.getExecutor()
  invariant(!ended.has(executor), 'a job is done with its transaction when it returns')
  const statement = connections.get(executor.adapter)?.(sql)
  if (statement === undefined) return (await executor.executeQuery(CompiledQuery.raw(sql, [...parameters]))).rows
  if (statement.reader) return statement.all(parameters)
  statement.run(parameters)
  return []
}
