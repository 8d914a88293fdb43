/**
 * Recovery phrases: twelve words (BIP-39, English) that hold 128 random bits and a checksum. The list of words is loaded
 * when it is needed first: a page that opens should not wait for it.
 */
import { ClientError } from '../client-error.js'

/** Random bytes behind a phrase. */
export const ENTROPY_BYTES = 16
/** Words of a phrase. */
export const PHRASE_WORDS = 12

/** The words for some entropy. */
export const wordsOf = async (entropy: Uint8Array): Promise<readonly string[]> => {
  const { bip39, wordlist } = await load()
  return bip39.entropyToMnemonic(entropy, wordlist).split(' ')
}

/** What is behind words as people type them. @throws ClientError `client.recovery.malformed` */
export const entropyOf = async (phrase: string): Promise<Uint8Array> => {
  const { bip39, wordlist } = await load()
  try {
    const entropy = bip39.mnemonicToEntropy(normalizeWords(phrase).join(' '), wordlist)
    if (entropy.length !== ENTROPY_BYTES) throw new ClientError('client.recovery.malformed')
    return entropy
  } catch {
    // no cause: it could quote the words
    throw new ClientError('client.recovery.malformed')
  }
}

/** Words in lower case without numbers and commas between them. */
export const normalizeWords = (phrase: string): readonly string[] => phrase.normalize('NFKD').toLowerCase().split(/[^a-z]+/).filter((word) => word !== '')

const load = async (): Promise<{ readonly bip39: typeof import('@scure/bip39'); readonly wordlist: string[] }> => {
  const [bip39, { wordlist }] = await Promise.all([import('@scure/bip39'), import('@scure/bip39/wordlists/english.js')])
  return { bip39, wordlist }
}
