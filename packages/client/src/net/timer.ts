/**
 * Doing something later unless it is called off: for answers that do not come.
 */

/** Acts after a time; the returned function calls it off. */
export type Timer = (milliseconds: number, act: () => void) => () => void

/** The platform's own. */
export const platformTimer: Timer = (milliseconds, act) => {
  const timer = setTimeout(act, milliseconds)
  return () => { clearTimeout(timer) }
}
