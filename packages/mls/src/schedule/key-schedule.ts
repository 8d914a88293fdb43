/**
 * The key schedule (RFC 9420 §8): from one epoch's init_secret to the next epoch's secrets.
 * Layer: schedule. The returned object owns its secrets.
 */

import { EMPTY, type Secret } from '@famichat/base'
import type { KeyPair } from '../crypto/backend.js'
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { type AeadKeys, deriveSecret, expandWithLabel, extract, mac } from '../crypto/labels.js'
import { check } from '../errors.js'

/** The secrets of one epoch that outlive its start (§8, table 4). */
export interface EpochSecrets {
  readonly senderDataSecret: Secret
  readonly exporterSecret: Secret
  readonly externalSecret: Secret
  readonly confirmationKey: Secret
  readonly membershipKey: Secret
  readonly resumptionPsk: Secret
  readonly epochAuthenticator: Secret
  readonly initSecret: Secret
}

/** Their names, in the order they are stored. */
export const EpochSecretNames: readonly (keyof EpochSecrets)[] = [
  'senderDataSecret', 'exporterSecret', 'externalSecret', 'confirmationKey', 'membershipKey', 'resumptionPsk', 'epochAuthenticator', 'initSecret',
]

/** Epoch secrets made one by one: for those that are stored, or not known yet. */
export const makeEpochSecrets = (make: (name: keyof EpochSecrets, index: number) => Secret): EpochSecrets =>
  Object.fromEntries(EpochSecretNames.map((name, index) => [name, make(name, index)])) as Record<keyof EpochSecrets, Secret>

/** All that a commit or a Welcome yields; encryption_secret goes to the secret tree, which owns it from then on. */
export interface DerivedEpoch {
  readonly welcomeSecret: Secret
  readonly encryptionSecret: Secret
  /** Root of the exporter tree (draft-ietf-mls-extensions-08 §4.4), which owns it from then on. */
  readonly applicationExportSecret: Secret
  readonly secrets: EpochSecrets
}

/** joiner_secret (§8). */
export const deriveJoinerSecret = (
  suite: CipherSuite, secrets: { readonly initSecret: Secret; readonly commitSecret: Secret }, groupContext: Uint8Array,
): Secret => {
  const extracted = extract(suite, secrets.initSecret, secrets.commitSecret)
  const joinerSecret = expandWithLabel(suite, extracted, 'joiner', groupContext, suite.hashLength)
  extracted.wipe()
  return joinerSecret
}

/** welcome_secret (§8). */
export const deriveWelcomeSecret = (suite: CipherSuite, secrets: { readonly joinerSecret: Secret; readonly pskSecret: Secret }): Secret => {
  const member = extract(suite, secrets.joinerSecret, secrets.pskSecret)
  const welcomeSecret = deriveSecret(suite, member, 'welcome')
  member.wipe()
  return welcomeSecret
}

/** Everything below joiner_secret (§8). */
export const deriveEpoch = (
  suite: CipherSuite, secrets: { readonly joinerSecret: Secret; readonly pskSecret: Secret }, groupContext: Uint8Array,
): DerivedEpoch => {
  const member = extract(suite, secrets.joinerSecret, secrets.pskSecret)
  const welcomeSecret = deriveSecret(suite, member, 'welcome')
  const epochSecret = expandWithLabel(suite, member, 'epoch', groupContext, suite.hashLength)
  member.wipe()
  const derived = { welcomeSecret, ...deriveFromEpochSecret(suite, epochSecret) }
  epochSecret.wipe()
  return derived
}

/** Everything below epoch_secret (§8); a new group starts here (§11). */
export const deriveFromEpochSecret = (suite: CipherSuite, epochSecret: Secret): Omit<DerivedEpoch, 'welcomeSecret'> => {
  const derive = (label: string): Secret => deriveSecret(suite, epochSecret, label)
  return {
    encryptionSecret: derive('encryption'),
    applicationExportSecret: derive('application_export'),
    secrets: {
      senderDataSecret: derive('sender data'),
      exporterSecret: derive('exporter'),
      externalSecret: derive('external'),
      confirmationKey: derive('confirm'),
      membershipKey: derive('membership'),
      resumptionPsk: derive('resumption'),
      epochAuthenticator: derive('authentication'),
      initSecret: derive('init'),
    },
  }
}

/** Wipes what only the current epoch needs; the past keeps reading messages, nothing else. */
export const wipeEpochSecrets = (secrets: EpochSecrets): void => {
  for (const secret of Object.values(secrets)) (secret as Secret).wipe()
}

/** external_priv and external_pub (§8). */
export const deriveExternalKeys = async (suite: CipherSuite, externalSecret: Secret): Promise<KeyPair> =>
  suite.hpke.kem.deriveKeyPair(externalSecret)

const EXTERNAL_INIT_LABEL = 'MLS 1.0 external init secret'

/** The init_secret a newcomer brings, and the kem_output that tells it to the group (§8.3). */
export const sendExternalInit = (suite: CipherSuite, externalPub: Uint8Array): Promise<{ kemOutput: Uint8Array; secret: Secret }> =>
  suite.hpke.sendExport(externalPub, EXTERNAL_INIT_LABEL, suite.random)

/** The init_secret of a newcomer (§8.3). @throws MlsError `mls.crypto.open_failed` */
export const receiveExternalInit = (suite: CipherSuite, kemOutput: Uint8Array, external: KeyPair): Promise<Secret> =>
  suite.hpke.receiveExport(kemOutput, external, EXTERNAL_INIT_LABEL)

/** epoch_authenticator (§8.7): made to be compared, so its bytes come out. */
export const epochAuthenticator = (secrets: EpochSecrets): Uint8Array => secrets.epochAuthenticator.expose().slice()

/** confirmation_tag (§6.1). */
export const confirmationTag = (suite: CipherSuite, confirmationKey: Secret, confirmedTranscriptHash: Uint8Array): Uint8Array =>
  mac(suite, confirmationKey, confirmedTranscriptHash)

/** welcome_key and welcome_nonce (§12.4.3.1). */
export const welcomeKeyAndNonce = (suite: CipherSuite, welcomeSecret: Secret): AeadKeys => ({
  key: expandWithLabel(suite, welcomeSecret, 'key', EMPTY, suite.aead.keyLength),
  nonce: expandWithLabel(suite, welcomeSecret, 'nonce', EMPTY, suite.aead.nonceLength),
})

/** MLS-Exporter (§8.5). @param length 1 to 255 × Nh bytes. @throws MlsError `mls.exporter.bad_length` */
export const exportSecret = (
  suite: CipherSuite, exporterSecret: Secret, request: { readonly label: string; readonly context: Uint8Array; readonly length: number },
): Secret => {
  const max = Math.min(255 * suite.hashLength, 0xffff)
  check(Number.isInteger(request.length) && request.length > 0 && request.length <= max, 'mls.exporter.bad_length', { length: request.length, max })
  const derived = deriveSecret(suite, exporterSecret, request.label)
  const exported = expandWithLabel(suite, derived, 'exported', suite.hash.digest(request.context), request.length)
  derived.wipe()
  return exported
}
