/**
 * The table of commands. Each has a summary, its arguments and an example; the work is in commands/.
 */
import { readFileSync } from 'node:fs'
import { Command, Option } from 'commander'
import { addArchiveCommands } from './commands/archive.js'
import { addBackupCommands } from './commands/backup.js'
import { addChatCommand } from './commands/chat.js'
import { addCompletionCommand } from './commands/completion.js'
import { addContactCommands } from './commands/contacts.js'
import { addConversationCommands } from './commands/conversations.js'
import { addAuditCommand } from './commands/audit.js'
import { addDeviceCommands } from './commands/devices.js'
import { addJoinCommands } from './commands/join.js'
import { addMessageCommands } from './commands/messages.js'
import { addSayCommands } from './commands/say.js'
import { addDoctorCommand } from './commands/doctor.js'
import { addServerCommand } from './commands/server.js'
import { addVaultCommands } from './commands/vault.js'
import { type ExitCode, ExitCode as Exit, reportFailure } from './failure.js'

const EXAMPLES = `
Examples:
  famichat server                                  run a server; the first start prints a set-up link
  famichat join 'https://…/i#v1.…' --name Ada      make an account with an invite link
  famichat invite                                  print a link for one more person
  famichat send Ben 'Dinner at seven?'             write to a person, or to a group by its name
  famichat chat Ben                                talk, in the terminal
  famichat tail Ben                                read, and go on reading
  famichat --profile DIR …                         be another person on the same machine
  famichat --scope Garden tail Garden              a program that needs one conversation gets no more

Every command has --help. Profiles are in ~/.famichat unless --profile or FAMICHAT_PROFILE says otherwise.`

/** The whole command. */
const makeProgram = (): Command => {
  const program = new Command('famichat')
    .description('A private messenger that a family or a neighbourhood hosts itself: end-to-end encrypted.')
    .version(`famichat ${ownVersion()}, Node ${process.versions.node}`, '--version', 'say which version this is')
    .option('--profile <dir>', 'the folder of your profile (default: ~/.famichat, or FAMICHAT_PROFILE)')
    .addOption(new Option('--json', 'print one JSON object per line'))
    .option('--scope <conversation>', 'ask the server for nothing but this conversation; again for more of them', (name: string, names?: readonly string[]) => [...names ?? [], name])
    .option('--read-only', 'with --scope: read there, and write nothing')
    .addHelpText('after', EXAMPLES)
    .showHelpAfterError('(famichat --help shows the commands)')
    .exitOverride()
  addServerCommand(program)
  addDoctorCommand(program)
  addVaultCommands(program)
  addBackupCommands(program)
  addJoinCommands(program)
  addConversationCommands(program)
  addMessageCommands(program)
  addChatCommand(program)
  addSayCommands(program)
  addDeviceCommands(program)
  addAuditCommand(program)
  addContactCommands(program)
  addArchiveCommands(program)
  addCompletionCommand(program)
  return program
}

const ownVersion = (): string => {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { readonly version: string }
  return version
}

/** Runs the command line. @returns the exit code */
export const runProgram = async (args: readonly string[]): Promise<ExitCode> => {
  try {
    await makeProgram().parseAsync([...args], { from: 'user' })
    // a command that has done its work may still have found something wrong
    return process.exitCode === Exit.refused ? Exit.refused : Exit.done
  } catch (error) {
    return reportFailure(error, { isJson: args.includes('--json') })
  }
}
