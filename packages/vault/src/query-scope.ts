/**
 * Which encrypted columns the names in a query mean: the tables a query reads, under the names it gives them.
 */
import {
  AliasNode, ColumnNode, IdentifierNode, ListNode, type OperationNode, ReferenceNode, type SelectQueryNode, TableNode,
} from 'kysely'
import type { SealedColumn } from './sealed-column.js'

/** A table of a query, by the name the query uses. */
export interface QueryTable {
  readonly name: string
  readonly columns: readonly SealedColumn[]
}

/** The tables of one query, encrypted columns or none. */
export type QueryScope = readonly QueryTable[]

/** Encrypted columns by table. */
export type ColumnsByTable = ReadonlyMap<string, readonly SealedColumn[]>

/** Groups columns by table. */
export const byTable = (columns: readonly SealedColumn[]): ColumnsByTable => {
  const tables = new Map<string, SealedColumn[]>()
  for (const column of columns) tables.set(column.table, [...tables.get(column.table) ?? [], column])
  return tables
}

/** True when a table with encrypted columns is anywhere in the query. */
export const mentionsSealed = (node: OperationNode, tables: ColumnsByTable): boolean => {
  if (TableNode.is(node)) return tables.has(node.table.identifier.name)
  if (node.kind === 'ValueNode' || node.kind === 'PrimitiveValueListNode') return false
  for (const part of Object.values(node)) {
    if (Array.isArray(part) ? part.some((item) => isNode(item) && mentionsSealed(item, tables)) : isNode(part) && mentionsSealed(part, tables)) return true
  }
  return false
}

/** The tables that `nodes` name: each a table, a table under another name, a list of these, or something without a table. */
export const scopeOf = (nodes: readonly (OperationNode | undefined)[], tables: ColumnsByTable): QueryScope =>
  nodes.flatMap((node): QueryScope => {
    if (node === undefined) return []
    if (ListNode.is(node)) return scopeOf(node.items, tables)
    if (TableNode.is(node)) return [{ name: node.table.identifier.name, columns: tables.get(node.table.identifier.name) ?? [] }]
    if (AliasNode.is(node) && IdentifierNode.is(node.alias)) {
      const columns = TableNode.is(node.node) ? tables.get(node.node.table.identifier.name) ?? [] : []
      return [{ name: node.alias.name, columns }]
    }
    return [{ name: '', columns: [] }]
  })

/** The tables of a `select`. */
export const selectScope = ({ from, joins }: SelectQueryNode, tables: ColumnsByTable): QueryScope =>
  scopeOf([...from?.froms ?? [], ...(joins ?? []).map(({ table }) => table)], tables)

/** The table and encrypted column that a reference means; scopes from the outermost to the innermost. */
export const resolve = (node: OperationNode, scopes: readonly QueryScope[]): { readonly table: QueryTable; readonly column: SealedColumn } | undefined => {
  const name = columnNameOf(node)
  if (name === undefined) return undefined
  const qualifier = ReferenceNode.is(node) ? node.table?.table.identifier.name : undefined
  // a name without a table means the query's own tables
  const searched = qualifier === undefined ? scopes.slice(-1) : scopes.slice().reverse()
  for (const scope of searched) {
    for (const table of scope) {
      if (qualifier !== undefined && table.name !== qualifier) continue
      const column = table.columns.find((candidate) => candidate.column === name)
      if (column !== undefined) return { table, column }
      if (qualifier !== undefined) return undefined
    }
  }
  return undefined
}

/** The column's name, for a plain reference to one. */
export const columnNameOf = (node: OperationNode): string | undefined => {
  if (ColumnNode.is(node)) return node.column.name
  return ReferenceNode.is(node) && ColumnNode.is(node.column) ? node.column.column.name : undefined
}

const isNode = (part: unknown): part is OperationNode => typeof part === 'object' && part !== null && 'kind' in part
