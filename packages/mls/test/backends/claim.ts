/**
 * Assertions without node:assert: the contract runs in a browser page too.
 */
import { isCodedError, toHex } from '@famichat/base'

/** Fails unless `holds`. */
export const claim = (holds: boolean, what: string): void => {
  if (!holds) throw new Error(what)
}

/** Fails unless both byte strings are the same. */
export const claimBytes = (found: Uint8Array, wanted: Uint8Array | string, what: string): void => {
  const hex = typeof wanted === 'string' ? wanted : toHex(wanted)
  claim(toHex(found) === hex, `${what}: found ${toHex(found)}, wanted ${hex}`)
}

/** Fails unless `run` is refused with `code`. */
export const claimRefusal = async (code: string, run: () => unknown, what: string): Promise<void> => {
  try {
    await run()
  } catch (error) {
    claim(isCodedError(error) && error.code === code, `${what}: refused as ${String(error)}, wanted ${code}`)
    return
  }
  throw new Error(`${what}: accepted, wanted ${code}`)
}
