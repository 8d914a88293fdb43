/**
 * Asks this browser's authenticator for the worker. Fetched when somebody uses a passkey.
 */
import { browserAuthenticator } from '@famichat/client/browser'
import type { PasskeyOutcome, PasskeyTask } from '../requests.js'

/** The authenticator's answer, or the code of its no. */
export const askAuthenticator = async (task: PasskeyTask): Promise<PasskeyOutcome> => {
  try {
    return task.type === 'create' ? await browserAuthenticator.create(task.creation) : await browserAuthenticator.answer(task.question)
  } catch (error) {
    return { code: typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string' ? error.code : 'client.passkey.unsupported' }
  }
}
