/**
 * MLS bytes with a true clear header and nothing behind it: the server reads no more of them.
 */
import { encode, opaque, struct, uint16, uint64, uint8, utf8 } from '@famichat/base'
import { type ConversationId, idToBytes } from '@famichat/protocol'

const bytes = opaque()
const privateMessage = struct({
  version: uint16, wireFormat: uint16, groupId: bytes, epoch: uint64, contentType: uint8, authenticatedData: bytes,
  encryptedSenderData: bytes, ciphertext: bytes,
})
const CONTENT = { application: 1, proposal: 2, commit: 3 } as const

/** A PrivateMessage. `fill` bytes of ciphertext that start with `text`. */
export const privateMessageBytes = (
  { conversationId, epoch, content = 'application', text = '', fill = 0 }:
  { conversationId: ConversationId; epoch: bigint; content?: keyof typeof CONTENT; text?: string; fill?: number },
): Uint8Array => {
  const ciphertext = new Uint8Array(Math.max(fill, text.length, 16))
  ciphertext.set(utf8(text))
  return encode(privateMessage, {
    version: 1, wireFormat: 2, groupId: idToBytes(conversationId), epoch, contentType: CONTENT[content],
    authenticatedData: new Uint8Array(0), encryptedSenderData: new Uint8Array(28), ciphertext,
  })
}

/** A Welcome with one recipient's secrets, as far as its header goes. */
export const welcomeBytes = (length = 200): Uint8Array =>
  encode(struct({ version: uint16, wireFormat: uint16, cipherSuite: uint16, secrets: bytes, groupInfo: bytes }), {
    version: 1, wireFormat: 3, cipherSuite: 3, secrets: new Uint8Array(0), groupInfo: new Uint8Array(length),
  })

const keyPackage = struct({
  version: uint16, wireFormat: uint16, keyPackageVersion: uint16, cipherSuite: uint16, initKey: bytes, encryptionKey: bytes,
  signatureKey: bytes, credentialType: uint16, identity: bytes, versions: bytes, cipherSuites: bytes, extensionTypes: bytes,
  proposals: bytes, credentials: bytes, source: uint8, notBefore: uint64, notAfter: uint64, leafExtensions: bytes,
  leafSignature: bytes, extensions: bytes, signature: bytes,
})

/** A KeyPackage message; `serial` makes it unlike others. */
export const keyPackageBytes = (
  { signatureKey, serial, nowMs, cipherSuite = 3, lifetimeSeconds = 30 * 86400, isLastResort = false }:
  { signatureKey: Uint8Array; serial: number; nowMs: number; cipherSuite?: number; lifetimeSeconds?: number; isLastResort?: boolean },
): Uint8Array => {
  const empty = new Uint8Array(0)
  const notBefore = BigInt(Math.floor(nowMs / 1000) - 60)
  return encode(keyPackage, {
    version: 1, wireFormat: 5, keyPackageVersion: 1, cipherSuite, initKey: new Uint8Array(32).fill(serial),
    encryptionKey: new Uint8Array(32), signatureKey, credentialType: 1, identity: empty, versions: Uint8Array.of(0, 1),
    cipherSuites: Uint8Array.of(0, 3), extensionTypes: empty, proposals: empty, credentials: Uint8Array.of(0, 1), source: 1,
    notBefore, notAfter: notBefore + BigInt(lifetimeSeconds), leafExtensions: empty, leafSignature: new Uint8Array(64),
    extensions: isLastResort ? Uint8Array.of(0, 10, 0) : empty, signature: new Uint8Array(64),
  })
}
