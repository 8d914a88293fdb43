/**
 * DeviceCertificate: an account vouches for a device's signature key. It is the identity in the device's MLS basic
 * credential; the server checks it at registration and every client checks it in every leaf.
 */
import { type Codec, counter, decode, encode, type Infer, isCodedError, opaque, struct, uint16, utf8 } from '@famichat/base'
import { publicKey, signature } from './fields.js'
import { AccountId, DeviceId } from './ids.js'
import { ProtocolError } from './protocol-error.js'

/** The only version there is. */
export const DEVICE_CERTIFICATE_VERSION = 1

const certified = {
  version: uint16,
  accountId: AccountId,
  deviceId: DeviceId,
  /** The account's Ed25519 key, which signs. */
  accountKey: publicKey,
  /** The device's Ed25519 key: its MLS leaf signature key. */
  deviceSignatureKey: publicKey,
  /** The version of the account's device list that has the device first, see device-list.ts. */
  listNumber: counter,
  createdAtMs: counter,
}

/** The statement and the account key's signature over {@link deviceCertificateTbs}. */
export const DeviceCertificate = struct({ ...certified, signature })
export type DeviceCertificate = Infer<typeof DeviceCertificate>

const DeviceCertificateTBS = struct({ label: opaque(), ...certified })

/** The bytes the account key signs. */
export const deviceCertificateTbs = (certificate: Omit<DeviceCertificate, 'signature'>): Uint8Array =>
  encode(DeviceCertificateTBS, { ...certificate, label: utf8('Famichat 1.0 DeviceCertificate') })

/** The identity bytes of the device's MLS credential. */
export const encodeDeviceCertificate = (certificate: DeviceCertificate): Uint8Array => encode(DeviceCertificate, certificate)

/** Reads a certificate, not yet validated. @throws ProtocolError `protocol.certificate.refused` */
export const decodeDeviceCertificate = (bytes: Uint8Array): DeviceCertificate => {
  try {
    return decode(DeviceCertificate, bytes.slice())
  } catch (cause) {
    if (!isCodedError(cause)) throw cause
    throw new ProtocolError('protocol.certificate.refused', { reason: cause.code }, { cause })
  }
}

/** Ed25519 verification as the caller's platform has it. */
export type VerifySignature = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean | Promise<boolean>

/**
 * Checks version and signature. That the account key is the *right* one for the account is the caller's to know.
 * @throws ProtocolError `protocol.certificate.refused`
 */
export const validateDeviceCertificate = async (certificate: DeviceCertificate, verify: VerifySignature): Promise<void> => {
  if (certificate.version !== DEVICE_CERTIFICATE_VERSION) {
    throw new ProtocolError('protocol.certificate.refused', { version: certificate.version })
  }
  const authentic = await verify(certificate.accountKey, deviceCertificateTbs(certificate), certificate.signature)
  if (!authentic) throw new ProtocolError('protocol.certificate.refused')
}

/** A certificate inside another message: its bytes behind a length, kept as they were signed. */
export const certificateBytes: Codec<Uint8Array> = opaque({ min: 1, max: 512 })
