/**
 * Waiting and trying again, bounded. Time is given, so that tests do not sleep.
 */
import { isCodedError, type RandomBytes } from '@famichat/base'

/** Waits. */
export type Sleep = (milliseconds: number) => Promise<void>

/** The platform's own timer. */
export const platformSleep: Sleep = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds) })

const LIMITED_ATTEMPTS = 8

/** Tries again while the server asks to slow down or is just starting. */
export const retryLimited = async <T>(sleep: Sleep, work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      const isPassing = isCodedError(error, 'protocol.rate.limited') || isCodedError(error, 'protocol.server.unavailable')
      if (!isPassing || attempt === LIMITED_ATTEMPTS) throw error
      await sleep(250 * attempt)
    }
  }
}

/** True when the server could not be reached, or was lost on the way: nothing is known of what it did. */
export const isConnectionLoss = (error: unknown): boolean =>
  isCodedError(error, 'client.server.unreachable') || isCodedError(error, 'client.channel.closed')

/** A time to wait before attempt `attempt`, random so that two clients do not collide again. @returns milliseconds */
export const backOffMs = (random: RandomBytes, attempt: number, stepMs = 25): number =>
  Math.floor(((random(1)[0] ?? 0) / 256) * stepMs * 2 ** Math.min(attempt, 6))
