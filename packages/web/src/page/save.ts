/**
 * Saves bytes as a file of the person's own; never opened as a page.
 */
const KEEP_MS = 60_000

/** Offers a file to the person. */
export const saveBlob = (blob: Blob, fileName: string): void => {
  const address = URL.createObjectURL(new Blob([blob], { type: 'application/octet-stream' }))
  const anchor = document.createElement('a')
  anchor.href = address
  anchor.download = fileName
  anchor.click()
  setTimeout(() => { URL.revokeObjectURL(address) }, KEEP_MS)
}
