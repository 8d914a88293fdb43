/**
 * Bodies of the routes about passkeys (WebAuthn) and the account bundle. What an authenticator says travels as the bytes it
 * signed; nothing of it is JSON of ours.
 */
import { counter, flag, type Infer, opaque, optional, struct, text, vector } from '@famichat/base'
import { nonce } from './fields.js'
import { AccountId, PasskeyId } from './ids.js'
import { LIMITS } from './limits.js'

const credentialId = opaque({ min: 1, max: LIMITS.credentialIdBytes })
const clientData = opaque({ min: 1, max: 4096 })
/** What a person calls a passkey: at most as long as a name. */
const label = text(LIMITS.nameCharacters * 4)

/** What an authenticator needs to make a passkey. */
export const PasskeyCreationOptions = struct({
  challenge: nonce,
  /** The domain the passkey is good for. */
  rpId: text(256),
  accountId: AccountId,
  accountName: text(LIMITS.nameCharacters * 4),
  /** Passkeys of this account: an authenticator makes no second one. */
  known: vector(struct({ credentialId }), { max: LIMITS.passkeysPerAccount }),
})
export type PasskeyCreationOptions = Infer<typeof PasskeyCreationOptions>

/** A new passkey, in the words of the authenticator (WebAuthn §5.2.1). */
export const PasskeyRegistration = struct({
  label, credentialId, clientData, attestationObject: opaque({ min: 1, max: LIMITS.attestationBytes }),
})
export type PasskeyRegistration = Infer<typeof PasskeyRegistration>

/** Names one passkey of the caller's account. */
export const PasskeyRequest = struct({ passkeyId: PasskeyId })
export type PasskeyRequest = Infer<typeof PasskeyRequest>

/** The passkeys of the caller's account, oldest first. */
export const PasskeyList = struct({
  passkeys: vector(struct({
    passkeyId: PasskeyId, credentialId, label, createdAtMs: counter, usedAtMs: optional(counter),
    /** True when its maker keeps a copy that comes with a new phone. */
    isSynced: flag,
  }), { max: LIMITS.passkeysPerAccount }),
})
export type PasskeyList = Infer<typeof PasskeyList>

/** What an authenticator needs to answer: any passkey for the domain will do, so the server names nobody. */
export const PasskeySignInOptions = struct({ challenge: nonce, rpId: text(256) })
export type PasskeySignInOptions = Infer<typeof PasskeySignInOptions>

/** A passkey's answer (WebAuthn §5.2.2). */
export const PasskeyAssertion = struct({
  credentialId, clientData,
  authenticatorData: opaque({ min: 37, max: 4096 }),
  signature: opaque({ min: 1, max: 1024 }),
})
export type PasskeyAssertion = Infer<typeof PasskeyAssertion>

/** What the account left for its new devices, sealed by a device of its own; the server cannot read it. */
const sealedBundle = opaque({ min: 1, max: LIMITS.accountBundleBytes })

/** The bundle as it is stored; versions count from 1. */
export const StoredBundle = struct({ bundle: optional(struct({ version: counter, sealed: sealedBundle })) })
export type StoredBundle = Infer<typeof StoredBundle>

/** A bundle in place of the version that its maker has seen; 0 for none. */
export const BundleReplacement = struct({ replaces: counter, sealed: sealedBundle })
export type BundleReplacement = Infer<typeof BundleReplacement>
