/**
 * A point in time as people write it: `Sunday 18:00`, `tomorrow 9:00`, `18:00`, or ISO 8601. It lies ahead always.
 */
const DAYS = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const
const DAY_MS = 24 * 3600 * 1000

/** The next such moment after `nowMs`, by this machine's time zone; undefined for what is none. @returns milliseconds since 1970 */
export const parseMoment = (text: string, nowMs: number): number | undefined => {
  const words = text.trim().toLowerCase().split(/\s+/)
  const [first = '', second] = words
  if (words.length > 2) return undefined
  const time = /^(\d{1,2}):(\d{2})$/.exec(second ?? first)
  if (time === null) return isoMoment(text.trim())
  const [hours, minutes] = [Number(time[1]), Number(time[2])]
  if (hours > 23 || minutes > 59) return undefined
  const ahead = second === undefined || first === 'today' ? 0 : daysUntil(first, nowMs)
  if (ahead === undefined) return undefined
  const at = (days: number): number => {
    const day = new Date(nowMs + days * DAY_MS)
    return new Date(day.getFullYear(), day.getMonth(), day.getDate(), hours, minutes).getTime()
  }
  if (at(ahead) > nowMs) return at(ahead)
  // the same time is over today: without a day it is tomorrow, with a weekday in a week
  if (second === undefined) return at(1)
  return first === 'today' ? undefined : at(ahead + 7)
}

const daysUntil = (word: string, nowMs: number): number | undefined => {
  if (word === 'tomorrow') return 1
  const day = DAYS.findIndex((name) => name === word || name.slice(0, 3) === word)
  return day === -1 ? undefined : (day - new Date(nowMs).getDay() + 7) % 7
}

const isoMoment = (text: string): number | undefined => {
  if (!/^\d{4}-\d{2}-\d{2}/.test(text)) return undefined
  const atMs = Date.parse(text)
  return Number.isNaN(atMs) ? undefined : atMs
}
