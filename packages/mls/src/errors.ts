/**
 * Every refusal of the engine: one code, one text, the RFC 9420 section, and the ids of the checks it answers
 * (docs/mls-validation.md is generated from this table).
 */
import { CodedError, type ErrorDetail } from '@famichat/base'

interface MlsErrorEntry {
  readonly rfc: string
  readonly text: string
}

const define = <const Catalogue extends Readonly<Record<string, MlsErrorEntry>>>(catalogue: Catalogue): Catalogue => catalogue

/** Closed catalogue: never renumbered, never reused. */
export const MLS_ERRORS = define({
  // crypto
  'mls.crypto.open_failed': { rfc: '5.1.3', text: 'ciphertext does not open' },
  'mls.crypto.bad_public_key': { rfc: '5.1.1', text: 'public key is not valid for the cipher suite' },
  'mls.crypto.bad_private_key': { rfc: '5.1.1', text: 'private key is not valid for the cipher suite' },
  'mls.crypto.unsupported_suite': { rfc: '13.1', text: 'cipher suite is not supported' },
  // messages
  'mls.message.too_large': { rfc: '6', text: 'message is larger than the limit' },
  'mls.message.unexpected_kind': { rfc: '6', text: 'message has another wire format than this operation takes' },
  'mls.message.wrong_group': { rfc: '6', text: 'message belongs to another group' },
  'mls.message.wrong_epoch': { rfc: '12.4.2', text: 'message belongs to an epoch that is not open' },
  'mls.message.wrong_content_type': { rfc: '6', text: 'content type is not allowed from this sender or in this framing' },
  'mls.message.unknown_sender': { rfc: '6.3.2', text: 'sender is not a member of the group' },
  'mls.message.decrypt_failed': { rfc: '6.3.1', text: 'message does not decrypt' },
  'mls.message.bad_padding': { rfc: '6.3.1', text: 'padding is not all zero' },
  'mls.message.bad_signature': { rfc: '6.1', text: 'signature does not verify' },
  'mls.message.bad_membership_tag': { rfc: '6.2', text: 'membership tag does not verify' },
  'mls.message.key_consumed': { rfc: '9.2', text: 'message key was used before or has been deleted' },
  'mls.message.generation_too_far': { rfc: '15.3', text: 'generation is too far ahead' },
  'mls.message.public_not_allowed': { rfc: '6', text: 'group policy asks for private messages' },
  'mls.message.own_pending': { rfc: '14', text: 'own message came back but does not match what was sent' },
  // leaf nodes
  'mls.leaf.bad_signature': { rfc: '7.3', text: 'leaf node signature does not verify' },
  'mls.leaf.credential_rejected': { rfc: '5.3.1', text: 'credential is not accepted' },
  'mls.leaf.not_successor': { rfc: '5.3.1', text: 'new credential is not a valid successor of the old one' },
  'mls.leaf.not_own_signer': { rfc: '5.1.2', text: 'signer holds another key than the own leaf' },
  'mls.leaf.wrong_source': { rfc: '7.3', text: 'leaf node source does not fit its place' },
  'mls.leaf.expired': { rfc: '7.3', text: 'current time is outside of the lifetime' },
  'mls.leaf.lifetime_too_long': { rfc: '7.2', text: 'lifetime is longer than accepted' },
  'mls.leaf.unsupported_version_or_suite': { rfc: '7.2', text: 'capabilities lack the protocol version or cipher suite of the group' },
  'mls.leaf.own_credential_unsupported': { rfc: '7.2', text: 'capabilities lack the credential type of the leaf itself' },
  'mls.leaf.extension_unsupported': { rfc: '7.3', text: 'leaf extension is not listed in its capabilities' },
  'mls.leaf.lacks_required_capability': { rfc: '7.3', text: 'leaf lacks a required capability' },
  'mls.leaf.lacks_group_extension': { rfc: '13.4', text: 'leaf does not support an extension of the group' },
  'mls.leaf.credential_mismatch': { rfc: '7.3', text: 'a credential type in use is not supported by every member' },
  'mls.leaf.same_encryption_key': { rfc: '7.3', text: 'encryption key equals the one it replaces' },
  'mls.leaf.duplicate_signature_key': { rfc: '7.3', text: 'signature key is already in the group' },
  'mls.leaf.duplicate_encryption_key': { rfc: '7.3', text: 'encryption key is already in the tree' },
  'mls.leaf.key_reuse': { rfc: '16.7', text: 'signature key equals an encryption key' },
  'mls.x509.malformed': { rfc: '5.3', text: 'not an X.509 certificate, or not a chain of them' },
  'mls.extension.duplicate': { rfc: '13.4', text: 'two extensions have the same type' },
  'mls.extension.misplaced': { rfc: '17.3', text: 'extension may not appear here' },
  'mls.extension.unsupported': { rfc: '13.4', text: 'group uses an extension this client does not support' },
  // key packages
  'mls.key_package.bad_signature': { rfc: '10.1', text: 'KeyPackage signature does not verify' },
  'mls.key_package.wrong_version_or_suite': { rfc: '10.1', text: 'KeyPackage has another version or cipher suite than the group' },
  'mls.key_package.init_key_reused': { rfc: '10.1', text: 'init key equals the encryption key' },
  'mls.key_package.duplicate_init_key': { rfc: '10', text: 'two KeyPackages have the same init key' },
  'mls.key_package.consumed': { rfc: '16.8', text: 'KeyPackage was used before' },
  // proposals
  'mls.proposal.update_by_committer': { rfc: '12.2', text: 'commit contains an update of the committer' },
  'mls.proposal.remove_of_committer': { rfc: '12.2', text: 'commit removes the committer' },
  'mls.proposal.same_leaf_twice': { rfc: '12.2', text: 'two proposals change the same leaf' },
  'mls.proposal.duplicate_add': { rfc: '12.2', text: 'client is added twice or is already a member' },
  'mls.proposal.duplicate_psk': { rfc: '12.2', text: 'two proposals name the same PSK' },
  'mls.proposal.duplicate_group_context_extensions': { rfc: '12.2', text: 'two GroupContextExtensions proposals' },
  'mls.proposal.reinit_not_alone': { rfc: '12.2', text: 'ReInit comes with other proposals' },
  'mls.proposal.external_init_in_member_commit': { rfc: '12.2', text: 'ExternalInit in a commit by a member' },
  'mls.proposal.unsupported_type': { rfc: '12.2', text: 'proposal type is not supported by every member' },
  'mls.proposal.unknown_leaf': { rfc: '12.1.3', text: 'proposal names a leaf that is blank or outside of the tree' },
  'mls.proposal.update_by_value': { rfc: '12.1.2', text: 'an update must be sent by its own member and committed by reference' },
  'mls.proposal.required_unsupported': { rfc: '12.1.7', text: 'required capabilities are not supported by every member' },
  'mls.proposal.unknown_reference': { rfc: '12.4', text: 'commit refers to a proposal that is not known in this epoch' },
  'mls.proposal.repeated_reference': { rfc: '12.4', text: 'commit refers to the same proposal twice' },
  'mls.proposal.pending': { rfc: '12.4', text: 'proposals must be committed before application data is sent' },
  'mls.proposal.self_remove_not_by_reference': { rfc: 'draft-ietf-mls-extensions-08 6.3', text: 'a SelfRemove must be sent by the leaving member and committed by reference' },
  'mls.proposal.too_many': { rfc: '12.2', text: 'more proposals than allowed' },
  // PSKs
  'mls.psk.bad_nonce': { rfc: '8.4', text: 'PSK nonce has the wrong length' },
  'mls.psk.wrong_usage': { rfc: '8.4', text: 'resumption PSK with this usage is not allowed here' },
  'mls.psk.unknown': { rfc: '8.4', text: 'PSK is not held' },
  'mls.psk.too_many': { rfc: '8.4', text: 'more PSKs than allowed' },
  // external joins and senders
  'mls.external.not_exactly_one_init': { rfc: '12.2', text: 'external commit needs exactly one ExternalInit' },
  'mls.external.too_many_removes': { rfc: '12.2', text: 'external commit removes more than one member' },
  'mls.external.proposal_not_allowed': { rfc: '12.2', text: 'proposal type is not allowed in an external commit' },
  'mls.external.by_reference': { rfc: '12.4.3.2', text: 'external commit refers to a proposal' },
  'mls.external.no_external_pub': { rfc: '12.4.3.2', text: 'GroupInfo has no external public key' },
  'mls.external.not_allowed': { rfc: '16.5', text: 'group policy refuses external commits' },
  'mls.external.unknown_sender': { rfc: '12.1.8', text: 'external sender is not listed in the group' },
  'mls.external.sender_rejected': { rfc: '5.3.1', text: 'credential of an external sender is not accepted' },
  'mls.external.wrong_proposal': { rfc: '12.1.8', text: 'external sender may not send this content' },
  // commits
  'mls.commit.path_missing': { rfc: '12.4.2', text: 'commit needs an update path' },
  'mls.commit.path_wrong_length': { rfc: '7.6', text: 'update path does not fit the filtered direct path' },
  'mls.commit.wrong_ciphertext_count': { rfc: '7.6', text: 'number of path ciphertexts does not fit the resolution' },
  'mls.commit.path_secret_undecryptable': { rfc: '7.6', text: 'path secret does not decrypt' },
  'mls.commit.path_key_mismatch': { rfc: '7.6', text: 'path secret does not lead to the public key sent' },
  'mls.commit.path_key_reused': { rfc: '12.4.2', text: 'a key of the update path is already in the tree' },
  'mls.commit.bad_parent_hash': { rfc: '7.9.2', text: 'parent hash of the committer is wrong' },
  'mls.commit.bad_confirmation_tag': { rfc: '12.4.2', text: 'confirmation tag does not verify' },
  'mls.commit.epoch_left': { rfc: '14', text: 'staged commit is of another group, or of an epoch already left' },
  'mls.commit.pending': { rfc: '14', text: 'a commit of this member is already pending' },
  // welcome and group info
  'mls.welcome.not_for_me': { rfc: '12.4.3.1', text: 'Welcome holds no secret for these KeyPackages' },
  'mls.welcome.repeated_entry': { rfc: '12.4.3.1', text: 'Welcome names the same KeyPackage twice' },
  'mls.welcome.undecryptable': { rfc: '12.4.3.1', text: 'Welcome does not decrypt' },
  'mls.welcome.wrong_suite': { rfc: '12.4.3.1', text: 'cipher suites of Welcome, KeyPackage and group differ' },
  'mls.welcome.no_tree': { rfc: '12.4.3.3', text: 'ratchet tree is neither in the message nor given' },
  'mls.welcome.tree_disagrees': { rfc: '12.4.3.3', text: 'ratchet tree given differs from the one in the message' },
  'mls.welcome.not_in_tree': { rfc: '12.4.3.1', text: 'no leaf of the tree is the one of the KeyPackage' },
  'mls.welcome.bad_path_secret': { rfc: '12.4.3.1', text: 'path secret does not lead to the keys of the tree' },
  'mls.welcome.wrong_epoch': { rfc: '11.2', text: 'a reinitialised or branched group must start at epoch 1' },
  'mls.welcome.reinit_mismatch': { rfc: '11.2', text: 'new group does not match the ReInit proposal' },
  'mls.welcome.branch_mismatch': { rfc: '11.3', text: 'new group is not a branch of the old one' },
  'mls.welcome.known_group': { rfc: '12.4.3.1', text: 'a group with this id is already known' },
  'mls.group_info.bad_signature': { rfc: '12.4.3.1', text: 'GroupInfo signature does not verify' },
  'mls.group_info.bad_confirmation_tag': { rfc: '12.4.3.1', text: 'confirmation tag of the GroupInfo does not verify' },
  // tree
  'mls.tree.malformed': { rfc: '12.4.3.3', text: 'ratchet tree is not well formed' },
  'mls.tree.too_large': { rfc: '7', text: 'ratchet tree is larger than the limit' },
  'mls.tree.bad_hash': { rfc: '12.4.3.1', text: 'tree hash does not match the group context' },
  'mls.tree.bad_parent_hash': { rfc: '7.9.2', text: 'a parent node is not parent-hash valid' },
  'mls.tree.bad_unmerged_leaves': { rfc: '12.4.3.1', text: 'unmerged leaves are not consistent' },
  'mls.tree.duplicate_key': { rfc: '12.4.3.1', text: 'an encryption key appears twice in the tree' },
  // group life
  'mls.group.inactive': { rfc: '12.4.2', text: 'this member is no longer in the group' },
  'mls.group.reinitialised': { rfc: '11.2', text: 'group was closed by a ReInit' },
  'mls.group.not_reinitialised': { rfc: '11.2', text: 'group was not closed by a ReInit' },
  'mls.group.message_limit': { rfc: '15.2', text: 'message limit of this epoch is reached: commit first' },
  'mls.exporter.bad_length': { rfc: '8.5', text: 'exported length is out of range' },
  'mls.exporter.bad_component': { rfc: 'draft-ietf-mls-extensions-08 4.4', text: 'component id is not a uint16' },
  'mls.exporter.consumed': { rfc: 'draft-ietf-mls-extensions-08 4.4', text: 'secret of this component was exported before in this epoch' },
  'mls.snapshot.malformed': { rfc: '', text: 'stored state is damaged or of another kind' },
  'mls.snapshot.stale': { rfc: '', text: 'stored state is older than expected' },
})

/** The code of a refusal: what to compare, for texts may change. */
export type MlsErrorCode = keyof typeof MLS_ERRORS

/** The engine's single error class. Anything refused changes no state (E31). */
export class MlsError extends CodedError<MlsErrorCode> {
  override readonly name = 'MlsError'
  constructor(code: MlsErrorCode, detail?: ErrorDetail, options?: ErrorOptions) {
    super(code, MLS_ERRORS[code].text, detail, options)
  }
}

/** Refuses with `code` unless `accepted`. @throws MlsError */
export function check(accepted: boolean, code: MlsErrorCode, detail?: ErrorDetail): asserts accepted {
  if (!accepted) throw new MlsError(code, detail)
}
