/**
 * Whether something is refused, and in which words.
 */
import { isCodedError } from '@famichat/base'

const MAX_REASON = 160

/** One line of what went wrong: a code where there is one, else the library's words, shortened. */
export const reasonOf = (error: unknown): string => {
  if (isCodedError(error)) return error.code
  const text = wordsOf(error)
  const line = withoutPaths(text.replace(/\s+/g, ' ').replaceAll('|', '/').trim())
  return line.length > MAX_REASON ? `${line.slice(0, MAX_REASON)}…` : line
}

/** The text with absolute paths cut to their last two parts: reports are published, and a machine's folders are its own. */
export const withoutPaths = (text: string): string =>
  text.replace(/(?:file:\/\/)?(?:\/[\w@.+-]+){3,}/g, (path) => path.split('/').slice(-2).join('/'))

/** Errors of Rust libraries carry their words in fields of their own, the innermost the most telling. */
const wordsOf = (error: unknown): string => {
  if (typeof error !== 'object' || error === null) return String(error)
  const { inner, msg, mlsError, description } = error as Readonly<Record<'inner' | 'msg' | 'mlsError' | 'description', unknown>>
  if (typeof msg === 'string') return msg
  if (typeof description === 'string') return description
  if (mlsError !== undefined) return wordsOf(mlsError)
  const name = error instanceof Error ? (error.message === '' ? error.name : error.message) : Object.prototype.toString.call(error)
  if (typeof inner === 'object' && inner !== null && Object.keys(inner).length > 0) {
    const words = wordsOf(inner)
    return words.startsWith('[object') ? name : words
  }
  return name
}

/** The reason `work` was refused; undefined when it was not. */
export const refusal = async (work: () => Promise<unknown>): Promise<string | undefined> => {
  try {
    await work()
    return undefined
  } catch (error) {
    return reasonOf(error)
  }
}
