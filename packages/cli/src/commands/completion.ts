/**
 * Completion: prints the script that makes Tab complete commands and options.
 */
import { Argument, type Command } from 'commander'
import { completionScript, type Shell, SHELLS } from '../completion.js'

/** Adds the command. */
export const addCompletionCommand = (program: Command): void => {
  program.command('completion')
    .summary('print what makes your shell complete commands')
    .description('Prints a script for your shell; with it Tab completes commands and options.')
    .addArgument(new Argument('<shell>', 'your shell').choices(SHELLS))
    .addHelpText('after', '\nExamples:\n  famichat completion bash >> ~/.bashrc\n  famichat completion fish > ~/.config/fish/completions/famichat.fish')
    .action((shell: Shell) => { process.stdout.write(completionScript(program, shell)) })
}
