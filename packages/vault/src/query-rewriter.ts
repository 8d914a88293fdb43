/**
 * Rewrites one query so that encrypted columns work in it: what is written is sealed, equality becomes a look-up in the
 * blind index, and what is read comes with the id of its row. Everything else that touches such a column is refused.
 */
import {
  AliasNode, AndNode, BinaryOperationNode, ColumnNode, ColumnUpdateNode, type DeleteQueryNode, IdentifierNode, type InsertQueryNode,
  type MergeQueryNode, type OnConflictNode, type OperationNode, OperationNodeTransformer, OperatorNode, ParensNode, PrimitiveValueListNode,
  ReferenceNode, type ReturningNode, SelectAllNode, SelectionNode, type SelectQueryNode, TableNode, type UpdateQueryNode, ValueListNode,
  ValueNode, ValuesNode,
} from 'kysely'
import { columnNameOf, type ColumnsByTable, type QueryScope, type QueryTable, resolve, scopeOf, selectScope } from './query-scope.js'
import { columnName, type RowId, type SealedColumn } from './sealed-column.js'
import type { Vault } from './vault.js'
import { VaultError } from './vault-error.js'

/** A column of a result that is to be opened. */
export interface OpenedColumn {
  readonly column: SealedColumn
  readonly output: string
  readonly rowIdOutput: string
}

/** What to do with the rows of a result. */
export interface ResultPlan {
  readonly opened: OpenedColumn[]
  /** Columns the query did not ask for. */
  readonly hidden: string[]
}

/** Rewrites one query, once. */
export class QueryRewriter extends OperationNodeTransformer {
  /** What the query's result needs. */
  readonly plan: ResultPlan = { opened: [], hidden: [] }
  readonly #vault: Vault
  readonly #tables: ColumnsByTable
  readonly #scopes: QueryScope[] = []
  readonly #allowed = new Set<OperationNode>()

  constructor(vault: Vault, tables: ColumnsByTable) {
    super()
    this.#vault = vault
    this.#tables = tables
  }

  protected override transformSelectQuery(node: SelectQueryNode): SelectQueryNode {
    return this.#within(selectScope(node, this.#tables), () => {
      const isCombined = node.distinctOn !== undefined || node.groupBy !== undefined || node.setOperations !== undefined
        || node.frontModifiers?.some(({ modifier }) => modifier === 'Distinct') === true
      const selections = this.#readSelections(node.selections ?? [], { mayAdd: !isCombined })
      return super.transformSelectQuery(node.selections === undefined ? node : { ...node, selections })
    })
  }

  protected override transformInsertQuery(node: InsertQueryNode): InsertQueryNode {
    return this.#within(scopeOf([node.into], this.#tables), () => super.transformInsertQuery(this.#returning(this.#sealInsert(node))))
  }

  protected override transformUpdateQuery(node: UpdateQueryNode): UpdateQueryNode {
    const scope = scopeOf([node.table, ...node.from?.froms ?? [], ...(node.joins ?? []).map(({ table }) => table)], this.#tables)
    return this.#within(scope, () => super.transformUpdateQuery(this.#returning(this.#sealUpdate(node))))
  }

  protected override transformDeleteQuery(node: DeleteQueryNode): DeleteQueryNode {
    const scope = scopeOf([...node.from.froms, ...node.using?.tables ?? [], ...(node.joins ?? []).map(({ table }) => table)], this.#tables)
    return this.#within(scope, () => super.transformDeleteQuery(this.#returning(node)))
  }

  protected override transformMergeQuery(node: MergeQueryNode): MergeQueryNode {
    if (scopeOf([node.into, node.using?.table], this.#tables).some(({ columns }) => columns.length > 0)) throw new VaultError('vault.query.unsupported')
    return super.transformMergeQuery(node)
  }

  protected override transformOnConflict(node: OnConflictNode): OnConflictNode {
    for (const { columns } of this.#scopes.at(-1) ?? []) {
      for (const column of columns) {
        const kept = [column.column, column.blindIndex?.column]
        if (node.columns?.some((target) => kept.includes(target.column.name)) === true) throw unsupported(column)
        if (node.updates?.some((update) => [...kept, column.rowId].includes(columnNameOf(update.column))) === true) throw unsupported(column)
      }
    }
    return super.transformOnConflict(node)
  }

  protected override transformReference(node: ReferenceNode): ReferenceNode {
    if (!this.#allowed.has(node)) this.#refuseSealed(node)
    return super.transformReference(node)
  }

  protected override transformBinaryOperation(node: BinaryOperationNode): BinaryOperationNode {
    const found = resolve(node.leftOperand, this.#scopes)
    if (found === undefined) return super.transformBinaryOperation(node)
    const operator = OperatorNode.is(node.operator) ? node.operator.operator : undefined
    if (operator === 'is' || operator === 'is not') {
      this.#allowed.add(node.leftOperand)
      return super.transformBinaryOperation(node)
    }
    const values = wantedValues(node.rightOperand)
    if ((operator !== '=' && operator !== 'in') || values === undefined) throw unsupported(found.column)
    const { blindIndex } = found.column
    if (blindIndex === undefined) throw new VaultError('vault.column.not_indexed', { column: columnName(found.column) })
    const index = ReferenceNode.create(ColumnNode.create(blindIndex.column), TableNode.create(found.table.name))
    const indexValues = values.flatMap((value) => this.#vault.indexValues(found.column, value))
    return BinaryOperationNode.create(index, OperatorNode.create('in'), PrimitiveValueListNode.create(indexValues))
  }

  #within<T>(scope: QueryScope, work: () => T): T {
    this.#scopes.push(scope)
    try {
      return work()
    } finally {
      this.#scopes.pop()
    }
  }

  #refuseSealed(node: OperationNode): void {
    const found = resolve(node, this.#scopes)
    if (found !== undefined) throw unsupported(found.column)
  }

  #returning<T extends { readonly returning?: ReturningNode }>(node: T): T {
    if (node.returning === undefined) return node
    return { ...node, returning: { ...node.returning, selections: this.#readSelections(node.returning.selections, { mayAdd: true }) } }
  }

  /** Plans the opening of encrypted columns in the result; in a query inside another they stay closed, so they are refused. */
  #readSelections(selections: readonly SelectionNode[], { mayAdd }: { readonly mayAdd: boolean }): readonly SelectionNode[] {
    const scope = this.#scopes.at(-1) ?? []
    const added: SelectionNode[] = []
    const open = (table: QueryTable, column: SealedColumn, output: string, rowIdOutput: string | undefined): void => {
      if (this.#scopes.length > 1 || this.plan.opened.some((opened) => opened.output === output)) throw unsupported(column)
      if (rowIdOutput === undefined && !mayAdd) throw new VaultError('vault.query.row_unknown', { column: columnName(column) })
      const hidden = `vault ${this.plan.hidden.length}`
      if (rowIdOutput === undefined) {
        this.plan.hidden.push(hidden)
        const reference = ReferenceNode.create(ColumnNode.create(column.rowId), TableNode.create(table.name))
        added.push(SelectionNode.create(AliasNode.create(reference, IdentifierNode.create(hidden))))
      }
      this.plan.opened.push({ column, output, rowIdOutput: rowIdOutput ?? hidden })
    }
    for (const { selection } of selections) {
      const all = allOf(selection)
      if (all !== undefined) {
        const tables = all === '*' ? scope : scope.filter(({ name }) => name === all)
        const sealed = tables.filter(({ columns }) => columns.length > 0)
        // with several tables, which of two columns of one name a row has is not known
        if (all === '*' && scope.length > 1 && sealed[0]?.columns[0] !== undefined) throw unsupported(sealed[0].columns[0])
        for (const table of sealed) for (const column of table.columns) open(table, column, column.column, column.rowId)
        continue
      }
      const reference = AliasNode.is(selection) ? selection.node : selection
      const found = resolve(reference, this.#scopes.slice(-1))
      if (found === undefined) continue
      const alias = AliasNode.is(selection) && IdentifierNode.is(selection.alias) ? selection.alias.name : undefined
      this.#allowed.add(reference)
      open(found.table, found.column, alias ?? found.column.column, selectedRowId(selections, found.table, found.column, scope))
    }
    return [...selections, ...added]
  }

  #sealInsert(node: InsertQueryNode): InsertQueryNode {
    const columns = this.#scopes.at(-1)?.[0]?.columns ?? []
    if (columns[0] === undefined) return node
    if (node.columns === undefined || node.values === undefined) {
      if (node.defaultValues !== true) throw unsupported(columns[0])
      return node
    }
    const names = node.columns.map(({ column }) => column.name)
    if (columns.some(({ blindIndex }) => blindIndex !== undefined && names.includes(blindIndex.column))) throw unsupported(columns[0])
    const written = columns.filter(({ column }) => names.includes(column))
    if (written[0] === undefined) return node
    if (!ValuesNode.is(node.values) || node.replace === true || node.onDuplicateKey !== undefined) throw unsupported(written[0])
    const rows = node.values.values.map((item) => this.#sealRow(rowValues(item, written[0]), names, written))
    const indexes = written.flatMap(({ blindIndex }) => blindIndex === undefined ? [] : [ColumnNode.create(blindIndex.column)])
    return { ...node, columns: [...node.columns, ...indexes], values: ValuesNode.create(rows) }
  }

  #sealRow(values: readonly unknown[], names: readonly string[], written: readonly SealedColumn[]): PrimitiveValueListNode {
    const row = [...values]
    for (const column of written) {
      const rowId = requireRowId(values[names.indexOf(column.rowId)], column)
      const at = names.indexOf(column.column)
      const clear = requireText(values[at], column)
      row[at] = clear === null ? null : this.#vault.seal(column, rowId, clear)
      if (column.blindIndex !== undefined) row.push(clear === null ? null : this.#vault.indexValue(column, clear))
    }
    return PrimitiveValueListNode.create(row)
  }

  #sealUpdate(node: UpdateQueryNode): UpdateQueryNode {
    const columns = this.#scopes.at(-1)?.[0]?.columns ?? []
    const updates = (node.updates ?? []).flatMap((update): readonly ColumnUpdateNode[] => {
      const name = columnNameOf(update.column)
      const column = columns.find((candidate) => candidate.column === name)
      const managed = columns.find(({ rowId, blindIndex }) => name === rowId || name === blindIndex?.column)
      if (managed !== undefined) throw unsupported(managed)
      if (column === undefined) return [update]
      if (!ValueNode.is(update.value)) throw unsupported(column)
      const clear = requireText(update.value.value, column)
      const rowId = requireRowId(node.where === undefined ? undefined : equalTo(node.where.where, column.rowId), column)
      this.#allowed.add(update.column)
      const sealed = ColumnUpdateNode.create(update.column, ValueNode.create(clear === null ? null : this.#vault.seal(column, rowId, clear)))
      if (column.blindIndex === undefined) return [sealed]
      const index = ValueNode.create(clear === null ? null : this.#vault.indexValue(column, clear))
      return [sealed, ColumnUpdateNode.create(ColumnNode.create(column.blindIndex.column), index)]
    })
    return node.updates === undefined ? node : { ...node, updates }
  }
}

const unsupported = (column: SealedColumn): VaultError => new VaultError('vault.query.unsupported', { column: columnName(column) })

const requireText = (value: unknown, column: SealedColumn): string | null => {
  if (value === null || value === undefined) return null
  if (typeof value !== 'string') throw unsupported(column)
  return value
}

const requireRowId = (value: unknown, column: SealedColumn): RowId => {
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint') return value
  throw new VaultError('vault.query.row_unknown', { column: columnName(column) })
}

const rowValues = (item: OperationNode, column: SealedColumn | undefined): readonly unknown[] => {
  if (PrimitiveValueListNode.is(item)) return item.values
  const values = ValueListNode.is(item) ? item.values : []
  return values.map((value) => {
    if (ValueNode.is(value)) return value.value
    if (value.kind === 'DefaultInsertValueNode' || column === undefined) return null
    throw unsupported(column)
  })
}

/** The values an equality asks for, if they are given as values. */
const wantedValues = (node: OperationNode): readonly string[] | undefined => {
  const values = PrimitiveValueListNode.is(node) ? node.values
    : (ValueListNode.is(node) ? node.values : [node]).map((value) => ValueNode.is(value) ? value.value : undefined)
  return values.every((value): value is string => typeof value === 'string') ? values : undefined
}

/** The value that a condition, joined by `and` only, says the column has. */
const equalTo = (condition: OperationNode, column: string): unknown => {
  if (ParensNode.is(condition)) return equalTo(condition.node, column)
  if (AndNode.is(condition)) return equalTo(condition.left, column) ?? equalTo(condition.right, column)
  if (!BinaryOperationNode.is(condition) || columnNameOf(condition.leftOperand) !== column) return undefined
  const isEqual = OperatorNode.is(condition.operator) && condition.operator.operator === '='
  return isEqual && ValueNode.is(condition.rightOperand) ? condition.rightOperand.value : undefined
}

/** `*` for all, a table's name for all of it. */
const allOf = (selection: SelectionNode['selection']): string | undefined => {
  if (SelectAllNode.is(selection)) return '*'
  return ReferenceNode.is(selection) && SelectAllNode.is(selection.column) ? selection.table?.table.identifier.name : undefined
}

/** The output that is the row's id, if the query selects it under its own name. */
const selectedRowId = (selections: readonly SelectionNode[], table: QueryTable, column: SealedColumn, scope: QueryScope): string | undefined => {
  const isSelected = selections.some(({ selection }) => {
    if (!ReferenceNode.is(selection) || columnNameOf(selection) !== column.rowId) return false
    return selection.table === undefined ? scope.length === 1 : selection.table.table.identifier.name === table.name
  })
  return isSelected ? column.rowId : undefined
}
