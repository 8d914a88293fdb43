/**
 * What one device seals for another under a secret that both have and the server does not: a random nonce, then the ciphertext.
 */
import { concat, type RandomBytes } from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'

/** Under what it is sealed: a key of the suite's AEAD, and what it belongs to, which both know. */
export interface MailKey {
  readonly key: Uint8Array
  readonly boundTo: Uint8Array
}

/** Seals with a fresh nonce; the mail is longer than the plaintext by nonce and tag. */
export const sealMail = ({ aead }: CipherSuite, { key, boundTo }: MailKey, { plaintext, random }: { readonly plaintext: Uint8Array; readonly random: RandomBytes }): Uint8Array => {
  const nonce = random(aead.nonceLength)
  return concat(nonce, aead.seal(key, nonce, boundTo, plaintext))
}

/** Opens it. @throws MlsError `mls.crypto.open_failed` */
export const openMail = ({ aead }: CipherSuite, { key, boundTo }: MailKey, sealed: Uint8Array): Uint8Array =>
  aead.open(key, sealed.slice(0, aead.nonceLength), boundTo, sealed.slice(aead.nonceLength))
