/**
 * What is said when a passkey cannot be used: at an address that is a number, the reason is the address and not the browser.
 */
import { preferences } from './preferences.svelte.js'

/** A refusal about a passkey, in words. */
export const sentenceOfPasskey = (code: string): string => {
  const { hostname, port } = location
  const isNumber = /^[\d.]+$/.test(hostname) || hostname.startsWith('[')
  if (code !== 'client.passkey.unsupported' || !isNumber) return preferences.sentence(code)
  return preferences.allWords.passkeyNeedsName(hostname.startsWith('127.') || hostname === '[::1]' ? `http://localhost${port === '' ? '' : `:${port}`}` : '')
}
