/**
 * In words: why something cannot be read or was noticed, and what to do. For screens; codes are for programs.
 */
import { CLIENT_ERRORS } from '../client-error.js'

/** A cause and a remedy, each a sentence without a full stop. */
export interface Explanation {
  readonly cause: string
  readonly remedy: string
  /** What a notice counts; messages, when it is not said. */
  readonly unit?: 'days' | 'devices'
}

const UNITS: Readonly<Record<string, 'days' | 'devices'>> = {
  'client.device.idle': 'days', 'client.device.away': 'days', 'client.history.away': 'days',
}

/** By resending.ts. */
const ASKED = 'it was asked for again, and appears here once its sender is online'

const BEFORE_OR_AFTER: Explanation = {
  cause: 'it was written at a point of the conversation that this device does not have keys for', remedy: ASKED,
}
const DAMAGED: Explanation = { cause: 'it was damaged on the way, or is not from who it says', remedy: ASKED }
const USED: Explanation = { cause: 'its key was used before: it came twice, or the sender\'s device was put back to an older state', remedy: 'ask the sender whether they sent it' }

const OF_THE_ENGINE: Readonly<Record<string, Explanation>> = {
  'mls.message.wrong_epoch': BEFORE_OR_AFTER,
  'mls.message.generation_too_far': { cause: 'too many messages before it did not arrive', remedy: ASKED },
  'mls.message.key_consumed': USED,
}

/** Explains the code of an `unreadable` or a `notice`. */
export const explain = (code: string): Explanation => {
  if (Object.hasOwn(CLIENT_ERRORS, code)) {
    const [cause = '', ...remedy] = CLIENT_ERRORS[code as keyof typeof CLIENT_ERRORS].text.split(': ')
    const unit = UNITS[code]
    return { cause, remedy: remedy.join(': '), ...(unit === undefined ? {} : { unit }) }
  }
  return OF_THE_ENGINE[code] ?? DAMAGED
}
