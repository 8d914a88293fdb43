/**
 * Marked values, and the search for them in whatever encoding they could hide. The mark's core is one word, which escaping
 * leaves alone, so a search for it finds the mark escaped in any way; the rest is what escaping changes.
 */
const CORE = 'Zq7canaryKv3'

/** What every canary begins with; at most 64 characters with its number. */
const MARK = `${CORE} "of\\this"/<test>&more`

/** Makes canaries, each with its number. */
export class Canaries {
  #count = 0

  /** How many were made. */
  get count(): number {
    return this.#count
  }

  /** The next one. */
  next(): string {
    return `${MARK} ${(this.#count++).toString().padStart(6, '0')}`
  }
}

/** Encodings by name; each text may begin anywhere in a longer one. */
const ENCODINGS: Readonly<Record<string, (text: string) => readonly Buffer[]>> = {
  raw: (text) => [Buffer.from(text), Buffer.from(text.toUpperCase()), Buffer.from(text.toLowerCase())],
  hex: (text) => [Buffer.from(hexOf(text)), Buffer.from(hexOf(text).toUpperCase())],
  base64: (text) => aligned(text).map((form) => Buffer.from(form)),
  base64url: (text) => aligned(text).map((form) => Buffer.from(form.replaceAll('+', '-').replaceAll('/', '_'))),
  percent: (text) => [encodeURIComponent(text), encodeURI(text), percentAll(text), percentAll(text).toLowerCase(), encodeURIComponent(text).replaceAll('%20', '+')].map((form) => Buffer.from(form)),
  json: (text) => [JSON.stringify(text).slice(1, -1), JSON.stringify(JSON.stringify(text).slice(1, -1)).slice(1, -1), unicodeAll(text)].map((form) => Buffer.from(form)),
  utf16: (text) => [Buffer.from(text, 'utf16le'), Buffer.from(text, 'utf16le').swap16()],
}

const hexOf = (text: string): string => Buffer.from(text).toString('hex')
const percentAll = (text: string): string => [...Buffer.from(text)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join('')
const unicodeAll = (text: string): string => Array.from(text, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')
/** Base64 of the text wherever it begins in a longer one: three alignments, without what neighbours would change. */
const aligned = (text: string): readonly string[] => [0, 1, 2].map((offset) =>
  Buffer.concat([Buffer.alloc(offset), Buffer.from(text)]).toString('base64').replaceAll('=', '').slice(offset === 0 ? 0 : 4, -4))

const FORMS = Object.entries(ENCODINGS).map(([name, encode]) => [name, [CORE, MARK].flatMap(encode)] as const)

/** The encodings in which a canary is in there; none, if all is well. */
export const canaryForms = (haystack: Uint8Array): readonly string[] => {
  const bytes = Buffer.from(haystack.buffer, haystack.byteOffset, haystack.byteLength)
  return FORMS.filter(([, forms]) => forms.some((form) => bytes.includes(form))).map(([name]) => name)
}
