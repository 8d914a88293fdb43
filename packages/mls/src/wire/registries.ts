/**
 * The code points of RFC 9420 §17. Closed registries are refused when unknown; open ones keep unknown values.
 * Layer: wire.
 */
import { type Branded, branded, closed, type Codec, opaque, uint16, uint32, uint8 } from '@famichat/base'
import { limits } from '../limits.js'

/** Closed: only mls10 is spoken. */
export const ProtocolVersion = { mls10: 1 } as const
export type ProtocolVersion = (typeof ProtocolVersion)[keyof typeof ProtocolVersion]

/** Closed (§6). */
export const WireFormat = { publicMessage: 1, privateMessage: 2, welcome: 3, groupInfo: 4, keyPackage: 5 } as const
export type WireFormat = (typeof WireFormat)[keyof typeof WireFormat]

/** Closed (§6). */
export const ContentType = { application: 1, proposal: 2, commit: 3 } as const
export type ContentType = (typeof ContentType)[keyof typeof ContentType]

/** Closed (§6). */
export const SenderType = { member: 1, external: 2, newMemberProposal: 3, newMemberCommit: 4 } as const

/** Closed (§7.2). */
export const LeafNodeSource = { keyPackage: 1, update: 2, commit: 3 } as const
export type LeafNodeSource = (typeof LeafNodeSource)[keyof typeof LeafNodeSource]

/** Closed (§7.8). */
export const NodeType = { leaf: 1, parent: 2 } as const

/** Closed (§8.4). */
export const PSKType = { external: 1, resumption: 2 } as const

/** Closed (§8.4). */
export const ResumptionPSKUsage = { application: 1, reinit: 2, branch: 3 } as const
export type ResumptionPSKUsage = (typeof ResumptionPSKUsage)[keyof typeof ResumptionPSKUsage]

/** Closed (§12.4). */
export const ProposalOrRefType = { proposal: 1, reference: 2 } as const

/** Open (§17.5): credential types this engine can read. */
export const CredentialType = { basic: 1, x509: 2 } as const

/** Open (§17.3). */
export const ExtensionType = {
  applicationId: 1,
  ratchetTree: 2,
  requiredCapabilities: 3,
  externalPub: 4,
  externalSenders: 5,
  /** MLS extensions draft: the KeyPackage may be used more than once. */
  lastResort: 10,
} as const

/** Open (§17.4). */
export const ProposalType = {
  add: 1,
  update: 2,
  remove: 3,
  psk: 4,
  reinit: 5,
  externalInit: 6,
  groupContextExtensions: 7,
  /** MLS extensions draft (draft-ietf-mls-extensions-08 §6.3): the sender leaves; never a default type. */
  selfRemove: 10,
} as const

/** The extension types every client supports without listing them (§7.2). */
export const isDefaultExtension = (type: number): boolean => type >= 1 && type <= 5

/** The proposal types every client supports without listing them (§7.2). */
export const isDefaultProposal = (type: number): boolean => type >= 1 && type <= 7

/** A leaf's position, left to right from 0 (§7). */
export type LeafIndex = Branded<number, 'LeafIndex'>
export const leafIndex: Codec<LeafIndex> = branded(uint32)

export const protocolVersion = closed(uint16, ProtocolVersion, 'ProtocolVersion')
export const wireFormat = closed(uint16, WireFormat, 'WireFormat')
export const contentType = closed(uint8, ContentType, 'ContentType')

/** Public keys, private keys, signatures and KEM outputs: never empty, never larger than any known suite's. */
export const keyBytes = opaque({ min: 1, max: limits.maxKeyBytes })
/** Hashes and MACs that may be empty (a root's parent_hash). */
export const hashBytes = opaque({ max: limits.maxHashBytes })
export const groupId = opaque({ max: limits.maxGroupIdBytes })
