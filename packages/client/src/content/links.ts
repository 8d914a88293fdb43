/**
 * Links in texts: only addresses that a person may follow without running anything (http, https, mailto).
 */

/** A link and where it stands in the text. */
export interface TextLink {
  readonly start: number
  readonly end: number
  readonly url: string
}

const CANDIDATE = /\b(?:https?:\/\/|mailto:)[^\s<>"'`]{1,2048}/giu
const ALLOWED: ReadonlySet<string> = new Set(['http:', 'https:', 'mailto:'])

/** The links of a text, in order; a text of a screen passes nothing else to `href`. */
export const findLinks = (body: string): readonly TextLink[] => {
  const links: TextLink[] = []
  for (const match of body.matchAll(CANDIDATE)) {
    const candidate = match[0].replace(/[.,;:!?)\]}]+$/u, '')
    const url = parse(candidate)
    if (url !== undefined) links.push({ start: match.index, end: match.index + candidate.length, url })
  }
  return links
}

/** The address as browsers would read it; without a name and password, which only deceive. */
const parse = (candidate: string): string | undefined => {
  try {
    const url = new URL(candidate)
    return ALLOWED.has(url.protocol) && url.username === '' && url.password === '' ? url.href : undefined
  } catch {
    return undefined
  }
}
