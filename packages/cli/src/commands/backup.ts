/**
 * famichat backup: the operator's backups of the server. The server may run while one is made.
 */
import { join, resolve } from 'node:path'
import { systemClock, systemRandom } from '@famichat/base'
import type { BackupKeyPlace, BackupSummary } from '@famichat/server'
import type { Command } from 'commander'
import { DATA_OPTION, dataFolderOf } from '../data-folder.js'
import type { Output } from '../output.js'
import { ProgressBar } from '../progress-bar.js'
import { type GlobalOptions, sessionOf } from '../session.js'

interface BackupOptions extends GlobalOptions {
  readonly data?: string
  readonly key?: string
}

const KEY_OPTION = ['--key <file>', 'the backup key (default: backup.key in the data folder, or FAMICHAT_BACKUP_KEY)'] as const

/** Adds the commands. */
export const addBackupCommands = (program: Command): void => {
  const backup = program.command('backup')
    .summary('backups of the server')
    .description('Encrypted backups of everything the server keeps. One file and the backup key make the server again: keep a copy of backup.key away from this machine.')
  backup.command('create').summary('make a backup').argument('[file]', 'the file to make (default: famichat-<time>.backup)')
    .option(...DATA_OPTION).option(...KEY_OPTION)
    .description('Makes a backup while the server goes on serving. The first one makes the backup key.')
    .addHelpText('after', '\nExample:\n  famichat backup create /mnt/disk/famichat.backup --data /srv/famichat')
    .action(async (file: string | undefined, _options: unknown, command: Command) => { await create(file, command.optsWithGlobals<BackupOptions>()) })
  backup.command('verify').summary('rehearse a restore').argument('<file>', 'the backup')
    .option(...DATA_OPTION).option(...KEY_OPTION)
    .description('Restores the backup into a folder that is thrown away, and checks all of it: the file, the database, and that the keys open every name.')
    .addHelpText('after', '\nExample:\n  famichat backup verify /mnt/disk/famichat.backup')
    .action(async (file: string, _options: unknown, command: Command) => { await verify(file, command.optsWithGlobals<BackupOptions>()) })
  backup.command('restore').summary('make the server again from a backup').argument('<file>', 'the backup')
    .option(...DATA_OPTION).option(...KEY_OPTION)
    .description('Makes a data folder from a backup. Overwrites nothing: the folder must be empty, or not there. Devices give the server back what it has missed.')
    .addHelpText('after', '\nExample:\n  famichat backup restore /mnt/disk/famichat.backup --data /srv/famichat --key ~/backup.key')
    .action(async (file: string, _options: unknown, command: Command) => { await restore(file, command.optsWithGlobals<BackupOptions>()) })
}

const create = async (file: string | undefined, options: BackupOptions): Promise<void> => {
  const { output } = sessionOf(options)
  const { createBackup, environmentKeys } = await import('@famichat/server')
  const dataDir = dataFolderOf(options)
  const time = new Date(systemClock.nowMs()).toISOString().replaceAll(':', '-').slice(0, 19)
  const to = resolve(file ?? `famichat-${time}.backup`)
  const backupKey = keyPlace(options)
  const bytes = await withBar(output, (bar) => createBackup({
    dataDir, keys: environmentKeys(process.env), backupKey, to, clock: systemClock, random: systemRandom, onProgress: (progress) => { bar.show(progress) },
  }))
  output.say(`${to}: ${(bytes / 1e6).toFixed(1)} MB`, { type: 'backup', file: to, bytes })
  if (backupKey.given === undefined) output.note(`it opens with ${backupKey.file}: keep a copy of that away from this machine`)
}

const verify = async (file: string, options: BackupOptions): Promise<void> => {
  const { output } = sessionOf(options)
  const { verifyBackup } = await import('@famichat/server')
  const summary = await withBar(output, (bar) => verifyBackup(restoringOf(file, options, bar)))
  output.say(`sound: ${summaryLine(summary)}`, { type: 'verified', ...summary })
}

const restore = async (file: string, options: BackupOptions): Promise<void> => {
  const { output } = sessionOf(options)
  const { environmentKeys, restoreBackup } = await import('@famichat/server')
  const dataDir = dataFolderOf(options)
  const summary = await withBar(output, (bar) => restoreBackup({ ...restoringOf(file, options, bar), dataDir, keys: environmentKeys(process.env) }))
  output.say(`restored into ${dataDir}: ${summaryLine(summary)}`, { type: 'restored', dataDir, ...summary })
  output.note('people and devices that came after the backup have to be invited again; what was shut out after it is shut out again by itself once somebody who has seen that connects')
}

const keyPlace = (options: BackupOptions): BackupKeyPlace => ({
  given: options.key === undefined ? process.env.FAMICHAT_BACKUP_KEY : undefined,
  file: resolve(options.key ?? join(dataFolderOf(options), 'backup.key')),
})

const restoringOf = (file: string, options: BackupOptions, bar: ProgressBar) => ({
  from: resolve(file), backupKey: keyPlace(options), clock: systemClock, random: systemRandom,
  onProgress: (progress: { readonly doneBytes: number; readonly totalBytes: number }) => { bar.show(progress) },
})

const withBar = async <T>(output: Output, work: (bar: ProgressBar) => T | Promise<T>): Promise<T> => {
  const bar = new ProgressBar(output)
  try {
    return await work(bar)
  } finally {
    bar.end()
  }
}

const summaryLine = ({ createdAtMs, accounts, devices, conversations, envelopes }: BackupSummary): string =>
  `of ${new Date(createdAtMs).toISOString()}, ${accounts} people, ${devices} devices, ${conversations} conversations, ${envelopes} messages and changes`
