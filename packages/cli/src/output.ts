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

  /** What did not go well: beside the results, in both forms. */
  warn(text: string, json: Readonly<Record<string, unknown>>): void {
    process.stderr.write(this.isJson ? `${JSON.stringify(json)}\n` : `famichat: ${printable(text)}\n`)
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
  members: info.members.map(({ name, deviceIds, isAdmin, guestUntilMs }) =>
    ({ name, devices: deviceIds, isAdmin, ...(guestUntilMs === undefined ? {} : { guestUntil: new Date(guestUntilMs).toISOString() }) })),
  isAdmin: info.isAdmin,
  waitingDevices: info.waitingDevices,
  isDisturbed: info.isDisturbed,
  seq: info.seq,
  epoch: Number(info.epoch),
  epochAuthenticator: toHex(info.epochAuthenticator),
})

/** A conversation for people. */
export const conversationLine = (info: ConversationInfo): string => {
  const others = info.members.map(({ name, guestUntilMs }) => (guestUntilMs === undefined ? name : `${name} until ${shortTime(guestUntilMs)}`)).join(', ')
  const waiting = info.waitingDevices === 0 ? '' : ` [${info.waitingDevices} ${info.waitingDevices === 1 ? 'device' : 'devices'} waiting]`
  const state = `${info.state === 'active' ? '' : ` [${info.state}]`}${info.isDisturbed ? ' [disturbed]' : ''}${waiting}`
  return `${info.conversationId.slice(0, 8)}  ${kindName(info.kind).padEnd(6)}  ${info.name}${state}  (${others})`
}

/** A time as people read it, by this machine's time zone. */
const shortTime = (atMs: number): string => new Date(atMs).toLocaleString('en-GB', { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })

/** A text of somebody else without what would steer the terminal. */
const printable = (text: string): string => text.replace(/[\p{Cc}\u202a-\u202e\u2066-\u2069]/gu, (character) => (character === '\n' || character === '\t' ? character : '\ufffd'))
