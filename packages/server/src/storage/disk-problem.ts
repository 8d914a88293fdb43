/**
 * Which errors of the database say that the disk does not take what must be stored (S50). Then nothing of the transaction
 * stands, and nobody is told that it does.
 */

/** What is wrong with the disk. */
export type DiskProblem = 'disk_full' | 'read_only' | 'disk_error'

/** The problem that an error tells of; undefined for errors that are no fault of the disk. */
export const diskProblemOf = (error: unknown): DiskProblem | undefined => {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (code === 'SQLITE_FULL') return 'disk_full'
  if (code.startsWith('SQLITE_READONLY')) return 'read_only'
  return /^SQLITE_(IOERR|CORRUPT|CANTOPEN|NOTADB)/.test(code) ? 'disk_error' : undefined
}
