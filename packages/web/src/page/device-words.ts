/**
 * What screens say of a device: when it was added, or, where that cannot be read, the beginning of its id.
 */
import { preferences } from './preferences.svelte.js'

export const addedOn = ({ deviceId, addedAtMs }: { readonly deviceId: string; readonly addedAtMs: number | undefined }, nowMs: number): string => {
  const words = preferences.allWords
  if (addedAtMs === undefined) return words.otherDevice(deviceId.slice(0, 8))
  return words.deviceAddedOn(preferences.dayWithin(addedAtMs, nowMs), preferences.time(addedAtMs))
}
