/**
 * Display names: how they are normalized, and when two of them are the same name.
 */
import { LIMITS } from './limits.js'
import { ProtocolError } from './protocol-error.js'

// control characters, line and paragraph separators, and the invisible marks that reorder or hide text
const FORBIDDEN = /[\p{Cc}\p{Cs}\p{Co}\u2028\u2029\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]/u

/** The name as stored and shown: NFC, trimmed, single spaces. @throws ProtocolError `protocol.name.malformed` */
export const normalizeAccountName = (name: string): string => {
  const normalized = name.normalize('NFC').trim().replace(/ {2,}/g, ' ')
  const characters = Array.from(normalized).length
  if (characters < 1 || characters > LIMITS.nameCharacters || FORBIDDEN.test(normalized)) {
    throw new ProtocolError('protocol.name.malformed', { characters })
  }
  return normalized
}

/** Two names are the same name in a community exactly when this is equal: compatibility forms and case are folded. */
export const accountNameKey = (name: string): string =>
  normalizeAccountName(name).normalize('NFKC').toLowerCase().toUpperCase().toLowerCase()
