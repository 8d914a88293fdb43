/**
 * Backups of a test's server, and the accident that makes them needed.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { systemClock, systemRandom } from '@famichat/base'
import { createBackup, restoreBackup } from '@famichat/server'
import type { Community } from './community.js'

const onProgress = (): void => undefined

/** Backs the server up as it is now. @returns what puts it back to that */
export const backUp = (community: Community, name: string): (() => Promise<void>) => {
  const dataDir = join(community.folder, 'server')
  const file = join(community.folder, `${name}.backup`)
  const backupKey = { given: undefined, file: join(community.folder, 'backup.key') }
  createBackup({ dataDir, keys: {}, backupKey, to: file, clock: systemClock, random: systemRandom, onProgress })
  return async () => {
    await community.stopServer()
    rmSync(dataDir, { recursive: true })
    await restoreBackup({ from: file, backupKey, dataDir, keys: {}, clock: systemClock, random: systemRandom, onProgress })
    await community.startServer()
  }
}
