/**
 * What stored rows must say besides having a right checksum: sizes that fit, and a place in the tree that is the member's own.
 * Layer: group. A store is trusted to keep secrets, not to be free of damage, old rows and bugs.
 */
import type { CipherSuite } from '../crypto/cipher-suite.js'
import { check } from '../errors.js'
import { limits } from '../limits.js'
import { directPath, fullLeafCount, leafToNode, toNodeIndex } from '../tree/math.js'
import type { RatchetTree } from '../tree/ratchet-tree.js'
import type { GroupStatus, StoredHeader } from './stored.js'

/** A tree of so many leaves can exist: looked at before anything is allocated for it. @throws MlsError `mls.snapshot.malformed` */
export const validateStoredLeafCount = (leafCount: number): void => {
  check(leafCount > 0 && leafCount <= limits.maxLeaves && fullLeafCount(leafCount) === leafCount, 'mls.snapshot.malformed', { leafCount })
}

/**
 * An epoch's secrets have their length, and its keys belong to the member's leaf and the nodes above it.
 * @throws MlsError `mls.snapshot.malformed`
 */
export const validateStoredEpoch = (suite: CipherSuite, header: StoredHeader, { tree, status }: { readonly tree: RatchetTree; readonly status: GroupStatus }): void => {
  check(header.context.cipherSuite === suite.id && header.cipherSuite === suite.id, 'mls.snapshot.malformed')
  const secrets = [...header.secrets, ...header.exporterNodes.map(({ key }) => key)]
  check(secrets.every(({ length }) => length === suite.hashLength), 'mls.snapshot.malformed')
  check(tree.leaf(header.ownLeaf) !== undefined, 'mls.snapshot.malformed', { ownLeaf: header.ownLeaf })
  if (status === 'removed') return
  const own = leafToNode(header.ownLeaf)
  const places = new Set([own, ...directPath(header.ownLeaf, tree.leafCount)])
  const keys = new Set(header.privateKeys.map(({ node }) => toNodeIndex(node)))
  check(keys.size === header.privateKeys.length && keys.has(own) && [...keys].every((node) => places.has(node)), 'mls.snapshot.malformed')
}
