/**
 * What a camera would read from a screen: the QR code in a picture of the page, found among its dots by a reader that shares no code
 * with what drew it.
 */
import type { Page } from 'playwright-core'
import { decodeQR } from 'qr/decode.js'

/** The text of the one code on the screen. */
export const readQr = async (page: Page): Promise<string> => {
  const code = page.locator('svg[role=img][aria-label*="QR"]')
  await code.scrollIntoViewIfNeeded()
  const png = await page.screenshot()
  const { width, height, base64 } = await page.evaluate(dotsOf, png.toString('base64'))
  return decodeQR({ width, height, data: new Uint8Array(Buffer.from(base64, 'base64')) })
}

/** Runs in a page, which has what opens pictures. */
const dotsOf = async (pngBase64: string): Promise<{ readonly width: number; readonly height: number; readonly base64: string }> => {
  const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(pngBase64), (letter) => letter.charCodeAt(0))], { type: 'image/png' }))
  const { width, height } = picture
  const drawing = new OffscreenCanvas(width, height).getContext('2d')
  if (drawing === null) throw new Error('no canvas')
  drawing.drawImage(picture, 0, 0)
  const { data } = drawing.getImageData(0, 0, width, height)
  let letters = ''
  for (let at = 0; at < data.length; at += 8192) letters += String.fromCharCode(...data.subarray(at, at + 8192))
  return { width, height, base64: btoa(letters) }
}
