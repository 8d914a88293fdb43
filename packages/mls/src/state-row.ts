/**
 * Rows: how the engine hands its state to a store it knows nothing about.
 * A row's value holds secrets: the store must be sealed, and must write a batch in one transaction.
 */

/** A value to put at a key, or a key to delete. */
export interface StateRow {
  /** ASCII, unique within one group. */
  readonly key: string
  readonly value: Uint8Array | undefined
}
