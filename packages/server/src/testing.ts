/**
 * A passkey holder in software, for tests only: it says yes to everything that a person would be asked.
 * Never import this from shipped code.
 */
import { createHash, createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { concat, equal, fromBase64url, toBase64url, utf8 } from '@famichat/base'

/** How it behaves. */
export interface SoftwareAuthenticatorOptions {
  /** The page that asks, as a browser would say it. */
  readonly origin: string
  /** Whether passkeys have a PRF, and whether it is told when one is made or only in answers. Default: only in answers. */
  readonly prf?: 'none' | 'in answers' | 'at once'
  /** False for an authenticator that lets anybody pass. */
  readonly verifiesPerson?: boolean
  /** Counts its answers; synced passkeys do not (WebAuthn §6.1.1), and say 0. */
  readonly countsAnswers?: boolean
}

/** One passkey. */
interface Held {
  readonly rpId: string
  readonly credentialId: Uint8Array
  readonly privateKey: KeyObject
  readonly prfKey: Uint8Array
  answers: number
}

const FLAGS = { present: 0x01, verified: 0x04, canBeBackedUp: 0x08, isBackedUp: 0x10, hasKey: 0x40 }

/** Makes passkeys and answers for them, as WebAuthn Level 3 says. */
export class SoftwareAuthenticator {
  origin: string
  readonly #options: SoftwareAuthenticatorOptions
  readonly #random: (length: number) => Uint8Array
  #held: Held[] = []
  /** How often a person would have been asked. */
  asked = 0

  constructor(options: SoftwareAuthenticatorOptions, random: (length: number) => Uint8Array) {
    this.origin = options.origin
    this.#options = options
    this.#random = random
  }

  /** Makes a passkey (§5.1.3), without attestation. */
  create(creation: { readonly challenge: Uint8Array; readonly rpId: string; readonly prfInput: Uint8Array }): Promise<{
    readonly credentialId: Uint8Array; readonly clientData: Uint8Array; readonly attestationObject: Uint8Array
    readonly hasPrf: boolean; readonly prfSecret: Uint8Array | undefined
  }> {
    this.asked++
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const held: Held = { rpId: creation.rpId, credentialId: this.#random(32), privateKey, prfKey: this.#random(32), answers: 0 }
    this.#held.push(held)
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    const key = concat(Uint8Array.of(0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20), fromBase64url(x), Uint8Array.of(0x22, 0x58, 0x20), fromBase64url(y))
    const credential = concat(new Uint8Array(16), Uint8Array.of(0, held.credentialId.length), held.credentialId, key)
    const authData = concat(this.#authenticatorData(held, FLAGS.hasKey), credential)
    const attestationObject = concat(
      Uint8Array.of(0xa3), cborText('fmt'), cborText('none'), cborText('attStmt'), Uint8Array.of(0xa0), cborText('authData'),
      Uint8Array.of(0x59, authData.length >> 8, authData.length & 0xff), authData,
    )
    const { prf = 'in answers' } = this.#options
    return Promise.resolve({
      credentialId: held.credentialId.slice(), clientData: this.#clientData('webauthn.create', creation.challenge), attestationObject,
      hasPrf: prf !== 'none', prfSecret: prf === 'at once' ? prfOf(held, creation.prfInput) : undefined,
    })
  }

  /** Answers with the newest passkey that may (§5.1.4). */
  answer({ challenge, rpId, credentialIds, prfInput }: {
    readonly challenge: Uint8Array; readonly rpId: string; readonly credentialIds: readonly Uint8Array[]; readonly prfInput: Uint8Array
  }): Promise<{
    readonly credentialId: Uint8Array; readonly clientData: Uint8Array; readonly authenticatorData: Uint8Array
    readonly signature: Uint8Array; readonly prfSecret: Uint8Array | undefined
  }> {
    this.asked++
    const held = this.#held.filter((one) => one.rpId === rpId)
      .findLast((one) => credentialIds.length === 0 || credentialIds.some((id) => equal(id, one.credentialId)))
    if (held === undefined) return Promise.reject(new Error('there is no passkey here'))
    if (this.#options.countsAnswers === true) held.answers++
    const clientData = this.#clientData('webauthn.get', challenge)
    const authenticatorData = this.#authenticatorData(held, 0)
    const signature = sign('sha256', concat(authenticatorData, createHash('sha256').update(clientData).digest()), held.privateKey)
    return Promise.resolve({
      credentialId: held.credentialId.slice(), clientData, authenticatorData, signature: new Uint8Array(signature),
      prfSecret: this.#options.prf === 'none' ? undefined : prfOf(held, prfInput),
    })
  }

  /** A copy as of now, as a thief of the authenticator's memory would make one. */
  copy(): SoftwareAuthenticator {
    const copy = new SoftwareAuthenticator({ ...this.#options, origin: this.origin }, this.#random)
    copy.#held = this.#held.map((held) => ({ ...held }))
    return copy
  }

  #clientData(type: string, challenge: Uint8Array): Uint8Array {
    return utf8(JSON.stringify({ type, challenge: toBase64url(challenge), origin: this.origin, crossOrigin: false }))
  }

  #authenticatorData({ rpId, answers }: Held, flags: number): Uint8Array {
    const { verifiesPerson = true, countsAnswers = false } = this.#options
    const synced = countsAnswers ? 0 : FLAGS.canBeBackedUp | FLAGS.isBackedUp
    const counter = new Uint8Array(4)
    new DataView(counter.buffer).setUint32(0, answers)
    const all = flags | FLAGS.present | (verifiesPerson ? FLAGS.verified : 0) | synced
    return concat(createHash('sha256').update(rpId).digest(), Uint8Array.of(all), counter)
  }
}

const cborText = (text: string): Uint8Array => concat(Uint8Array.of(0x60 + text.length), utf8(text))

const prfOf = ({ prfKey }: Held, input: Uint8Array): Uint8Array => new Uint8Array(createHmac('sha256', prfKey).update(concat(utf8('WebAuthn PRF\0'), input)).digest())
