/**
 * The one error family: every refusal in Famichat is a CodedError with a stable code.
 * The text belongs to the code, never to the throw site; details hold numbers, ids and codes only.
 */

/** What an error may say about itself: never bytes, names or plaintext (style §5). */
export type ErrorDetail = Readonly<Record<string, number | bigint | string | boolean>>

/** One line of a package's closed catalogue of errors. */
export interface ErrorEntry {
  readonly text: string
}

/** Base class of each package's single error class; `code` is stable and never reused. */
export abstract class CodedError<Code extends string = string> extends Error {
  readonly code: Code
  readonly detail: ErrorDetail

  constructor(code: Code, text: string, detail: ErrorDetail = {}, options?: ErrorOptions) {
    super(`${text} (${code})`, options)
    this.code = code
    this.detail = detail
  }

  /** The loggable form: code and detail, nothing else. */
  toJSON(): { code: Code; detail: Record<string, string | number | boolean> } {
    const detail: Record<string, string | number | boolean> = {}
    for (const [name, value] of Object.entries(this.detail)) {
      detail[name] = typeof value === 'bigint' ? value.toString() : value
    }
    return { code: this.code, detail }
  }
}

/** True when `error` is a CodedError, optionally with the given code. */
export const isCodedError = (error: unknown, code?: string): error is CodedError =>
  error instanceof CodedError && (code === undefined || error.code === code)

/** Thrown when our own code is wrong, never for bad input. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError'
}

/** Asserts what cannot fail unless this code has a bug. @throws InvariantError */
export function invariant(condition: boolean, because: string): asserts condition {
  if (!condition) throw new InvariantError(`bug in famichat: expected that ${because}`)
}

/** The value, when our own logic says it must be there. @throws InvariantError */
export const present = <T>(value: T | undefined | null, because: string): T => {
  invariant(value !== undefined && value !== null, because)
  return value
}

/** Closes an exhaustive switch. @throws InvariantError */
export const assertNever = (value: never, what: string): never => {
  throw new InvariantError(`bug in famichat: unhandled ${what}: ${String(value)}`)
}
