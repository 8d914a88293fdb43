/**
 * Foreign code throws what it likes: here it becomes one refusal of the catalogue.
 * Layer: crypto.
 */
import { MlsError, type MlsErrorCode } from '../errors.js'

/** Runs `run`; whatever it throws is the cause of a refusal with `code`. @throws MlsError `code` */
export const guarded = <T>(code: MlsErrorCode, run: () => T): T => {
  try {
    return run()
  } catch (error) {
    throw new MlsError(code, {}, { cause: error })
  }
}
