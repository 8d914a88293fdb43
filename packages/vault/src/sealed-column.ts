/**
 * What an encrypted column is: where it is, which column names its row, and how it can be looked up, if at all.
 */
import { concat, invariant, utf8 } from '@famichat/base'

/** The id of a row as the database gives it. Ids of a table are all of one type and never change. */
export type RowId = string | number | bigint

/** A text column whose values are encrypted. */
export interface SealedColumn {
  readonly table: string
  readonly column: string
  /** The column that says which row it is: unique, set when the row is made, and never changed. */
  readonly rowId: string
  /** Makes look-up by equality possible. Not for values of which there are few: equal values have equal index values. */
  readonly blindIndex?: BlindIndex | undefined
}

/** The column beside the encrypted one that look-ups use. */
export interface BlindIndex {
  readonly column: string
  /** Two values are found by each other exactly when this is equal. */
  readonly normalize: (value: string) => string
}

/** How a column is named in figures: `accounts.name`. */
export const columnName = ({ table, column }: SealedColumn): string => `${table}.${column}`

/** Where a value belongs, as bytes that no other place has: it is authenticated with the value. */
export const encodePlace = (column: SealedColumn, rowId: RowId): Uint8Array => {
  // 7 and 7n are one row, '7' would be another
  const row = typeof rowId === 'string' ? `s${rowId}` : `n${rowId.toString()}`
  let place = places.get(column)
  if (place === undefined) {
    place = concat(withLength(column.table), withLength(column.column))
    places.set(column, place)
  }
  return concat(place, withLength(row))
}

/** Table and column as bytes: the same for all rows. */
const places = new WeakMap<SealedColumn, Uint8Array>()

/** A text, preceded by its length in four bytes. */
export const withLength = (text: string): Uint8Array => {
  const bytes = utf8(text)
  invariant(bytes.length < 2 ** 32, 'a name fits its length')
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, bytes.length)
  return concat(length, bytes)
}
