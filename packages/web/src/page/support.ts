/**
 * What the app cannot do without, looked for before anything is started.
 */

/** Whether this browser has everything that the app needs. */
export const isSupported = (): boolean =>
  isSecureContext && 'locks' in navigator && (navigator.locks as LockManager | undefined) !== undefined
  && ['indexedDB', 'BroadcastChannel', 'Worker', 'WebSocket', 'crypto'].every((name) => name in globalThis)
  && 'subtle' in crypto && 'any' in AbortSignal && 'storage' in navigator
