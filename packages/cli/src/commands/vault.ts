/**
 * famichat vault: the keys that encrypt names in the server's database. The server may run meanwhile.
 */
import { systemRandom } from '@famichat/base'
import type { FieldStatus, FieldVault } from '@famichat/server'
import type { Command } from 'commander'
import { DATA_OPTION, dataFolderOf } from '../data-folder.js'
import { UsageError } from '../failure.js'
import { ProgressBar } from '../progress-bar.js'
import { type GlobalOptions, sessionOf } from '../session.js'

interface VaultOptions extends GlobalOptions {
  readonly data?: string
}

/** Adds the commands. */
export const addVaultCommands = (program: Command): void => {
  const vault = program.command('vault')
    .summary('the keys of encrypted columns in the server\'s database')
    .description('Names of people and families are encrypted in the database, column by column. These commands are for the operator; the server may go on running.')
  vault.command('status').summary('how many values each key encrypts')
    .option(...DATA_OPTION)
    .addHelpText('after', '\nExample:\n  famichat vault status --data /srv/famichat')
    .action(async (_options: unknown, command: Command) => { await showStatus(command.optsWithGlobals<VaultOptions>()) })
  vault.command('rotate').summary('a new key, and every value encrypted with it')
    .option(...DATA_OPTION)
    .description('Makes a new key and encrypts every value with it, while the server goes on serving. Stopped half-way, run it again.')
    .addHelpText('after', '\nExample:\n  famichat vault rotate --data /srv/famichat')
    .action(async (_options: unknown, command: Command) => { await rotateKeys(command.optsWithGlobals<VaultOptions>()) })
  vault.command('drop-key').summary('take an old key out').argument('<key>', 'like v1')
    .option(...DATA_OPTION)
    .description('Takes an old key out of the ring. Refused while a single value is encrypted with it. Backups carry the keys they need.')
    .addHelpText('after', '\nExample:\n  famichat vault drop-key v1 --data /srv/famichat')
    .action(async (key: string, _options: unknown, command: Command) => { await dropKey(key, command.optsWithGlobals<VaultOptions>()) })
}

const showStatus = async (options: VaultOptions): Promise<void> => {
  const { output } = sessionOf(options)
  const { current, keyIds, columns } = await withVault(options, (vault) => vault.status())
  for (const column of columns) output.say(columnLine(column), { type: 'column', ...column })
  output.say(`v${current} encrypts; the ring holds ${keyIds.map((keyId) => `v${keyId}`).join(', ')}`, { type: 'ring', current, keyIds })
}

const rotateKeys = async (options: VaultOptions): Promise<void> => {
  const { output } = sessionOf(options)
  await withVault(options, async (vault) => {
    const keyId = await vault.addKey()
    const bar = new ProgressBar(output)
    let rows = 0
    try {
      rows = await vault.rotate((progress) => { bar.showRows(progress) })
    } finally {
      bar.end()
    }
    const { keyIds } = await vault.status()
    const old = keyIds.filter((id) => id !== keyId).map((id) => `v${id}`)
    output.say(`${rows} values are encrypted with v${keyId} now`, { type: 'rotated', keyId, rows })
    if (old.length > 0) output.note(`nothing needs ${old.join(', ')} any more: famichat vault drop-key takes a key out`)
  })
}

const dropKey = async (key: string, options: VaultOptions): Promise<void> => {
  const [, number] = /^v?([1-9]\d{0,4})$/.exec(key) ?? []
  if (number === undefined) throw new UsageError('a key is called like v1: famichat vault status shows them')
  const { output } = sessionOf(options)
  await withVault(options, async (vault) => {
    const { keyIds } = await vault.status()
    if (!keyIds.includes(Number(number))) throw new UsageError(`the ring holds no v${number}, but ${keyIds.map((id) => `v${id}`).join(', ')}`)
    await vault.dropKey(Number(number))
  })
  output.say(`v${number} is gone`, { type: 'dropped', keyId: Number(number) })
}

const withVault = async <T>(options: VaultOptions, work: (vault: FieldVault) => Promise<T>): Promise<T> => {
  // loaded here: no other command should wait for it
  const { environmentKeys, openFieldVault } = await import('@famichat/server')
  const vault = openFieldVault({ dataDir: dataFolderOf(options), keys: environmentKeys(process.env), random: systemRandom })
  try {
    return await work(vault)
  } finally {
    vault.close()
  }
}

/** `accounts.name: 412 rows v2, 3 rows v1` */
const columnLine = ({ name, keys, unsealedRows }: FieldStatus): string => {
  const counts = keys.map(({ keyId, rows }) => `${rows} ${rows === 1 ? 'row' : 'rows'} v${keyId}`)
  if (unsealedRows > 0) counts.push(`${unsealedRows} NOT ENCRYPTED`)
  return `${name}: ${counts.length === 0 ? 'empty' : counts.join(', ')}`
}
