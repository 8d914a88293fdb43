/**
 * A link as a QR code of half blocks, for a phone's camera in front of a terminal. Shown to people only, never in `--json`.
 */
import { renderUnicodeCompact } from 'uqr'
import type { Output } from './output.js'

/** Draws a code below what was printed, where somebody is looking. */
export const showQr = (output: Output, text: string): void => {
  if (process.stderr.isTTY) output.note(renderUnicodeCompact(text, { border: 2 }))
}
