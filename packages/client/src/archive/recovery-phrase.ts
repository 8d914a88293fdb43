/**
 * Recovery phrases: twelve words (BIP-39, English) that hold 128 random bits and a checksum.
 */
import { entropyToMnemonic, mnemonicToEntropy } from '@scure/bip39'
import { wordlist } from '@scure/bip39/wordlists/english.js'
import { ClientError } from '../client-error.js'

/** Random bytes behind a phrase. */
export const ENTROPY_BYTES = 16
/** Words of a phrase. */
export const PHRASE_WORDS = 12

/** The words for some entropy. */
export const wordsOf = (entropy: Uint8Array): readonly string[] => entropyToMnemonic(entropy, wordlist).split(' ')

/** What is behind words as people type them. @throws ClientError `client.recovery.malformed` */
export const entropyOf = (phrase: string): Uint8Array => {
  try {
    const entropy = mnemonicToEntropy(normalizeWords(phrase).join(' '), wordlist)
    if (entropy.length !== ENTROPY_BYTES) throw new ClientError('client.recovery.malformed')
    return entropy
  } catch {
    // no cause: it could quote the words
    throw new ClientError('client.recovery.malformed')
  }
}

/** Words in lower case without numbers and commas between them. */
export const normalizeWords = (phrase: string): readonly string[] => phrase.normalize('NFKD').toLowerCase().split(/[^a-z]+/).filter((word) => word !== '')
