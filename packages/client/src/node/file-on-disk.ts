/**
 * A file on the disk as what `sendFile` takes: opened for each piece, so that nothing has to be closed.
 */
import { open, stat } from 'node:fs/promises'
import { extname } from 'node:path'
import { toFileName } from '../content/file-name.js'
import type { FileSource } from '../conversation/files.js'

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  '.jpg': 'image/jpeg', '.jpeg': 'image/jpeg', '.png': 'image/png', '.gif': 'image/gif', '.webp': 'image/webp', '.pdf': 'application/pdf',
  '.txt': 'text/plain', '.mp3': 'audio/mpeg', '.ogg': 'audio/ogg', '.mp4': 'video/mp4', '.webm': 'video/webm', '.zip': 'application/zip',
}

/**
 * A file to send. Its name and media type come from the path.
 * @throws what the file system says: it is not there, may not be read, or is a folder
 */
export const fileOnDisk = async (path: string): Promise<FileSource> => {
  // read once: whoever names a folder, or what may not be read, hears it now
  await readAt(path, 0, 1)
  const { size: fileBytes } = await stat(path)
  return { fileName: toFileName(path), mediaType: MEDIA_TYPES[extname(path).toLowerCase()] ?? 'application/octet-stream', fileBytes, read: (offset, length) => readAt(path, offset, length) }
}

const readAt = async (path: string, offset: number, length: number): Promise<Uint8Array> => {
  const handle = await open(path, 'r')
  try {
    const bytes = new Uint8Array(length)
    const { bytesRead } = await handle.read(bytes, 0, length, offset)
    return bytes.subarray(0, bytesRead)
  } finally {
    await handle.close()
  }
}
