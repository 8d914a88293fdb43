/**
 * AuthenticationService (RFC 9420 §5.3.1): the application's word on who a credential belongs to.
 * Layer: validate. Its answers must not depend on the delivery server (E13).
 */
import type { MaybePromise } from '../crypto/backend.js'
import type { Credential } from '../wire/credential.js'

/** A credential with the signature key it vouches for. */
export interface Claim {
  readonly credential: Credential
  readonly signatureKey: Uint8Array
}

/** What the engine asks about credentials, for every leaf it lets into a group. */
export interface AuthenticationService {
  /** True when the credential is valid and vouches for the signature key. */
  isValid(claim: Claim): MaybePromise<boolean>
  /** True when `next` may replace `previous` in the same leaf: the same client, as the application sees it. */
  isSuccessor(previous: Claim, next: Claim): MaybePromise<boolean>
}
