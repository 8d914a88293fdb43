/**
 * Update proposals (RFC 9420 §12.1.2) for ts-mls: it processes and commits others' Updates, but offers no way to make
 * one. Built from its own leaf encoder and signature, so that its messages carry it.
 */
import type { CiphersuiteImpl, ClientState, Proposal } from 'ts-mls'
import { signWithLabel } from 'ts-mls/crypto/signature.js'
import { encodeLeafNodeTBS } from 'ts-mls/leafNode.js'

/** An Update with a fresh leaf key, and that key. */
export const signUpdate = async (
  state: ClientState, suite: CiphersuiteImpl,
): Promise<{ readonly proposal: Proposal; readonly privateKey: Uint8Array }> => {
  const { privatePath: { leafIndex }, groupContext: { groupId }, ratchetTree, signaturePrivateKey } = state
  const node = ratchetTree[leafIndex * 2]
  if (node?.nodeType !== 'leaf') throw new TypeError('the own leaf is not in the tree')
  const { signaturePublicKey, credential, capabilities, extensions } = node.leaf
  const keys = await suite.hpke.generateKeyPair()
  const hpkePublicKey = await suite.hpke.exportPublicKey(keys.publicKey)
  const unsigned = { leafNodeSource: 'update', hpkePublicKey, signaturePublicKey, credential, capabilities, extensions } as const
  const signature = await signWithLabel(signaturePrivateKey, 'LeafNodeTBS', encodeLeafNodeTBS({ ...unsigned, groupId, leafIndex }), suite.signature)
  return {
    proposal: { proposalType: 'update', update: { leafNode: { ...unsigned, signature } } },
    privateKey: await suite.hpke.exportPrivateKey(keys.privateKey),
  }
}
