/**
 * The operator's hold on the encrypted columns, beside a server that runs or without one: counts, rotates, drops keys.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { RandomBytes } from '@famichat/base'
import { columnName, dropKey, readStatus, rotate, Vault } from '@famichat/vault'
import { ServerError } from '../server-error.js'
import { DATABASE_FILE, holdFieldKeys, isSealed, type StorageKeys, takeDatabaseKey } from './data-folder.js'
import { openEncrypted, storeOn } from './encrypted-file.js'
import { SEALED_COLUMNS } from './sealed-columns.js'

/** How many values each key encrypts, and which key encrypts now. */
export interface FieldVaultStatus {
  readonly current: number
  readonly keyIds: readonly number[]
  readonly columns: readonly FieldStatus[]
}

/** The values of one column by key, newest key first. */
export interface FieldStatus {
  /** `accounts.name` */
  readonly name: string
  readonly keys: readonly { readonly keyId: number; readonly rows: number }[]
  /** Values that are not encrypted at all: somebody wrote past the server. */
  readonly unsealedRows: number
}

/** How far a rotation is in one column. */
export interface FieldProgress {
  readonly name: string
  readonly doneRows: number
  readonly totalRows: number
}

/** The encrypted columns of a data folder. Close it. */
export interface FieldVault {
  status(): Promise<FieldVaultStatus>
  /**
   * Puts a new key in front of the ring, unless a rotation to the current one is unfinished.
   * @returns the id of the key that encrypts from now on
   * @throws VaultError `vault.key.unwritable` for a ring from the environment
   */
  addKey(): Promise<number>
  /** Brings every value under the first key. @returns values rewritten @throws VaultError `vault.rotation.stalled` … */
  rotate(onProgress: (progress: FieldProgress) => void): Promise<number>
  /** @throws VaultError `vault.key.in_use` | `vault.key.current` | `vault.key.unknown` | `vault.key.unwritable` */
  dropKey(keyId: number): Promise<void>
  close(): void
}

/** Opens the columns of a data folder that a server has used. @throws ServerError `server.database.missing` | `server.database.older` … */
export const openFieldVault = ({ dataDir, keys, random }: { readonly dataDir: string; readonly keys: StorageKeys; readonly random: RandomBytes }): FieldVault => {
  const path = join(dataDir, DATABASE_FILE)
  if (!existsSync(path)) throw new ServerError('server.database.missing')
  const key = takeDatabaseKey({ dataDir, keys, dataExists: true, random })
  const database = openEncrypted(path, key)
  key.wipe()
  try {
    if (!isSealed(database)) throw new ServerError('server.database.older')
    const holder = holdFieldKeys({ dataDir, keys, dataExists: true, random })
    const vault = new Vault({ columns: SEALED_COLUMNS, keys: () => holder.ring(), random })
    const db = storeOn(database)
    const status = async (): Promise<FieldVaultStatus> => {
      const { current, keyIds } = holder.ring()
      const columns = (await readStatus(db, vault)).map(({ column, keys: used, unsealedRows }) => ({ name: columnName(column), keys: used, unsealedRows }))
      return { current, keyIds, columns }
    }
    return {
      status,
      addKey: async () => {
        const { current, columns } = await status()
        const isUnfinished = columns.some(({ keys: used }) => used.some(({ keyId }) => keyId !== current))
        if (!isUnfinished) holder.replace(holder.ring().withNewKey(random))
        return holder.ring().current
      },
      rotate: (onProgress) => rotate({ db, vault, onProgress: ({ column, ...rows }) => { onProgress({ name: columnName(column), ...rows }) } }),
      dropKey: (keyId) => dropKey({ db, vault, holder, keyId }),
      close: () => { database.close() },
    }
  } catch (error) {
    database.close()
    throw error
  }
}
