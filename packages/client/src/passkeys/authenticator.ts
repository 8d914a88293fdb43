/**
 * What the SDK asks of an authenticator (WebAuthn): plain bytes both ways, so that a page can answer for a worker. Browsers
 * have one in @famichat/client/browser. The PRF secret (extension `prf`) opens things and is never sent to a server.
 */
import { utf8 } from '@famichat/base'

/** What every passkey of Famichat is asked for: the same input gives the same secret. */
export const PRF_INPUT = utf8('Famichat 1.0 PasskeyPrf')

/** A passkey to make. */
export interface PasskeyCreation {
  readonly challenge: Uint8Array
  readonly rpId: string
  /** 16 bytes that are the same for all passkeys of an account. */
  readonly userHandle: Uint8Array
  /** What the authenticator shows. */
  readonly userName: string
  /** Passkeys the account has: none is made where one of them is. */
  readonly knownCredentialIds: readonly Uint8Array[]
  readonly prfInput: Uint8Array
}

/** A passkey that was made. */
export interface CreatedPasskey {
  readonly credentialId: Uint8Array
  /** `clientDataJSON` as it was signed. */
  readonly clientData: Uint8Array
  readonly attestationObject: Uint8Array
  /** True when the passkey has a PRF; many say its secret only in an answer. */
  readonly hasPrf: boolean
  readonly prfSecret: Uint8Array | undefined
}

/** A question to a passkey. */
export interface PasskeyQuestion {
  readonly challenge: Uint8Array
  readonly rpId: string
  /** Which passkeys may answer; none named: any of this domain. */
  readonly credentialIds: readonly Uint8Array[]
  readonly prfInput: Uint8Array
}

/** A passkey's answer. */
export interface PasskeyAnswer {
  readonly credentialId: Uint8Array
  readonly clientData: Uint8Array
  readonly authenticatorData: Uint8Array
  readonly signature: Uint8Array
  /** 32 bytes; undefined where the browser or the passkey has no PRF. */
  readonly prfSecret: Uint8Array | undefined
}

/**
 * Makes passkeys and lets them answer, with the person verified by the device each time.
 * Throws ClientError `client.passkey.cancelled` | `client.passkey.unsupported` | `client.passkey.exists`.
 */
export interface Authenticator {
  create(creation: PasskeyCreation): Promise<CreatedPasskey>
  answer(question: PasskeyQuestion): Promise<PasskeyAnswer>
}
