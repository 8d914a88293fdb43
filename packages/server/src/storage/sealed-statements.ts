/**
 * What a statement has to do with encrypted columns, judged by its text: for statements that no plugin sees. It suspects too many
 * rather than too few; whoever is refused lists columns by name, or goes through Kysely.
 */
import type { SealedColumn } from '@famichat/vault'

/**
 * True when a statement could read or write an encrypted column, or its blind index, in the clear: it names one together with its
 * table, takes all columns of that table, or puts rows into it.
 */
export const touchesSealed = (sql: string, columns: readonly SealedColumn[]): boolean => {
  // words inside quotes and comments count too
  const words = new Set(sql.toLowerCase().match(/\w+|\*/g))
  const isInsert = words.has('insert') || words.has('replace')
  return columns.some(({ table, column, blindIndex }) =>
    words.has(table) && (isInsert || words.has('*') || words.has(column) || (blindIndex !== undefined && words.has(blindIndex.column))))
}
