/**
 * Device links: `https://host/l#v1.<link id>.<secret>`. Two devices of one person meet in a mailbox on the server; what
 * they say there is sealed under the secret, which passes between their screens and never reaches the server.
 */
import {
  counter, decode, encode, fromBase64url, type Infer, isCodedError, opaque, optional, type RandomBytes, struct, text, toBase64url, utf8, vector,
} from '@famichat/base'
import type { CipherSuite } from '@famichat/mls'
import { AccountId, DeviceId, idToBytes, type LinkId, LIMITS, parseId, serverOrigin } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { bytes32 } from '../store/fields.js'
import { type MailKey, openMail, sealMail } from './sealed-mail.js'

const SECRET_BYTES = 32

/** The parts of a device link. */
export interface DeviceLink {
  readonly origin: string
  readonly linkId: LinkId
  readonly secret: Uint8Array
}

/** Writes a link. */
export const formatDeviceLink = ({ origin, linkId, secret }: DeviceLink): string =>
  `${serverOrigin(origin)}/l#v1.${linkId}.${toBase64url(secret)}`

/** True for a text that means to be a device link. */
export const isDeviceLink = (link: string): boolean => /^https?:\/\/[^/]+\/l#/.test(link.trim())

/** Reads a link as people paste it. @throws ClientError `client.link.malformed` */
export const parseDeviceLink = (link: string): DeviceLink => {
  try {
    const url = new URL(link.trim())
    const [version, id = '', secretText = '', ...rest] = url.hash.slice(1).split('.')
    const secret = fromBase64url(secretText)
    if (url.pathname !== '/l' || version !== 'v1' || rest.length > 0 || secret.length !== SECRET_BYTES) throw new ClientError('client.link.malformed')
    return { origin: serverOrigin(link.trim()), linkId: parseId<LinkId>(id), secret }
  } catch {
    // no cause: it could quote the link, and the link holds a secret
    throw new ClientError('client.link.malformed')
  }
}

/** A fresh secret for a link. */
export const makeLinkSecret = (random: RandomBytes): Uint8Array => random(SECRET_BYTES)

/** What the account's device gives the new one: its certificate, and whom the account knows. */
export const LinkAnswer = struct({
  certificate: opaque({ min: 1, max: 512 }),
  accountName: text(256),
  /** The account's device list with the new device, as a store keeps it. */
  deviceList: opaque({ min: 1 }),
  /** Of an adult's account, so that every device can link and revoke. */
  accountPrivateKey: optional(bytes32),
  /** For what was said so far, which comes after this. */
  transferKey: bytes32,
  known: vector(struct({ accountId: AccountId, accountKey: bytes32, accountName: text(256) }), { max: 1024 }),
  /** What the account's devices are called. */
  deviceNames: vector(struct({ deviceId: DeviceId, name: text(256), namedAtMs: counter }), { max: LIMITS.devicesPerAccount }),
})
export type LinkAnswer = Infer<typeof LinkAnswer>

/** Bytes of one known account in an answer, at most. */
const KNOWN_BYTES = 16 + 32 + 260

/** The accounts that fit into an answer. */
export const knownThatFit = <T>(known: readonly T[]): readonly T[] => known.slice(0, Math.floor((LIMITS.linkBlobBytes / 2) / KNOWN_BYTES))

/** The stored form of an answer. */
export const encodeLinkAnswer = (answer: LinkAnswer): Uint8Array => encode(LinkAnswer, answer)

/** Reads an answer. @throws ClientError `client.link.refused` */
export const decodeLinkAnswer = (bytes: Uint8Array): LinkAnswer => {
  try {
    return decode(LinkAnswer, bytes.slice())
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.link.refused', { reason: cause.code })
  }
}

/** Which way a blob goes: one cannot be played back as the other. */
export type LinkDirection = 'offer' | 'answer'

/** Seals what one device says to the other. */
export const sealLinkMail = (suite: CipherSuite, link: DeviceLink, mail: { direction: LinkDirection; plaintext: Uint8Array; random: RandomBytes }): Uint8Array =>
  sealMail(suite, keyFor(suite, link, mail.direction), mail)

/** Opens what the other device said. @throws ClientError `client.link.refused` */
export const openLinkMail = (suite: CipherSuite, link: DeviceLink, mail: { direction: LinkDirection; sealed: Uint8Array }): Uint8Array => {
  try {
    return openMail(suite, keyFor(suite, link, mail.direction), mail.sealed)
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ClientError('client.link.refused', { reason: cause.code })
  }
}

const keyFor = (suite: CipherSuite, { linkId, secret }: DeviceLink, direction: LinkDirection): MailKey =>
  ({ key: suite.hash.hmac(secret, utf8(`Famichat 1.0 Link ${direction}`)).slice(0, suite.aead.keyLength), boundTo: idToBytes(linkId) })
