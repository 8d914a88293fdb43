/**
 * Output: sentences for people, or one JSON object per line for programs.
 */
import { toHex } from '@famichat/base'
import type { ConversationInfo } from '@famichat/client'
import { ConversationKind } from '@famichat/client'

/** Writes results to standard output. */
export class Output {
  readonly isJson: boolean

  constructor({ isJson }: { readonly isJson: boolean }) {
    this.isJson = isJson
  }

  /** One result, in both forms. */
  say(text: string, json: Readonly<Record<string, unknown>>): void {
    process.stdout.write(this.isJson ? `${JSON.stringify(json)}\n` : `${printable(text)}\n`)
  }

  /** A remark that is no result. */
  note(text: string): void {
    if (!this.isJson) process.stderr.write(`${text}\n`)
  }
}

const KIND_NAMES = new Map<number, string>(Object.entries(ConversationKind).map(([name, kind]) => [kind, name]))

/** `direct`, `group`, … */
const kindName = (kind: ConversationKind): string => KIND_NAMES.get(kind) ?? 'unknown'

/** A conversation for programs. */
export const conversationJson = (info: ConversationInfo) => ({
  id: info.conversationId,
  name: info.name,
  kind: kindName(info.kind),
  state: info.state,
  members: info.members.map(({ name, deviceIds }) => ({ name, devices: deviceIds })),
  seq: info.seq,
  epoch: Number(info.epoch),
  epochAuthenticator: toHex(info.epochAuthenticator),
})

/** A conversation for people. */
export const conversationLine = (info: ConversationInfo): string => {
  const others = info.members.map(({ name }) => name).join(', ')
  const state = info.state === 'active' ? '' : ` [${info.state}]`
  return `${info.conversationId.slice(0, 8)}  ${kindName(info.kind).padEnd(6)}  ${info.name}${state}  (${others})`
}

/** A text of somebody else without what would steer the terminal. */
const printable = (text: string): string => text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => (character === '\n' || character === '\t' ? character : '\ufffd'))
