/**
 * Entries of a conversation in one line of words.
 */
import { findLinks } from '@famichat/client'
import type { Body, Entry } from '../requests.js'
import type { Words } from '../words/en.js'

/** What a message says, in a line. */
export const bodyLine = (body: Body, words: Words): string => {
  switch (body.type) {
    case 'text':
    case 'reply':
      return body.text
    case 'letter':
      return `${words.letterTitle}: ${body.subject}`
    case 'file':
      return body.text === '' ? body.fileName : body.text
    case 'unknown':
      return words.unknownMessage
  }
}

/** Notices that speak of "this person". */
const ABOUT_SOMEBODY: readonly string[] = [
  'client.message.missing', 'client.device.idle', 'client.device.away', 'client.change.refused', 'client.change.not_taken', 'client.device_list.forked', 'client.member.key_changed',
]

/** What a notice says, behind the name of who it speaks of. */
export const noticeLine = ({ code, person }: Pick<Entry, 'person'> & { readonly code: string }, sentence: (code: string) => string): string =>
  (ABOUT_SOMEBODY.includes(code) ? `${person.name}: ${sentence(code)}` : sentence(code))

const ABOUT_KEYS = ['mls.message.wrong_epoch', 'mls.message.generation_too_far', 'client.history.gap']
const USED = ['mls.message.key_consumed', 'client.message.replayed']

/** Why a message cannot be read, and what happens about it. */
export const whyUnreadable = (code: string, words: Words): { readonly cause: string; readonly remedy: string } => {
  if (code === 'client.message.newer') return { cause: words.causeNewer, remedy: words.remedyReload }
  if (USED.includes(code)) return { cause: words.causeUsed, remedy: words.remedyAskPerson }
  return { cause: ABOUT_KEYS.includes(code) ? words.causeKeys : words.causeDamaged, remedy: words.remedyAsked }
}

/** A text in parts: plain words, and addresses that a person may follow. */
export const partsOf = (text: string): readonly { readonly text: string; readonly url: string | undefined }[] => {
  const parts: { text: string; url: string | undefined }[] = []
  let at = 0
  for (const { start, end, url } of findLinks(text)) {
    if (start > at) parts.push({ text: text.slice(at, start), url: undefined })
    parts.push({ text: text.slice(start, end), url })
    at = end
  }
  if (at < text.length) parts.push({ text: text.slice(at), url: undefined })
  return parts
}

/** An entry in a line of the list. */
export const lineOf = (entry: Entry, words: Words): string => {
  switch (entry.kind) {
    case 'message':
      return `${entry.isMine ? words.you : entry.person.name}: ${bodyLine(entry.body, words)}`
    case 'deleted':
      return entry.isMine ? words.deletedByYou : words.deleted(entry.person.name)
    case 'members':
      return entry.added.length > 0 ? words.cameIn(entry.added.map(({ name }) => name).join(', ')) : words.wentOut(entry.removed.map(({ name }) => name).join(', '))
    case 'joined':
      return words.youCameIn(entry.person.name)
    case 'unreadable':
      return words.unreadable
    case 'notice':
      return ''
  }
}
