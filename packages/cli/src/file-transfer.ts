/**
 * Files between the disk and a conversation, with a progress bar; what was interrupted goes on where it stopped.
 */
import { existsSync } from 'node:fs'
import { type FileHandle, mkdir, open, rename } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { type Client, ClientError, type ConversationInfo, type MessageReference, PIECE_BYTES, toFileName } from '@famichat/client'
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
  const handle = await openOrRefuse(file)
  const bar = new ProgressBar(output)
  try {
    const { size: fileBytes } = await handle.stat()
    const read = async (offset: number, length: number): Promise<Uint8Array> => {
      const bytes = new Uint8Array(length)
      const { bytesRead } = await handle.read(bytes, 0, length, offset)
      return bytes.subarray(0, bytesRead)
    }
    const source = { fileName: toFileName(file), mediaType: mediaTypeOf(file), fileBytes, read }
    const { messageId } = await client.sendFile(conversationId, source, {
      onProgress: (progress) => { bar.show(progress) }, ...(caption === undefined ? {} : { caption }),
    })
    output.say(`Sent to ${name}.`, { type: 'sent', conversation: conversationId, id: messageId })
  } finally {
    bar.end()
    await handle.close()
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

const openOrRefuse = async (file: string) => {
  try {
    return await open(file, 'r')
  } catch {
    throw new UsageError('the file cannot be read: check its path')
  }
}

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.png': 'image/png', '.gif': 'image/gif', '.webp': 'image/webp', '.pdf': 'application/pdf',
  '.txt': 'text/plain', '.mp3': 'audio/mpeg', '.ogg': 'audio/ogg', '.mp4': 'video/mp4', '.webm': 'video/webm', '.zip': 'application/zip',
}

const mediaTypeOf = (file: string): string => MEDIA_TYPES[extname(file).toLowerCase()] ?? 'application/octet-stream'
