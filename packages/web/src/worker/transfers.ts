/**
 * Files between the page and the client: photos are drawn anew, smaller and without what the camera wrote into them.
 */
import { type Client, type ConversationId, type FileSource, type MessageReference, toFileName, type TransferProgress } from '@famichat/client'
import type { KeptFiles } from './kept-files.js'

/** The longest side of a photo that is sent. */
const MAX_SIDE = 2048
const QUALITY = 0.85
/** Photos that are drawn anew; a moving picture would stop. */
const PHOTOS = /^image\/(jpeg|png|webp|avif|heic|bmp)$/

/** Whose files. */
interface Place {
  readonly client: Client
  readonly kept: KeptFiles
  readonly conversationId: ConversationId
}

/** Sends a file, and keeps it. */
export const sendFile = async (
  { client, kept, conversationId }: Place,
  { file, caption, onProgress }: { readonly file: File; readonly caption: string; readonly onProgress: (progress: TransferProgress) => void },
): Promise<void> => {
  const photo = PHOTOS.test(file.type) ? await redraw(file) : undefined
  const name = toFileName(photo === undefined ? file.name : `${file.name.replace(/\.[^.]*$/, '')}.jpg`)
  const source = sourceOf(photo ?? file, { fileName: name, mediaType: photo?.type ?? (file.type || 'application/octet-stream') })
  const { messageId } = await client.sendFile(conversationId, source, { caption, onProgress })
  await kept.keep(conversationId, { accountId: client.identity.accountId, messageId }, photo ?? file)
}

/** The bytes of a file: as they are kept here, or from the server, checked piece by piece. */
export const readFile = async (
  { client, kept, conversationId }: Place,
  { message, onProgress }: { readonly message: MessageReference; readonly onProgress: (progress: TransferProgress) => void },
): Promise<Blob> => {
  const here = await kept.get(conversationId, message)
  if (here !== undefined) return here
  const pieces: BlobPart[] = []
  for await (const piece of client.readFile(conversationId, message, { onProgress })) pieces.push(piece as Uint8Array<ArrayBuffer>)
  const file = new Blob(pieces)
  await kept.keep(conversationId, message, file)
  return file
}

/** As a JPEG of at most {@link MAX_SIDE}; undefined where this browser cannot read the picture. */
const redraw = async (file: File): Promise<Blob | undefined> => {
  const picture = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => undefined)
  if (picture === undefined) return undefined
  const scale = Math.min(1, MAX_SIDE / Math.max(picture.width, picture.height))
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(picture.width * scale)), Math.max(1, Math.round(picture.height * scale)))
  const drawing = canvas.getContext('2d')
  if (drawing === null) return undefined
  // a JPEG has no transparency
  drawing.fillStyle = '#fff'
  drawing.fillRect(0, 0, canvas.width, canvas.height)
  drawing.drawImage(picture, 0, 0, canvas.width, canvas.height)
  picture.close()
  return canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY })
}

const sourceOf = (blob: Blob, { fileName, mediaType }: { readonly fileName: string; readonly mediaType: string }): FileSource => ({
  fileName, mediaType, fileBytes: blob.size,
  read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
})
