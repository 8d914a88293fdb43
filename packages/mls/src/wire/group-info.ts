/**
 * GroupContext, GroupInfo, Welcome and the secrets a Welcome carries (RFC 9420 §8.1, §12.4.3).
 * Layer: wire.
 */
import { type Codec, encode, type Infer, opaque, optional, secretBytes, struct, uint16, uint64, vector } from '@famichat/base'
import { limits } from '../limits.js'
import { Extensions } from './extension.js'
import { hashReference, HPKECiphertext, PreSharedKeyID } from './proposal.js'
import { groupId, hashBytes, keyBytes, leafIndex, protocolVersion } from './registries.js'

/** §8.1 */
export const GroupContext = struct({
  version: protocolVersion,
  cipherSuite: uint16,
  groupId,
  epoch: uint64,
  treeHash: hashBytes,
  confirmedTranscriptHash: hashBytes,
  extensions: Extensions,
})
export type GroupContext = Infer<typeof GroupContext>

const groupInfoFields = {
  groupContext: GroupContext,
  extensions: Extensions,
  confirmationTag: hashBytes,
  signer: leafIndex,
}

/** §12.4.3 */
export const GroupInfo = struct({ ...groupInfoFields, signature: keyBytes })
export type GroupInfo = Infer<typeof GroupInfo>
export type UnsignedGroupInfo = Omit<GroupInfo, 'signature'>
const UnsignedGroupInfo: Codec<UnsignedGroupInfo> = struct(groupInfoFields)

/** GroupInfoTBS (§12.4.3). */
export const encodeGroupInfoTBS = (groupInfo: UnsignedGroupInfo): Uint8Array => encode(UnsignedGroupInfo, groupInfo)

const secret = secretBytes({ max: limits.maxHashBytes })

/** §12.4.3.1; decoding makes the caller own its secrets. */
export const GroupSecrets = struct({
  joinerSecret: secret,
  pathSecret: optional(struct({ pathSecret: secret })),
  psks: vector(PreSharedKeyID, { max: limits.maxPsks }),
})
export type GroupSecrets = Infer<typeof GroupSecrets>

/** §12.4.3.1 */
const EncryptedGroupSecrets = struct({ newMember: hashReference, encryptedGroupSecrets: HPKECiphertext })

/** §12.4.3.1 */
export const Welcome = struct({
  cipherSuite: uint16,
  secrets: vector(EncryptedGroupSecrets, { max: limits.maxLeaves }),
  encryptedGroupInfo: opaque({ min: 1, max: limits.maxMessageBytes }),
})
export type Welcome = Infer<typeof Welcome>
