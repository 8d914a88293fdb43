/**
 * @famichat/server: accounts, tokens, KeyPackage directory, ordered delivery, channels, encrypted storage.
 */
export { DEFAULT_RATE_LIMITS, type Rate, type RateLimits } from './rate-limits.js'
export { type RunningServer, DEFAULT_PORT, type ServerOptions, startServer } from './server.js'
export type { LogDetail } from './server-log.js'
export { SERVER_ERRORS, ServerError, type ServerErrorCode } from './server-error.js'
export { environmentKeys, type StorageKeys } from './storage/data-folder.js'
export { type FieldProgress, type FieldStatus, type FieldVault, type FieldVaultStatus, openFieldVault } from './storage/field-vault.js'
export { BACKUP_KEY_FILE, type BackupCreation, type BackupKeyPlace, createBackup, lastBackupMs } from './backup/backup.js'
export type { BytesProgress } from './backup/backup-file.js'
export { type BackupSummary, restoreBackup, type Restoring, verifyBackup } from './backup/restore.js'
export { examine, type Examination, type Finding } from './doctor/doctor.js'
