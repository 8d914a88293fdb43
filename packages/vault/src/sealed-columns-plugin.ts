/**
 * The Kysely plugin: queries are written as if the columns held clear text.
 */
import type { KyselyPlugin, PluginTransformQueryArgs, PluginTransformResultArgs, QueryResult, RootOperationNode, UnknownRow } from 'kysely'
import { byTable, type ColumnsByTable, mentionsSealed } from './query-scope.js'
import { QueryRewriter, type ResultPlan } from './query-rewriter.js'
import { columnName, type RowId, type SealedColumn } from './sealed-column.js'
import type { Vault } from './vault.js'
import { VaultError } from './vault-error.js'

const REWRITTEN = new Set(['SelectQueryNode', 'InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode', 'MergeQueryNode'])

/** Seals what queries write, opens what they read. Raw SQL passes through: it sees what is stored. */
export class SealedColumnsPlugin implements KyselyPlugin {
  readonly #vault: Vault
  readonly #tables: ColumnsByTable
  readonly #plans = new WeakMap<object, ResultPlan>()

  constructor(vault: Vault) {
    this.#vault = vault
    this.#tables = byTable(vault.columns)
  }

  /** @throws VaultError `vault.query.*` | `vault.column.not_indexed` | `vault.key.exhausted` */
  transformQuery({ node, queryId }: PluginTransformQueryArgs): RootOperationNode {
    if (!REWRITTEN.has(node.kind) || !mentionsSealed(node, this.#tables)) return node
    const rewriter = new QueryRewriter(this.#vault, this.#tables)
    const rewritten = rewriter.transformNode(node)
    if (rewriter.plan.opened.length > 0) this.#plans.set(queryId, rewriter.plan)
    return rewritten
  }

  /** @throws VaultError `vault.value.*` | `vault.key.unknown` */
  transformResult({ result, queryId }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    const plan = this.#plans.get(queryId)
    if (plan === undefined) return Promise.resolve(result)
    try {
      const open = this.#vault.opener()
      return Promise.resolve({ ...result, rows: result.rows.map((row) => openRow(row, plan, open)) })
    } catch (error) {
      return Promise.reject(error instanceof Error ? error : new Error(String(error)))
    }
  }
}

type Open = ReturnType<Vault['opener']>

const openRow = (row: UnknownRow, { opened, hidden }: ResultPlan, open: Open): UnknownRow => {
  const clear: UnknownRow = { ...row }
  for (const { column, output, rowIdOutput } of opened) clear[output] = openValue({ column, rowId: row[rowIdOutput], stored: row[output] }, open)
  for (const name of hidden) Reflect.deleteProperty(clear, name)
  return clear
}

const openValue = ({ column, rowId, stored }: { readonly column: SealedColumn; readonly rowId: unknown; readonly stored: unknown }, open: Open): string | null => {
  if (stored === null || stored === undefined) return null
  if (typeof stored !== 'string') throw new VaultError('vault.value.malformed', { column: columnName(column) })
  return open(column, rowId as RowId, stored)
}
