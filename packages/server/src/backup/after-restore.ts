/**
 * What a restored server must not do again. It is behind the devices that talked to its later self: KeyPackages it handed out
 * since look unused, invites that were used look open, and places of the log that it gave look free.
 */
import type Sqlite from 'better-sqlite3-multiple-ciphers'

/** At least so many places of a log are left out. */
const MIN_GAP = 2 ** 20
/** No log grows faster, in entries a second, so a later restore always starts beyond an earlier one; clients keep so many entries. */
const PLACES_PER_SECOND = 1024
/** Half of the entries that clients keep. */
const HALF_ROUND = PLACES_PER_SECOND / 2

/** Makes a restored database safe to serve; one transaction. */
export const makeSafeAfterRestore = (database: Sqlite.Database, nowMs: number): void => {
  database.transaction(() => {
    // kept as used: not handed out, and the same ones are not taken again. Devices fill up with new ones (element-meta 2155)
    database.prepare('UPDATE key_packages SET key_package = NULL WHERE is_last_resort = 0').run()
    database.prepare('DELETE FROM key_packages WHERE is_last_resort = 1').run()
    // whoever holds one asks for another; used ones must not look unused
    for (const table of ['tokens', 'refresh_tokens', 'links']) database.prepare(`DELETE FROM ${table}`).run()
    // single-use: some may have been used since
    database.prepare('UPDATE invites SET revoked_at_ms = ? WHERE used_by IS NULL AND revoked_at_ms IS NULL').run(nowMs)
    // logs go on where nobody has been: no place is given twice, whatever clients have taken since
    const base = Math.floor(nowMs / 1000) * PLACES_PER_SECOND
    // half a round further in the ring of entries that clients keep: what is new overwrites last what they have to give back
    database.prepare(`UPDATE conversations SET restored_after_seq = last_seq,
      resumes_after_seq = max(last_seq + ${MIN_GAP}, ? + (last_seq + ${HALF_ROUND}) % ${PLACES_PER_SECOND})`).run(base)
    database.prepare('UPDATE conversations SET last_seq = resumes_after_seq').run()
  })()
}
