/**
 * Who a device is: the account key signs the device's key, once, and the list of the account's devices; the certificate travels
 * in every leaf (E13). An adult's devices all have the account key, so that each can link and revoke; of a child's only the first.
 */
import { encode, type Infer, opaque, optional, type RandomBytes, Secret, struct, text, utf8 } from '@famichat/base'
import { type CipherSuite, generateSignatureKey, type LeafParameters, makeBasicCredential, makeCapabilities, makeSigner, type Signer } from '@famichat/mls'
import {
  accountFingerprintInput, AccountId, decodeDeviceCertificate, DEVICE_CERTIFICATE_VERSION, type DeviceCertificate,
  deviceCertificateTbs, DeviceId, type DeviceList, deviceListTbs, encodeDeviceCertificate, encodeDeviceList, firstDeviceList, INVITE_FINGERPRINT_BYTES, LIMITS, makeId, normalizeAccountName,
} from '@famichat/protocol'
import { CONVERSATION_EXTENSION } from '../conversation/conversation-extension.js'
import type { IdentityRecord } from '../store/records.js'

/** A device that can sign. */
export interface Identity {
  readonly origin: string
  readonly accountName: string
  readonly certificate: DeviceCertificate
  readonly certificateBytes: Uint8Array
  readonly accountId: AccountId
  readonly deviceId: DeviceId
  /** The device's signature key: its MLS leaves, its tokens and channels, each under its own label. */
  readonly signer: Signer
  /** Undefined on linked devices of a child. */
  readonly accountSigner: Signer | undefined
  readonly inviterFingerprint: Uint8Array | undefined
}

/** What a new device is told. */
export interface IdentityRequest {
  readonly origin: string
  readonly accountName: string
  readonly nowMs: number
  readonly random: RandomBytes
  readonly admission: Omit<NonNullable<IdentityRecord['admission']>, 'deviceList'>
  readonly inviterFingerprint?: Uint8Array | undefined
}

/** A new account with its first device. @throws ProtocolError `protocol.name.malformed` */
export const makeIdentity = async (suite: CipherSuite, request: IdentityRequest): Promise<IdentityRecord> => {
  const { random, nowMs } = request
  const accountName = normalizeAccountName(request.accountName)
  const account = await generateSignatureKey(suite, random)
  const device = await generateSignatureKey(suite, random)
  const accountId = makeId<AccountId>(random)
  const listed = { deviceId: makeId<DeviceId>(random), deviceSignatureKey: device.signer.publicKey }
  const certificate = await certifyDevice(account.signer, { accountId, ...listed, listNumber: 1, nowMs })
  const deviceList = await signDeviceList(account.signer, firstDeviceList({ accountId, accountKey: account.signer.publicKey }, listed, nowMs))
  return {
    origin: request.origin,
    accountName,
    certificate: encodeDeviceCertificate(certificate),
    admission: { ...request.admission, deviceList },
    inviterFingerprint: request.inviterFingerprint,
    devicePrivateKey: takeBytes(device.privateKey),
    accountPrivateKey: takeBytes(account.privateKey),
  }
}

/** The account's word for a device. */
export const certifyDevice = async (
  accountSigner: Signer,
  { accountId, deviceId, deviceSignatureKey, listNumber, nowMs }:
  { accountId: AccountId; deviceId: DeviceId; deviceSignatureKey: Uint8Array; listNumber: number; nowMs: number },
): Promise<DeviceCertificate> => {
  const statement = {
    version: DEVICE_CERTIFICATE_VERSION, accountId, deviceId, accountKey: accountSigner.publicKey, deviceSignatureKey, listNumber, createdAtMs: nowMs,
  }
  return { ...statement, signature: await accountSigner.sign(deviceCertificateTbs(statement)) }
}

/** A version of the account's device list, signed. */
export const signDeviceList = async (accountSigner: Signer, list: Omit<DeviceList, 'signature'>): Promise<Uint8Array> =>
  encodeDeviceList({ ...list, signature: await accountSigner.sign(deviceListTbs(list)) })

/** The key of a device that will be linked; the private key is the caller's to store. */
export const makeDeviceKey = async (suite: CipherSuite, random: RandomBytes): Promise<{ signer: Signer; privateKeyBytes: Uint8Array }> => {
  const { signer, privateKey } = await generateSignatureKey(suite, random)
  return { signer, privateKeyBytes: takeBytes(privateKey) }
}

/** Readies a stored identity for signing. */
export const openIdentity = async (suite: CipherSuite, record: IdentityRecord): Promise<Identity> => {
  const certificate = decodeDeviceCertificate(record.certificate)
  const { accountPrivateKey } = record
  return {
    origin: record.origin,
    accountName: record.accountName,
    certificate,
    certificateBytes: record.certificate,
    accountId: certificate.accountId,
    deviceId: certificate.deviceId,
    signer: await makeSigner(suite, new Secret(record.devicePrivateKey.slice())),
    accountSigner: accountPrivateKey && await makeSigner(suite, new Secret(accountPrivateKey.slice())),
    inviterFingerprint: record.inviterFingerprint,
  }
}

/** What the device says of itself in its leaves. */
export const leafParameters = ({ certificateBytes }: Identity, random: RandomBytes): LeafParameters => ({
  credential: makeBasicCredential(certificateBytes),
  capabilities: makeCapabilities(random, { extensions: [CONVERSATION_EXTENSION] }),
})

/** 128 bits of an account key's hash, as invite links carry it. */
export const accountFingerprint = (suite: CipherSuite, accountKey: Uint8Array): Uint8Array =>
  suite.hash.digest(accountFingerprintInput(accountKey)).slice(0, INVITE_FINGERPRINT_BYTES)

/** What a new device says of itself in a link's mailbox. */
export const LinkOffer = struct({
  label: opaque(), deviceId: DeviceId, deviceSignatureKey: opaque({ min: 32, max: 32 }), deviceName: optional(text(LIMITS.nameCharacters * 4)),
})
/** The offer's label: an offer cannot be taken for an answer. */
export const encodeLinkOffer = (offer: Omit<Infer<typeof LinkOffer>, 'label'>): Uint8Array =>
  encode(LinkOffer, { label: utf8('Famichat 1.0 LinkOffer'), ...offer })

const takeBytes = (secret: Secret): Uint8Array => {
  const bytes = secret.expose().slice()
  secret.wipe()
  return bytes
}
