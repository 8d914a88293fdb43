/**
 * One tab stays connected for all: whoever holds the Web Lock leads; when its tab ends, however it ends, the next one does.
 */

/**
 * Runs `lead` once this tab leads, until it returns or `signal` ends the wait; the place is free again afterwards.
 * @param name one leader for each
 */
export const leadWhenFirst = async (name: string, signal: AbortSignal, lead: () => Promise<void>): Promise<void> => {
  try {
    await navigator.locks.request(`${name} leader`, { signal }, lead)
  } catch (error) {
    if (error !== signal.reason) throw error
  }
}
