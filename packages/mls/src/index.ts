/**
 * @famichat/mls: Messaging Layer Security (RFC 9420).
 */
export type { CryptoBackend, KeyPair, MaybePromise } from './crypto/backend.js'
export { CipherSuiteId, type CipherSuite, DEFAULT_CIPHER_SUITE, makeCipherSuite, supportedCipherSuites } from './crypto/cipher-suite.js'
export { generateSignatureKey, makeSigner, type Signer } from './crypto/signer.js'
export { MLS_ERRORS, MlsError, type MlsErrorCode } from './errors.js'
export type { GroupConfig, GroupPolicy, PskSource } from './group/config.js'
export type { NewGroup } from './group/create-group.js'
export type { ExternalJoinRequest } from './group/external-join.js'
export { Group, type JoinedGroup, type StartedGroup, type StoredGroup, type WelcomeJoin, type WithAuthenticatedData } from './group/group.js'
export { makeExternalSenders, makeRequiredCapabilities, readRequiredCapabilities } from './group/context-extensions.js'
export { makeGreaseExtension } from './group/grease.js'
export { makeExternalProposal, makeNewMemberProposal, type ProposalTarget } from './group/outside-proposals.js'
export type { GroupInfoContents } from './group/group-info.js'
export {
  decodeKeyPackageBundle, encodeKeyPackageBundle, type KeyPackageBundle, type LeafParameters, makeCapabilities, makeKeyPackage, makeLifetime,
} from './group/key-package-bundle.js'
export type { CommitBundle, CommitRequest, Member, Processed } from './group/outcomes.js'
export {
  decodeKeyPackage, makeAdd, makeExternalPsk, makeGroupContextExtensions, makeReInit, makeRemove, makeResumptionPsk, makeSelfRemove,
} from './group/proposals.js'
export type { BranchRequest, SuccessorRequest } from './group/successor.js'
export type { StagedCommit } from './group/staged-commit.js'
export type { GroupStatus } from './group/stored.js'
export { limits } from './limits.js'
export type { StateRow } from './state-row.js'
export type { AuthenticationService, Claim } from './validate/authentication.js'
export type { SentProposal } from './validate/proposal-list.js'
export { type Credential, makeBasicCredential } from './wire/credential.js'
export type { Capabilities, Extension, ExternalSender, RequiredCapabilities } from './wire/extension.js'
export type { GroupContext } from './wire/group-info.js'
export type { KeyPackage } from './wire/key-package.js'
export type { LeafNode } from './wire/leaf-node.js'
export type { PreSharedKeyID, Proposal } from './wire/proposal.js'
export { CredentialType, ExtensionType, type LeafIndex, ProposalType, PSKType, ResumptionPSKUsage } from './wire/registries.js'
