/**
 * Output: sentences for people, or one JSON object per line for programs.
 */
import { toHex } from '@famichat/base'
import type { ConversationEvent, ConversationInfo } from '@famichat/client'
import { ConversationKind } from '@famichat/client'

/** Writes results to standard output. */
export class Output {
  readonly isJson: boolean

  constructor({ isJson }: { readonly isJson: boolean }) {
    this.isJson = isJson
  }

  /** One result, in both forms. */
  say(text: string, json: Readonly<Record<string, unknown>>): void {
    process.stdout.write(this.isJson ? `${JSON.stringify(json)}\n` : `${text}\n`)
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

/** An event for people and for programs. */
export const eventForms = async (
  event: ConversationEvent, nameOf: (accountId: ConversationEvent['accountId']) => Promise<string>,
): Promise<{ readonly text: string; readonly json: Readonly<Record<string, unknown>> }> => {
  const from = await nameOf(event.accountId)
  const base = { conversation: event.conversationId, seq: event.seq, from, device: event.deviceId, atMs: event.atMs, epoch: Number(event.epoch) }
  switch (event.kind) {
    case 'message':
      return { text: `${from}: ${event.body}`, json: { type: 'message', ...base, id: event.messageId, text: event.body } }
    case 'membership': {
      const added = await Promise.all(event.added.map(nameOf))
      const removed = await Promise.all(event.removed.map(nameOf))
      const changes = [...added.map((name) => `${name} came in`), ...removed.map((name) => `${name} is out`)]
      const text = changes.length === 0 ? '* keys were renewed or a device changed' : `* ${changes.join(', ')} (by ${from})`
      return { text, json: { type: 'membership', ...base, added, removed, epochAuthenticator: toHex(event.epochAuthenticator) } }
    }
    case 'joined':
      return { text: `* you came in, added by ${from}`, json: { type: 'joined', ...base, epochAuthenticator: toHex(event.epochAuthenticator) } }
    case 'unreadable':
      return { text: `* a message of ${from} cannot be read (${event.errorCode})`, json: { type: 'unreadable', ...base, code: event.errorCode } }
  }
}
