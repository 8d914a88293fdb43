/**
 * From one epoch to the next (RFC 9420 §8, §12.4): contexts, transcript, key schedule. Shared by every kind of commit.
 * Layer: group. Touches nothing of the old epoch.
 */
import type { Secret } from '@famichat/base'
import { zeroSecret } from '../crypto/labels.js'
import { confirmationTag, deriveEpoch, deriveJoinerSecret } from '../schedule/key-schedule.js'
import { derivePskSecret, type PreSharedKey } from '../schedule/psk.js'
import { ExporterTree } from '../schedule/exporter-tree.js'
import { SecretTree } from '../schedule/secret-tree.js'
import { type CommittedContent, confirmedTranscriptHash, interimTranscriptHash } from '../schedule/transcript.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import { treeHash } from '../tree/tree-hash.js'
import type { PrivateKeys } from '../tree/treekem.js'
import type { Extension } from '../wire/extension.js'
import type { GroupContext } from '../wire/group-info.js'
import type { LeafIndex } from '../wire/registries.js'
import { type Epoch, livePrivateKeys, withBytes } from './epoch.js'

/** The GroupContext path secrets are sealed in (§12.4.1): all new but the confirmed transcript hash. */
export const provisionalContext = (before: Epoch, tree: RatchetTree, extensions: readonly Extension[]): GroupContext => ({
  ...before.context,
  epoch: before.context.epoch + 1n,
  treeHash: treeHash(before.suite, tree),
  extensions,
})

/** Everything a commit contributes to the next epoch. */
export interface Transition {
  readonly tree: RatchetTree
  readonly extensions: readonly Extension[]
  readonly commit: CommittedContent
  /** From ExternalInit; the epoch's own init_secret when absent. */
  readonly initSecret: Secret | undefined
  /** From the path; all-zero when absent. Wiped here. */
  readonly commitSecret: Secret | undefined
  readonly psks: readonly PreSharedKey[]
  /** Old and new keys of this member; those of blank nodes are left out. */
  readonly privateKeys: PrivateKeys
  readonly ownLeaf: LeafIndex
}

export interface Advanced {
  readonly next: Epoch
  readonly joinerSecret: Secret
  readonly welcomeSecret: Secret
}

/** Derives the next epoch (§8). The caller owns what it returns. */
export const advance = (before: Epoch, transition: Transition): Advanced => {
  const { suite } = before
  const { tree, extensions, commit, psks } = transition
  const confirmed = confirmedTranscriptHash(suite, before.interimTranscriptHash, commit)
  const { context, contextBytes } = withBytes({ ...provisionalContext(before, tree, extensions), confirmedTranscriptHash: confirmed })
  const commitSecret = transition.commitSecret ?? zeroSecret(suite)
  const initSecret = transition.initSecret ?? before.secrets.initSecret
  const joinerSecret = deriveJoinerSecret(suite, { initSecret, commitSecret }, contextBytes)
  commitSecret.wipe()
  transition.initSecret?.wipe()
  const pskSecret = derivePskSecret(suite, psks)
  const { secrets, encryptionSecret, applicationExportSecret, welcomeSecret } = deriveEpoch(suite, { joinerSecret, pskSecret }, contextBytes)
  pskSecret.wipe()
  const tag = confirmationTag(suite, secrets.confirmationKey, confirmed)
  const next: Epoch = {
    suite,
    context,
    contextBytes,
    tree: tree.freeze(),
    interimTranscriptHash: interimTranscriptHash(suite, confirmed, tag),
    confirmationTag: tag,
    secrets,
    secretTree: SecretTree.fromEncryptionSecret(suite, encryptionSecret, tree.leafCount),
    exporterTree: ExporterTree.fromRoot(suite, applicationExportSecret),
    privateKeys: livePrivateKeys(tree, transition.privateKeys, transition.ownLeaf),
    ownLeaf: transition.ownLeaf,
  }
  return { next, joinerSecret, welcomeSecret }
}
