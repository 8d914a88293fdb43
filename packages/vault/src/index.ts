/**
 * @famichat/vault: encryption of single database columns, with key rotation and look-up. Depends on Kysely only.
 */
export { fixedRing, holdKeyRing, type KeyRingHolder, type KeyRingSource } from './key-ring-file.js'
export { KeyRing } from './key-ring.js'
export { type ColumnStatus, dropKey, readStatus, rotate, type Rotation, type RotationProgress } from './rotation.js'
export { type BlindIndex, columnName, type RowId, type SealedColumn } from './sealed-column.js'
export { SealedColumnsPlugin } from './sealed-columns-plugin.js'
export { Vault, type VaultOptions } from './vault.js'
export { VAULT_ERRORS, VaultError, type VaultErrorCode } from './vault-error.js'
