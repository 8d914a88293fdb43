/**
 * The two checks of WebAuthn (§7.1, §7.2), by @simplewebauthn/server: our challenge, once; our origins, exactly; our domain; a
 * person verified by the authenticator; a counter that grows. Whatever is wrong is one refusal.
 */
import { fromBase64url, isCodedError, toBase64url } from '@famichat/base'
import { type PasskeyAssertion, type PasskeyRegistration, ProtocolError } from '@famichat/protocol'
import type { ChallengeBook } from '../accounts/tokens.js'
import type { RelyingParty } from './relying-party.js'

/** What is checked against. */
export interface WebAuthnContext {
  readonly party: RelyingParty
  readonly challenges: ChallengeBook
  readonly nowMs: number
}

/** A passkey as it is stored: its key in COSE form (RFC 9052). */
export interface StoredPasskey {
  readonly publicKey: Uint8Array
  readonly counter: number
}

/** ES256, EdDSA and RS256: what authenticators have (COSE algorithm numbers). */
const ALGORITHMS = [-7, -8, -257]

/** What a new passkey is. Spends the challenge. @throws ProtocolError `protocol.passkey.refused` */
export const verifyCreation = async (
  { credentialId, clientData, attestationObject }: PasskeyRegistration, { party, challenges, nowMs }: WebAuthnContext,
): Promise<StoredPasskey & { readonly isSynced: boolean }> => {
  const { verifyRegistrationResponse } = await load()
  const challenge = new ChallengeOnce(challenges, nowMs)
  const info = await orRefuse(async () => {
    const { registrationInfo } = await verifyRegistrationResponse({
      response: {
        id: toBase64url(credentialId), rawId: toBase64url(credentialId), type: 'public-key', clientExtensionResults: {},
        response: { clientDataJSON: toBase64url(clientData), attestationObject: toBase64url(attestationObject) },
      },
      expectedChallenge: (text) => challenge.isOurs(text), expectedOrigin: [...party.origins], expectedRPID: party.rpId,
      requireUserVerification: true, supportedAlgorithmIDs: ALGORITHMS,
    })
    return registrationInfo
  })
  if (info?.credential.id !== toBase64url(credentialId)) throw new ProtocolError('protocol.passkey.refused')
  challenge.spend()
  const { credential: { publicKey, counter }, credentialBackedUp } = info
  return { publicKey, counter, isSynced: credentialBackedUp }
}

/** The counter after a passkey's answer. Spends the challenge. @throws ProtocolError `protocol.passkey.refused` */
export const verifyAssertion = async (
  { credentialId, clientData, authenticatorData, signature }: PasskeyAssertion, passkey: StoredPasskey, { party, challenges, nowMs }: WebAuthnContext,
): Promise<number> => {
  const { verifyAuthenticationResponse } = await load()
  const challenge = new ChallengeOnce(challenges, nowMs)
  const id = toBase64url(credentialId)
  const { verified, authenticationInfo } = await orRefuse(() => verifyAuthenticationResponse({
    response: {
      id, rawId: id, type: 'public-key', clientExtensionResults: {},
      response: { clientDataJSON: toBase64url(clientData), authenticatorData: toBase64url(authenticatorData), signature: toBase64url(signature) },
    },
    expectedChallenge: (text) => challenge.isOurs(text), expectedOrigin: [...party.origins], expectedRPID: party.rpId,
    credential: { id, publicKey: passkey.publicKey as Uint8Array<ArrayBuffer>, counter: passkey.counter }, requireUserVerification: true,
  }))
  if (!verified) throw new ProtocolError('protocol.passkey.refused')
  challenge.spend()
  return authenticationInfo.newCounter
}

/** The challenge in an answer: of two that come with the same at the same time, one is refused. */
class ChallengeOnce {
  readonly #book: ChallengeBook
  readonly #nowMs: number
  #nonce: Uint8Array | undefined

  constructor(book: ChallengeBook, nowMs: number) {
    this.#book = book
    this.#nowMs = nowMs
  }

  isOurs(text: string): boolean {
    const nonce = fromBase64url(text)
    this.#nonce = nonce
    return this.#book.isFresh(nonce, this.#nowMs)
  }

  /** Looks once more: the verification between took its time. @throws ProtocolError `protocol.passkey.refused` */
  spend(): void {
    if (this.#nonce === undefined || !this.#book.isFresh(this.#nonce, this.#nowMs)) throw new ProtocolError('protocol.passkey.refused')
    this.#book.spend(this.#nonce, this.#nowMs)
  }
}

/** The library throws plain errors whose texts quote what came: they say nothing to anybody. */
const orRefuse = async <T>(check: () => Promise<T>): Promise<T> => {
  try {
    return await check()
  } catch (error) {
    if (isCodedError(error, 'protocol.passkey.refused')) throw error
    throw new ProtocolError('protocol.passkey.refused')
  }
}

/** Loaded with the first passkey: a server without any does without its certificates' code. */
const load = (): Promise<typeof import('@simplewebauthn/server')> => import('@simplewebauthn/server')
