/**
 * What a person types in a chat: a text, or a command that begins with a slash. Messages are named by the numbers shown beside them.
 */

/** A typed line, understood. */
export type ChatLine =
  | { readonly type: 'nothing' | 'help' | 'who' | 'quit' }
  | { readonly type: 'text'; readonly body: string }
  | { readonly type: 'reply' | 'edit' | 'react'; readonly seq: number; readonly body: string }
  | { readonly type: 'delete'; readonly seq: number }
  | { readonly type: 'file' | 'save'; readonly seq: number; readonly path: string }
  /** Not understood: what to write instead. */
  | { readonly type: 'wrong'; readonly usage: string }

/** Every command, as the help shows it. */
export const CHAT_COMMANDS = [
  '/reply 12 TEXT    answer message 12',
  '/react 12 EMOJI   put an emoji on it',
  '/edit 12 TEXT     change a message of yours',
  '/delete 12        take a message of yours back',
  '/file PATH        send a file',
  '/save 12 [FOLDER] save the file of message 12',
  '/who              who is in this conversation',
  '/quit             leave the chat (Ctrl-D too); //… sends a text that begins with a slash',
] as const

/** Reads a line. */
export const parseChatLine = (line: string): ChatLine => {
  const text = line.trim()
  if (text === '') return { type: 'nothing' }
  if (!text.startsWith('/')) return { type: 'text', body: text }
  if (text.startsWith('//')) return { type: 'text', body: text.slice(1) }
  const [, word = '', rest = ''] = /^\/(\S*)\s*([^]*)$/.exec(text) ?? []
  switch (word) {
    case 'help':
    case 'who':
    case 'quit':
      return { type: word }
    case 'reply':
    case 'edit':
    case 'react':
      return numbered(rest, (seq, body) => (body === '' ? undefined : { type: word, seq, body }), `/${word} 12 …`)
    case 'delete':
      return numbered(rest, (seq, body) => (body === '' ? { type: word, seq } : undefined), '/delete 12')
    case 'save':
      return numbered(rest, (seq, folder) => ({ type: word, seq, path: folder === '' ? '.' : folder }), '/save 12 [FOLDER]')
    case 'file':
      return rest === '' ? { type: 'wrong', usage: '/file PATH' } : { type: word, seq: 0, path: rest }
    default:
      return { type: 'wrong', usage: '/help shows the commands' }
  }
}

const numbered = (rest: string, make: (seq: number, body: string) => ChatLine | undefined, usage: string): ChatLine => {
  const [, seq = '', body = ''] = /^(\d{1,9})(?:\s+([^]*))?$/.exec(rest) ?? []
  return (seq === '' ? undefined : make(Number(seq), body)) ?? { type: 'wrong', usage }
}
