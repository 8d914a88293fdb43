/**
 * The envelope's metadata as the design names it: encryption_version, encryption_flag, key_id, epoch. On the wire they are two
 * fields, `encryption` and `epoch`; this is how they are read, and written out where people or other programs look.
 */
import { Encryption } from './conversation-policy.js'
import type { EnvelopeHeader } from './envelope.js'
import type { ConversationId } from './ids.js'

/** What an envelope says about the protection of its content. */
export interface EnvelopeMetadata {
  /** Whether the content is ciphertext. */
  readonly encryptionFlag: boolean
  /** Which format the ciphertext has: 1 for MLS 1.0 (RFC 9420); 0 where there is none. */
  readonly encryptionVersion: Encryption
  /**
   * Which keys open it: those of this conversation's epoch, `<conversation id>:<epoch>`. It says nothing that the header does not.
   * Undefined where there is no ciphertext.
   */
  readonly keyId: string | undefined
  readonly epoch: bigint
}

/** The metadata of an envelope. */
export const metadataOf = ({ encryption, conversationId, epoch }: Pick<EnvelopeHeader, 'encryption' | 'conversationId' | 'epoch'>): EnvelopeMetadata => {
  const encryptionFlag = encryption !== Encryption.none
  return { encryptionFlag, encryptionVersion: encryption, keyId: encryptionFlag ? makeKeyId(conversationId, epoch) : undefined, epoch }
}

/** The stored form of an envelope in JSON, with the design's names; numbers that may exceed 2^53 are texts. */
export const envelopeToJson = (header: EnvelopeHeader): Readonly<Record<string, unknown>> => {
  const { encryptionFlag, encryptionVersion, keyId, epoch } = metadataOf(header)
  return {
    id: header.messageId,
    conversation_id: header.conversationId,
    seq: header.seq,
    sender_device: header.senderDevice,
    metadata: {
      encryption_version: encryptionVersion,
      encryption_flag: encryptionFlag,
      key_id: keyId ?? null,
      epoch: epoch.toString(),
    },
    created_at: new Date(header.createdAtMs).toISOString(),
  }
}

const makeKeyId = (conversationId: ConversationId, epoch: bigint): string => `${conversationId}:${epoch.toString()}`
