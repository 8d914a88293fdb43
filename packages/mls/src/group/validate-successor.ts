/**
 * Is a new group what it claims to be: the successor of a closed group, or a branch of a running one (RFC 9420 §11.2, §11.3)?
 * Layer: group.
 */
import { bytesKey, encode, equal } from '@famichat/base'
import type { MaybePromise } from '../crypto/backend.js'
import { check } from '../errors.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import type { AuthenticationService } from '../validate/authentication.js'
import { Credential } from '../wire/credential.js'
import { Extensions } from '../wire/extension.js'
import type { GroupContext } from '../wire/group-info.js'
import type { LeafNode } from '../wire/leaf-node.js'
import type { PreSharedKeyID } from '../wire/proposal.js'
import { PSKType, ResumptionPSKUsage } from '../wire/registries.js'
import type { Epoch } from './epoch.js'
import type { GroupState } from './group-state.js'
import type { OwnResumptionPsks } from './psks.js'

/** The older group a Welcome refers to, and as what. */
export interface LinkedGroup {
  readonly usage: ResumptionPSKUsage
  readonly pskEpoch: bigint
  readonly previous: OlderGroup
}

/** What a new group is compared with. */
export interface OlderGroup {
  readonly epoch: Pick<Epoch, 'context' | 'tree'>
  readonly reinit: GroupState['reinit']
}

/**
 * Finds the PSK of usage reinit or branch among those of a Welcome, and the group it comes from.
 * @throws MlsError `mls.psk.wrong_usage` | `mls.psk.unknown` | `mls.group.inactive`
 */
export const findLink = (
  psks: readonly PreSharedKeyID[], findGroup: ((groupId: Uint8Array) => GroupState | undefined) | undefined,
): (LinkedGroup & { readonly psks: OwnResumptionPsks }) | undefined => {
  const linking = psks.flatMap((psk) => (psk.psktype === PSKType.resumption && psk.usage !== ResumptionPSKUsage.application ? [psk] : []))
  // §12.4.3.1: it MUST be the only such PSK
  check(linking.length <= 1, 'mls.psk.wrong_usage')
  const [psk] = linking
  if (psk === undefined) return undefined
  const previous = findGroup?.(psk.pskGroupId)
  // without its state nothing of what §12.4.3.1 asks can be verified
  check(previous !== undefined && equal(previous.epoch.context.groupId, psk.pskGroupId), 'mls.psk.unknown')
  check(previous.status !== 'removed', 'mls.group.inactive')
  return { usage: psk.usage, pskEpoch: psk.pskEpoch, previous, psks: previous.resumptionPsks }
}

/** What a Welcome says of the new group. */
export interface NewGroupState {
  readonly groupContext: GroupContext
  readonly tree: RatchetTree
}

/** @throws MlsError `mls.welcome.wrong_epoch` | `mls.welcome.reinit_mismatch` | `mls.welcome.branch_mismatch` */
export const validateSuccessor = async (
  authentication: AuthenticationService, { usage, pskEpoch, previous }: LinkedGroup, { groupContext, tree }: NewGroupState,
): Promise<void> => {
  check(groupContext.epoch === 1n, 'mls.welcome.wrong_epoch', { epoch: groupContext.epoch })
  const { context, tree: oldTree } = previous.epoch
  const [before, after] = [leavesOf(oldTree), leavesOf(tree)]
  if (usage === ResumptionPSKUsage.reinit) {
    check(pskEpoch === context.epoch && matchesReInit(groupContext, previous.reinit), 'mls.welcome.reinit_mismatch')
    check(await everyMemberFollowed(authentication, before, after), 'mls.welcome.reinit_mismatch')
  } else {
    // the version is the same too: no other than mls10 can be decoded
    check(groupContext.cipherSuite === context.cipherSuite, 'mls.welcome.branch_mismatch', { cipherSuite: groupContext.cipherSuite })
    check(await everyMemberCameFrom(authentication, before, after), 'mls.welcome.branch_mismatch')
  }
}

/** §11.2: no member of the old group is left behind. */
export const everyMemberFollowed = (authentication: AuthenticationService, before: readonly LeafNode[], after: readonly LeafNode[]): Promise<boolean> =>
  allMatch(before, after, (old, next) => authentication.isSuccessor(old, next))

/** §11.3: every member of the branch is one of the old group. */
export const everyMemberCameFrom = (authentication: AuthenticationService, before: readonly LeafNode[], after: readonly LeafNode[]): Promise<boolean> =>
  allMatch(after, before, (next, old) => authentication.isSuccessor(old, next))

/** The leaves of a tree, in leaf order. */
export const leavesOf = (tree: RatchetTree): readonly LeafNode[] => [...tree.members()].map(([, leaf]) => leaf)

const matchesReInit = (groupContext: GroupContext, reinit: GroupState['reinit']): boolean =>
  groupContext.cipherSuite === reinit?.cipherSuite
  && equal(groupContext.groupId, reinit.groupId)
  && equal(encode(Extensions, groupContext.extensions), encode(Extensions, reinit.extensions))

type SameClient = (leaf: LeafNode, other: LeafNode) => MaybePromise<boolean>

/** Equal credentials present equal identifiers; of others the application is asked. */
const allMatch = async (leaves: readonly LeafNode[], among: readonly LeafNode[], areTheSame: SameClient): Promise<boolean> => {
  const credentials = new Set(among.map(credentialKey))
  for (const leaf of leaves) {
    if (!credentials.has(credentialKey(leaf)) && !await someMatch(leaf, among, areTheSame)) return false
  }
  return true
}

const someMatch = async (leaf: LeafNode, among: readonly LeafNode[], areTheSame: SameClient): Promise<boolean> => {
  for (const other of among) if (await areTheSame(leaf, other)) return true
  return false
}

const credentialKey = ({ credential }: LeafNode): string => bytesKey(encode(Credential, credential))
