/**
 * What goes wrong, as one sentence on standard error.
 */
import { isCodedError } from '@famichat/base'
import { CommanderError } from 'commander'

/** Exit codes. */
export const ExitCode = { done: 0, refused: 1, usage: 2 } as const
export type ExitCode = (typeof ExitCode)[keyof typeof ExitCode]

/** Wrong use of the command; the sentence says what to write instead. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** Says what went wrong, and which exit code that is. Commander has printed its own messages already. */
export const reportFailure = (error: unknown, { isJson }: { readonly isJson: boolean }): ExitCode => {
  if (error instanceof CommanderError) return error.exitCode === 0 ? ExitCode.done : ExitCode.usage
  const { code, sentence } = describe(error)
  process.stderr.write(isJson ? `${JSON.stringify({ type: 'error', code, text: sentence })}\n` : `famichat: ${sentence}\n`)
  return error instanceof UsageError ? ExitCode.usage : ExitCode.refused
}

/** The sentence of a refusal, without its code. */
export const sentenceOf = (error: unknown): string => describe(error).sentence

const describe = (error: unknown): { readonly code: string; readonly sentence: string } => {
  // a coded error's message ends with its code in brackets: people get the sentence, programs the code
  if (isCodedError(error)) return { code: error.code, sentence: error.message.replace(` (${error.code})`, '') }
  if (error instanceof UsageError) return { code: 'cli.usage', sentence: error.message }
  const kind = error instanceof Error ? error.name : typeof error
  return { code: 'cli.bug', sentence: `this is a bug in Famichat (${kind}${error instanceof Error ? `: ${error.message}` : ''}): please report it` }
}
