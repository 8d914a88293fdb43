/**
 * The browser's authenticator: passkeys by @simplewebauthn/browser. Works in pages only; a worker asks its page.
 */
import { fromBase64url, toBase64url } from '@famichat/base'
import { ClientError } from '../client-error.js'
import type { Authenticator } from '../passkeys/authenticator.js'

/** True where this browser has passkeys at all. */
export const hasPasskeys = (): boolean => typeof globalThis.PublicKeyCredential === 'function'

/** Passkeys of this browser. Loads its code with the first use. */
export const browserAuthenticator: Authenticator = {
  create: ({ challenge, rpId, userHandle, userName, knownCredentialIds, prfInput }) => ask(async ({ startRegistration }) => {
    const { rawId, response, clientExtensionResults: { prf } } = await startRegistration({
      optionsJSON: {
        challenge: toBase64url(challenge), rp: { id: rpId, name: rpId }, user: { id: toBase64url(userHandle), name: userName, displayName: userName },
        pubKeyCredParams: ALGORITHMS.map((alg) => ({ alg, type: 'public-key' })), attestation: 'none',
        excludeCredentials: knownCredentialIds.map(descriptorOf),
        authenticatorSelection: { residentKey: 'required', requireResidentKey: true, userVerification: 'required' },
        extensions: prfFor(prfInput),
      },
    })
    return {
      credentialId: fromBase64url(rawId), clientData: fromBase64url(response.clientDataJSON), attestationObject: fromBase64url(response.attestationObject),
      hasPrf: prf?.enabled === true, prfSecret: secretOf(prf?.results?.first),
    }
  }),
  answer: ({ challenge, rpId, credentialIds, prfInput }) => ask(async ({ startAuthentication }) => {
    const { rawId, response, clientExtensionResults: { prf } } = await startAuthentication({
      optionsJSON: {
        challenge: toBase64url(challenge), rpId, allowCredentials: credentialIds.map(descriptorOf), userVerification: 'required', extensions: prfFor(prfInput),
      },
    })
    return {
      credentialId: fromBase64url(rawId), clientData: fromBase64url(response.clientDataJSON), authenticatorData: fromBase64url(response.authenticatorData),
      signature: fromBase64url(response.signature), prfSecret: secretOf(prf?.results?.first),
    }
  }),
}

/** EdDSA, ES256 and RS256. */
const ALGORITHMS = [-8, -7, -257]

type Library = typeof import('@simplewebauthn/browser')

const descriptorOf = (credentialId: Uint8Array): { id: string; type: 'public-key' } => ({ id: toBase64url(credentialId), type: 'public-key' })

const prfFor = (input: Uint8Array): { prf: { eval: { first: Uint8Array<ArrayBuffer> } } } => ({ prf: { eval: { first: input.slice() } } })

const secretOf = (secret: ArrayBuffer | ArrayBufferView | undefined): Uint8Array | undefined => {
  if (secret === undefined) return undefined
  return secret instanceof ArrayBuffer ? new Uint8Array(secret) : new Uint8Array(secret.buffer, secret.byteOffset, secret.byteLength)
}

const ask = async <T>(question: (library: Library) => Promise<T>): Promise<T> => {
  if (!hasPasskeys()) throw new ClientError('client.passkey.unsupported')
  try {
    return await question(await import('@simplewebauthn/browser'))
  } catch (cause) {
    if (cause instanceof ClientError) throw cause
    const name = cause instanceof Error ? cause.name : ''
    if (name === 'InvalidStateError') throw new ClientError('client.passkey.exists', {}, { cause })
    if (name === 'NotAllowedError' || name === 'AbortError') throw new ClientError('client.passkey.cancelled', {}, { cause })
    throw new ClientError('client.passkey.unsupported', {}, { cause })
  }
}
