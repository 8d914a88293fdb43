/**
 * File names and media types of attachments: what a sender may put there, so that no receiver writes outside a folder.
 */

// separators, drive letters, controls, and marks that reorder what is read: "gpj.exe"
const FORBIDDEN = /[/\\:\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/u
/** Kept of a longer name, from its end: 255 bytes of UTF-8 at most. */
const MAX_CHARACTERS = 60
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i

/** True for a name that is one file in one folder on every system: no path, no hidden file, nothing invisible. */
export const isFileName = (name: string): boolean =>
  name !== '' && name === name.trim() && !name.startsWith('.') && !name.endsWith('.') && !FORBIDDEN.test(name) && !RESERVED.test(name)

/** A name that {@link isFileName} accepts, from whatever a file was called. */
export const toFileName = (path: string): string => {
  const last = path.split(/[/\\]/).at(-1) ?? ''
  const allowed = Array.from(last.replace(new RegExp(FORBIDDEN, 'gu'), '')).slice(-MAX_CHARACTERS).join('')
  const cleaned = allowed.replace(/^[.\s]+|[.\s]+$/g, '')
  if (cleaned === '') return 'file'
  return RESERVED.test(cleaned) ? `file-${cleaned}` : cleaned
}

/** True for `type/subtype` without parameters. */
export const isMediaType = (mediaType: string): boolean => /^[a-z0-9][a-z0-9!#$&^_.+-]{0,60}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,60}$/.test(mediaType)
