/**
 * famichat doctor: what is wrong with a server's set-up, and what to do about it.
 */
import type { Command } from 'commander'
import { systemClock } from '@famichat/base'
import { dataFolderOf, DATA_OPTION } from '../data-folder.js'
import { type GlobalOptions, sessionOf } from '../session.js'

interface DoctorOptions extends GlobalOptions {
  readonly data?: string
  readonly port?: string
  readonly publicUrl?: string
  readonly passkeyDomain?: string
}

const MARKS = { good: 'ok     ', warning: 'warning', bad: 'WRONG  ' } as const

/** Adds the command. */
export const addDoctorCommand = (program: Command): void => {
  program.command('doctor')
    .summary('look for what is wrong with a server')
    .description('Looks at the server\'s folder and at the server as people reach it: keys, disk, backups, clock, https, WebSockets, passkeys. Changes nothing. Exit code 1 when something is wrong.')
    .option(...DATA_OPTION)
    .option('--port <number>', 'the port of the server on this machine (default: 8420, or FAMICHAT_PORT)')
    .option('--public-url <url>', 'the address people use: https://chat.example')
    .option('--passkey-domain <domain>', 'as the server was given it')
    .addHelpText('after', '\nExample:\n  famichat doctor --data /srv/famichat --public-url https://chat.example')
    .action(async (_options: unknown, command: Command) => { await examineServer(command.optsWithGlobals<DoctorOptions>()) })
}

const examineServer = async (options: DoctorOptions): Promise<void> => {
  const { output } = sessionOf(options)
  const { DEFAULT_PORT, examine } = await import('@famichat/server')
  const local = `http://127.0.0.1:${options.port ?? process.env.FAMICHAT_PORT ?? String(DEFAULT_PORT)}`
  const findings = await examine({
    dataDir: dataFolderOf(options), url: (options.publicUrl ?? local).replace(/\/+$/, ''), isPublic: options.publicUrl !== undefined,
    passkeyDomain: options.passkeyDomain, clock: systemClock,
  })
  for (const { check, state, text } of findings) output.say(`${MARKS[state]} ${check.padEnd(9)}  ${text}`, { type: 'finding', check, state, text })
  if (findings.some(({ state }) => state === 'bad')) process.exitCode = 1
}
