/**
 * Rotation: every value comes under the first key, row by row, while others read and write. There is no state besides the
 * rows themselves, so a rotation that was killed is simply started again.
 */
import { type Kysely, sql } from 'kysely'
import { envelopePrefix, PREFIX_CHARACTERS, prefixKeyId } from './envelope.js'
import type { KeyRingHolder } from './key-ring-file.js'
import { columnName, type RowId, type SealedColumn } from './sealed-column.js'
import type { Vault } from './vault.js'
import { VaultError } from './vault-error.js'

/** Rows of one transaction: others wait for no longer than these take. */
const BATCH_ROWS = 64
/** Rows that keep coming under an old key mean a writer that does not know the new one. */
const MAX_PASSES = 8

/** How many values of a column each key encrypts. */
export interface ColumnStatus {
  readonly column: SealedColumn
  /** Newest key first. */
  readonly keys: readonly { readonly keyId: number; readonly rows: number }[]
  /** Values that are not encrypted at all: somebody wrote past the vault. */
  readonly unsealedRows: number
}

/** How far a rotation is. */
export interface RotationProgress {
  readonly column: SealedColumn
  readonly doneRows: number
  readonly totalRows: number
}

/** What to rotate. */
export interface Rotation<DB> {
  /** With or without the vault's plugin: it is left out. */
  readonly db: Kysely<DB>
  readonly vault: Vault
  readonly onProgress?: (progress: RotationProgress) => void
  readonly batchRows?: number
}

interface SealedRow {
  readonly id: RowId
  readonly value: string
}

type AnyTables = Record<string, Record<string, unknown>>

/** Counts values by key. */
export const readStatus = async <DB>(db: Kysely<DB>, vault: Vault): Promise<readonly ColumnStatus[]> => {
  const raw = plain(db)
  const statuses: ColumnStatus[] = []
  for (const column of vault.columns) {
    const prefix = sql<string>`substr(${sql.ref(column.column)}, 1, ${sql.lit(PREFIX_CHARACTERS)})`
    const rows = await raw.selectFrom(column.table).select([prefix.as('prefix'), (eb) => eb.fn.countAll<number | string>().as('rows')])
      .where(column.column, 'is not', null).groupBy(prefix).execute()
    const counted = rows.map((row) => ({ keyId: prefixKeyId(row.prefix), rows: Number(row.rows) }))
    statuses.push({
      column,
      keys: counted.flatMap(({ keyId, rows: count }) => keyId === undefined ? [] : [{ keyId, rows: count }]).sort((a, b) => b.keyId - a.keyId),
      unsealedRows: counted.filter(({ keyId }) => keyId === undefined).reduce((sum, { rows: count }) => sum + count, 0),
    })
  }
  return statuses
}

/**
 * Brings every value under the ring's first key. Safe to kill and to run again, also twice at once.
 * @returns values rewritten
 * @throws VaultError `vault.rotation.stalled` | `vault.value.*` | `vault.key.unknown`
 */
export const rotate = async <DB>({ db, vault, onProgress, batchRows = BATCH_ROWS }: Rotation<DB>): Promise<number> => {
  const raw = plain(db)
  const keyId = vault.keys().current
  let rewritten = 0
  for (const column of vault.columns) {
    let totalRows = await countOld(raw, column, keyId)
    let doneRows = 0
    onProgress?.({ column, doneRows, totalRows })
    for (let pass = 0; totalRows > 0; pass++) {
      if (pass === MAX_PASSES) throw new VaultError('vault.rotation.stalled', { column: columnName(column), rows: totalRows })
      doneRows = 0
      for await (const batch of batchesUnder({ raw, column, keyId, batchRows })) {
        rewritten += await raw.transaction().execute((store) => rewrite(store, vault, column, batch))
        doneRows += batch.length
        onProgress?.({ column, doneRows, totalRows: Math.max(totalRows, doneRows) })
      }
      totalRows = await countOld(raw, column, keyId)
    }
  }
  return rewritten
}

/**
 * Takes a key out of the ring, unless values are encrypted with it. On SQLite the write lock is held meanwhile, so that none
 * can come under it; elsewhere every process must have the ring with the new key in front before.
 * @throws VaultError `vault.key.in_use` | `vault.key.current` | `vault.key.unknown` | `vault.key.unwritable`
 */
export const dropKey = async <DB>(
  { db, vault, holder, keyId }: { readonly db: Kysely<DB>; readonly vault: Vault; readonly holder: KeyRingHolder; readonly keyId: number },
): Promise<void> => {
  const remaining = holder.ring().without(keyId)
  try {
    await plain(db).transaction().execute(async (store) => {
      for (const { table, column } of vault.columns) {
        await store.updateTable(table).set({ [column]: null }).where(sql<boolean>`1 = 0`).execute()
      }
      for (const { column, keys } of await readStatus(store, vault)) {
        const rows = keys.find((key) => key.keyId === keyId)?.rows ?? 0
        if (rows > 0) throw new VaultError('vault.key.in_use', { keyId, rows, column: columnName(column) })
      }
      holder.replace(remaining)
    })
  } finally {
    remaining.wipe()
  }
}

/** Rows whose value is not under the key, in the order of their ids (keyset cursor). */
async function* batchesUnder(
  { raw, column, keyId, batchRows }: { readonly raw: Kysely<AnyTables>; readonly column: SealedColumn; readonly keyId: number; readonly batchRows: number },
): AsyncGenerator<readonly SealedRow[]> {
  let after: RowId | undefined
  for (;;) {
    const from = after
    const rows = await underOther(raw, column, keyId).select([`${column.rowId} as id`, `${column.column} as value`])
      .$if(from !== undefined, (query) => query.where(column.rowId, '>', from))
      .orderBy(column.rowId).limit(batchRows).execute()
    const last = rows.at(-1)
    if (last === undefined) return
    after = last.id as RowId
    yield rows as unknown as readonly SealedRow[]
  }
}

/** Each row by compare-and-set: one that somebody changed meanwhile is left as they wrote it. */
const rewrite = async (store: Kysely<AnyTables>, vault: Vault, column: SealedColumn, batch: readonly SealedRow[]): Promise<number> => {
  let rewritten = 0
  for (const { id, value } of batch) {
    const clear = vault.open(column, id, value)
    const changed: Record<string, string> = { [column.column]: vault.seal(column, id, clear) }
    if (column.blindIndex !== undefined) changed[column.blindIndex.column] = vault.indexValue(column, clear)
    const { numUpdatedRows } = await store.updateTable(column.table).set(changed)
      .where(column.rowId, '=', id).where(column.column, '=', value).executeTakeFirstOrThrow()
    rewritten += Number(numUpdatedRows)
  }
  return rewritten
}

const countOld = async (raw: Kysely<AnyTables>, column: SealedColumn, keyId: number): Promise<number> => {
  const { rows } = await underOther(raw, column, keyId).select((eb) => eb.fn.countAll<number | string>().as('rows')).executeTakeFirstOrThrow()
  return Number(rows)
}

const underOther = (raw: Kysely<AnyTables>, column: SealedColumn, keyId: number) =>
  raw.selectFrom(column.table).where(column.column, 'is not', null)
    .where(sql<boolean>`substr(${sql.ref(column.column)}, 1, ${sql.lit(PREFIX_CHARACTERS)}) <> ${envelopePrefix(keyId)}`)

const plain = <DB>(db: Kysely<DB>): Kysely<AnyTables> => db.withoutPlugins() as unknown as Kysely<AnyTables>
