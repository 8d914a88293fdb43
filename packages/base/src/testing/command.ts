/**
 * Commands of this repository (`npm run sim`, `chaos`, …): options, --help, calls that make no sense and progress are the same
 * everywhere. What is shipped has its own command line (packages/cli).
 */
import { parseArgs } from 'node:util'
import { systemRandom } from '../clock.js'
import { CodedError } from '../coded-error.js'

/** Closed catalogue. */
const COMMAND_ERRORS = {
  'command.option.unknown': { text: 'there is no such option: --help says which there are' },
  'command.value.missing': { text: 'the option takes a value: --help says which' },
  'command.value.refused': { text: 'the option does not take this value: --help says which it takes' },
} as const

/** A code of the catalogue. */
export type CommandErrorCode = keyof typeof COMMAND_ERRORS

/** A call that makes no sense: told in one line, exit code 2. */
export class CommandError extends CodedError<CommandErrorCode> {
  override readonly name = 'CommandError'
  constructor(code: CommandErrorCode, option: string) {
    super(code, COMMAND_ERRORS[code].text, { option })
  }
}

/** What an option takes. */
export interface Option<Value> {
  /** Undefined for one that is there or not. */
  readonly read: ((text: string) => Value | undefined) | undefined
  /** What counts when it is not given. */
  readonly otherwise: Value
  /** For a list: what is given again comes behind what was given before; else the last one counts. */
  readonly isGathered?: true
}

/** Options by name. */
export type OptionTable = Readonly<Record<string, Option<unknown>>>

/** What was said, by option. */
export type CallOf<Options extends OptionTable> = { readonly [Name in keyof Options]: Options[Name] extends Option<infer Value> ? Value : never }

/** Bounds of a number, both included. */
export interface Bounds {
  readonly least?: number
  readonly most?: number
}

/** An option that is there or not. */
export const flag: Option<boolean> = { read: undefined, otherwise: false }

/** A text. */
export const text = <Otherwise extends string | undefined>(otherwise: Otherwise): Option<string | Otherwise> => ({ read: (given) => given, otherwise })

/** A whole number; from 0 on unless bounds say otherwise. */
export const whole = <Otherwise extends number | undefined>(otherwise: Otherwise, bounds: Bounds = {}): Option<number | Otherwise> =>
  ({ read: (given) => readNumber(given, bounds, Number.isSafeInteger), otherwise })

/** A number, not necessarily whole. */
export const share = (otherwise: number, bounds: Bounds): Option<number> => ({ read: (given) => readNumber(given, bounds, Number.isFinite), otherwise })

/** Texts: one each time that it is given. */
export const texts: Option<readonly string[]> = { read: (given) => [given], otherwise: [], isGathered: true }

/** Several of something, with commas between. */
export const list = <Value>(otherwise: readonly Value[], { read }: Pick<Option<Value>, 'read'>): Option<readonly Value[]> => ({
  read: (given) => {
    const parts = given.split(',')
    const values = parts.flatMap((part) => read?.(part) ?? [])
    return values.length === parts.length ? values : undefined
  },
  otherwise,
})

/** A seed of at most six digits, for a run that was not told one. */
export const randomSeed = (): number => new DataView(systemRandom(4).buffer).getUint32(0) % 1_000_000

/** One of these. */
export const among = (names: readonly string[]): Pick<Option<string>, 'read'> => ({ read: (given) => (names.includes(given) ? given : undefined) })

const readNumber = (given: string, { least = 0, most = Number.MAX_SAFE_INTEGER }: Bounds, isFit: (value: number) => boolean): number | undefined => {
  const value = given.trim() === '' ? NaN : Number(given)
  return isFit(value) && value >= least && value <= most ? value : undefined
}

/** A command. */
export interface Command<Options extends OptionTable> {
  /** What --help prints. */
  readonly usage: string
  readonly options: Options
  /** What words are that belong to no option, as the usage names them; where there is none, such a word makes no sense. */
  readonly words?: string
  /** @returns the exit code @throws CommandError where options do not go together */
  readonly run: (call: CallOf<Options>, words: readonly string[]) => Promise<number> | number
}

/** Where a command speaks. */
export interface Streams {
  readonly out: { write(line: string): unknown }
  readonly err: { write(line: string): unknown; readonly isTTY?: boolean }
}

/** Runs a command. @returns the exit code: 2 for a call that makes no sense */
export const runCommand = async <Options extends OptionTable>(
  command: Command<Options>, args: readonly string[], { out, err }: Streams = { out: process.stdout, err: process.stderr },
): Promise<number> => {
  try {
    const given = readCall(command, args)
    if (given !== 'help') return await command.run(given.call, given.words)
    out.write(`${command.usage.trimEnd()}\n`)
    return 0
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    err.write(`${String(error.detail.option)}: ${error.message}\n`)
    return 2
  }
}

const readCall = <Options extends OptionTable>(
  { options, words: wanted }: Command<Options>, args: readonly string[],
): { readonly call: CallOf<Options>; readonly words: readonly string[] } | 'help' => {
  const types = Object.fromEntries(Object.entries(options).map(([name, { read }]) => [name, { type: read === undefined ? 'boolean' : 'string' } as const]))
  const { tokens } = parseArgs({ args: [...args], options: { ...types, help: { type: 'boolean' } }, strict: false, allowPositionals: true, tokens: true })
  const call = new Map<string, unknown>(Object.entries(options).map(([name, { otherwise }]) => [name, otherwise]))
  const words: string[] = []
  for (const token of tokens) {
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      if (wanted === undefined) throw new CommandError('command.option.unknown', token.value)
      words.push(token.value)
      continue
    }
    if (token.name === 'help') return 'help'
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (option === undefined) throw new CommandError('command.option.unknown', token.rawName)
    const [before, value] = [call.get(token.name), readValue(option, token)]
    call.set(token.name, option.isGathered === true && Array.isArray(before) && Array.isArray(value) ? [...before as unknown[], ...value as unknown[]] : value)
  }
  if (wanted !== undefined && words.length === 0) throw new CommandError('command.value.missing', wanted)
  return { call: Object.fromEntries(call) as CallOf<Options>, words }
}

/** `--kills --seed 3` forgot a number; `--seed=-3` gave one. */
const readValue = ({ read }: Option<unknown>, { rawName: name, value, inlineValue }: { readonly rawName: string; readonly value: string | undefined; readonly inlineValue: boolean | undefined }): unknown => {
  if (read === undefined && value !== undefined) throw new CommandError('command.value.refused', name)
  if (read === undefined) return true
  if (value === undefined || (inlineValue !== true && value.startsWith('-'))) throw new CommandError('command.value.missing', name)
  const known = read(value)
  if (known === undefined) throw new CommandError('command.value.refused', name)
  return known
}

const CELLS = 30
/** Lines where there is no terminal. */
const LINES = 20

/** Says how far something is. */
export type ShowProgress = (done: number, total: number, note?: string) => void

/** A bar on a terminal, which leaves its line when all is done; elsewhere a line at every twentieth. */
export const makeProgress = (what: string, err: Streams['err'] = process.stderr): ShowProgress => {
  let said = 0
  return (done, total, note = '') => {
    const part = done / Math.max(1, total)
    const words = `${done.toString()} of ${total.toString()} ${what}${note === '' ? '' : `: ${note}`}`
    if (err.isTTY === true) {
      const filled = Math.round(CELLS * Math.min(1, part))
      err.write(`\r[${'#'.repeat(filled)}${'.'.repeat(CELLS - filled)}] ${words}\u001b[K${done >= total ? '\n' : ''}`)
      return
    }
    const reached = Math.floor(LINES * part)
    if (reached > said) err.write(`${words}\n`)
    said = reached
  }
}
