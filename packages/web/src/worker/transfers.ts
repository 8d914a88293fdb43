/**
 * Files between the page and the client: photos are drawn anew, smaller and without what the camera wrote into them.
 */
import { type Client, type ConversationId, type FileSource, type MessageReference, type PictureSize, toFileName, type TransferProgress } from '@famichat/client'
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
  const { blob: photo, picture } = await lookAt(file)
  const name = toFileName(photo === undefined ? file.name : `${file.name.replace(/\.[^.]*$/, '')}.jpg`)
  const source = sourceOf(photo ?? file, { fileName: name, mediaType: photo?.type ?? (file.type || 'application/octet-stream'), picture })
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

/** What is known of a picture before it is sent: its size, and a JPEG of at most {@link MAX_SIDE} where it is drawn anew. */
interface Looked {
  readonly blob: Blob | undefined
  readonly picture: PictureSize | undefined
}

const NO_PICTURE: Looked = { blob: undefined, picture: undefined }
/** A side that fits into what travels. */
const MOST_DOTS = 65_535

const lookAt = async (file: File): Promise<Looked> => {
  if (!file.type.startsWith('image/')) return NO_PICTURE
  const bitmap = await createImageBitmap(file, { imageOrientation: 'from-image' }).catch(() => undefined)
  // this browser cannot read it: it goes as it is
  if (bitmap === undefined) return NO_PICTURE
  const { width, height } = bitmap
  const redrawn = PHOTOS.test(file.type) ? await redraw(bitmap) : undefined
  bitmap.close()
  return redrawn ?? { blob: undefined, picture: Math.max(width, height) > MOST_DOTS ? undefined : { width, height } }
}

const redraw = async (bitmap: ImageBitmap): Promise<Looked | undefined> => {
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height))
  const canvas = new OffscreenCanvas(Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale)))
  const drawing = canvas.getContext('2d')
  if (drawing === null) return undefined
  // a JPEG has no transparency
  drawing.fillStyle = '#fff'
  drawing.fillRect(0, 0, canvas.width, canvas.height)
  drawing.drawImage(bitmap, 0, 0, canvas.width, canvas.height)
  return { blob: await canvas.convertToBlob({ type: 'image/jpeg', quality: QUALITY }), picture: { width: canvas.width, height: canvas.height } }
}

const sourceOf = (blob: Blob, about: Pick<FileSource, 'fileName' | 'mediaType' | 'picture'>): FileSource => ({
  ...about, fileBytes: blob.size,
  read: async (offset, length) => new Uint8Array(await blob.slice(offset, offset + length).arrayBuffer()),
})
