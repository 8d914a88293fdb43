/**
 * Files between the disk and a conversation, with a progress bar; what was interrupted goes on where it stopped.
 */
import { existsSync } from 'node:fs'
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { type Client, ClientError, type ConversationInfo, type FileSource, type MessageReference, PIECE_BYTES } from '@famichat/client'
import { fileOnDisk } from '@famichat/client/node'
import { UsageError } from './failure.js'
import type { Output } from './output.js'
import { ProgressBar } from './progress-bar.js'

/** Where a file goes or comes from. */
export interface Transfer {
  readonly client: Client
  readonly output: Output
  readonly info: ConversationInfo
}

/** Sends a file. @throws UsageError when it cannot be read | ClientError `client.file.*` */
export const sendFileFrom = async (
  file: string, { client, output, info: { conversationId, name }, caption }: Transfer & { readonly caption: string | undefined },
): Promise<void> => {
  const source = await readable(file)
  const bar = new ProgressBar(output)
  try {
    const { messageId } = await client.sendFile(conversationId, source, {
      onProgress: (progress) => { bar.show(progress) }, ...(caption === undefined ? {} : { caption }),
    })
    output.say(`Sent to ${name}.`, { type: 'sent', conversation: conversationId, id: messageId })
  } finally {
    bar.end()
  }
}

/** Saves the file of a message into a folder. @throws UsageError when it is there already | ClientError `client.message.unknown` | `client.file.*` */
export const saveFileTo = async (
  folder: string, { client, output, info, reference }: Transfer & { readonly reference: MessageReference },
): Promise<void> => {
  const content = (await client.messages(info.conversationId)).find(({ messageId }) => messageId === reference.messageId)?.content
  if (content?.type !== 'attachment') throw new ClientError('client.message.unknown')
  const path = join(folder, content.attachment.fileName)
  // the sender chose the name: it must not replace what is there
  if (existsSync(path)) throw new UsageError(`${path} is there already: give another folder with --to`)
  const partial = `${path}.${reference.messageId}.part`
  const handle = await openInNewFolder(folder, partial)
  const bar = new ProgressBar(output)
  try {
    const fromPiece = Math.floor((await handle.stat()).size / PIECE_BYTES)
    await handle.truncate(fromPiece * PIECE_BYTES)
    for await (const piece of client.readFile(info.conversationId, reference, { fromPiece, onProgress: (progress) => { bar.show(progress) } })) {
      await handle.write(piece)
    }
    await handle.sync()
  } finally {
    bar.end()
    await handle.close()
  }
  await rename(partial, path)
  output.say(`Saved as ${path}.`, { type: 'saved', path, id: reference.messageId })
}

const openInNewFolder = async (folder: string, path: string): Promise<FileHandle> => {
  try {
    await mkdir(folder, { recursive: true })
    return await open(path, 'a')
  } catch {
    throw new UsageError(`nothing can be written in ${folder}: give another folder with --to`)
  }
}

const readable = async (file: string): Promise<FileSource> => {
  try {
    return await fileOnDisk(file)
  } catch {
    throw new UsageError('the file cannot be read: check its path')
  }
}
