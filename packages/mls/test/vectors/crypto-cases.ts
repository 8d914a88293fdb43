/**
 * Verifiers: crypto-basics, key-schedule, psk_secret, secret-tree, transcript-hashes, tree-math, deserialization.
 */
import { decode, EMPTY, encode, equal, Reader, Secret } from '@famichat/base'
import {
  decryptWithLabel, deriveSecret, deriveTreeSecret, encryptWithLabel, expandWithLabel, refHash, signWithLabel, verifyWithLabel,
} from '../../dist/crypto/labels.js'
import { makeSigner } from '../../dist/crypto/signer.js'
import {
  confirmationTag, deriveEpoch, deriveExternalKeys, deriveJoinerSecret, EpochSecretNames, exportSecret,
} from '../../dist/schedule/key-schedule.js'
import { derivePskSecret } from '../../dist/schedule/psk.js'
import { SecretTree } from '../../dist/schedule/secret-tree.js'
import { confirmedTranscriptHash, interimTranscriptHash } from '../../dist/schedule/transcript.js'
import { left, parent, right, root, sibling, toLeafIndex, toNodeIndex } from '../../dist/tree/math.js'
import { GroupContext } from '../../dist/wire/group-info.js'
import { AuthenticatedContent, FramedContent } from '../../dist/wire/message.js'
import { ContentType, ProtocolVersion, PSKType } from '../../dist/wire/registries.js'
import { bytes, type Case, expect, list, number, object, objects, suiteOf, text } from './vector-file.js'

const secretAt = (from: Case, key: string): Secret => new Secret(bytes(from, key))
const same = (found: Secret | Uint8Array, from: Case, key: string): void => {
  expect(equal(found instanceof Secret ? found.expose() : found, bytes(from, key)), key)
}

export const deserialization = (given: Case): void => {
  const header = bytes(given, 'vlbytes_header')
  const length = number(given, 'length')
  const padded = new Uint8Array(header.length + length)
  padded.set(header)
  const reader = new Reader(padded)
  expect(reader.vector(length).length === length, 'length')
  reader.finish()
}

export const treeMath = (given: Case): void => {
  const leaves = number(given, 'n_leaves')
  const nodes = 2 * leaves - 1
  expect(number(given, 'n_nodes') === nodes, 'n_nodes')
  expect(number(given, 'root') === root(leaves), 'root')
  for (let index = 0; index < nodes; index++) {
    const node = toNodeIndex(index)
    const isLeaf = index % 2 === 0
    const isRoot = index === leaves - 1
    expect(list(given, 'left')[index] === (isLeaf ? null : left(node)), `left[${index.toString()}]`)
    expect(list(given, 'right')[index] === (isLeaf ? null : right(node)), `right[${index.toString()}]`)
    expect(list(given, 'parent')[index] === (isRoot ? null : parent(node, leaves)), `parent[${index.toString()}]`)
    expect(list(given, 'sibling')[index] === (isRoot ? null : sibling(node, leaves)), `sibling[${index.toString()}]`)
  }
}

export const cryptoBasics = async (given: Case): Promise<void> => {
  const suite = suiteOf(given)
  const hashed = object(given, 'ref_hash')
  same(refHash(suite, text(hashed, 'label'), bytes(hashed, 'value')), hashed, 'out')
  const expanded = object(given, 'expand_with_label')
  same(expandWithLabel(suite, secretAt(expanded, 'secret'), text(expanded, 'label'), bytes(expanded, 'context'), number(expanded, 'length')), expanded, 'out')
  const derived = object(given, 'derive_secret')
  same(deriveSecret(suite, secretAt(derived, 'secret'), text(derived, 'label')), derived, 'out')
  const stepped = object(given, 'derive_tree_secret')
  same(deriveTreeSecret(suite, secretAt(stepped, 'secret'), text(stepped, 'label'), number(stepped, 'generation'), number(stepped, 'length')), stepped, 'out')

  const signed = object(given, 'sign_with_label')
  const label = text(signed, 'label')
  const content = bytes(signed, 'content')
  expect(await verifyWithLabel(suite, bytes(signed, 'pub'), label, { content, signature: bytes(signed, 'signature') }), 'signature')
  const signer = await makeSigner(suite, secretAt(signed, 'priv'))
  const signature = await signWithLabel(signer, label, content)
  expect(await verifyWithLabel(suite, bytes(signed, 'pub'), label, { content, signature }), 'own signature')

  const sealed = object(given, 'encrypt_with_label')
  const recipient = { publicKey: bytes(sealed, 'pub'), privateKey: secretAt(sealed, 'priv') }
  const context = bytes(sealed, 'context')
  const received = { kemOutput: bytes(sealed, 'kem_output'), ciphertext: bytes(sealed, 'ciphertext') }
  same(await decryptWithLabel(suite, recipient, text(sealed, 'label'), { context, sealed: received }), sealed, 'plaintext')
  const own = await encryptWithLabel(suite, recipient.publicKey, text(sealed, 'label'), { context, plaintext: secretAt(sealed, 'plaintext') })
  same(await decryptWithLabel(suite, recipient, text(sealed, 'label'), { context, sealed: own }), sealed, 'plaintext')
}

export const keySchedule = async (given: Case): Promise<void> => {
  const suite = suiteOf(given)
  let initSecret = secretAt(given, 'initial_init_secret')
  for (const [index, epoch] of objects(given, 'epochs').entries()) {
    const context = encode(GroupContext, {
      version: ProtocolVersion.mls10,
      cipherSuite: suite.id,
      groupId: bytes(given, 'group_id'),
      epoch: BigInt(index),
      treeHash: bytes(epoch, 'tree_hash'),
      confirmedTranscriptHash: bytes(epoch, 'confirmed_transcript_hash'),
      extensions: [],
    })
    same(context, epoch, 'group_context')
    const joinerSecret = deriveJoinerSecret(suite, { initSecret, commitSecret: secretAt(epoch, 'commit_secret') }, context)
    same(joinerSecret, epoch, 'joiner_secret')
    const derived = deriveEpoch(suite, { joinerSecret, pskSecret: secretAt(epoch, 'psk_secret') }, context)
    same(derived.welcomeSecret, epoch, 'welcome_secret')
    same(derived.encryptionSecret, epoch, 'encryption_secret')
    for (const name of EpochSecretNames) same(derived.secrets[name], epoch, name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`))
    same((await deriveExternalKeys(suite, derived.secrets.externalSecret)).publicKey, epoch, 'external_pub')
    const exporter = object(epoch, 'exporter')
    const request = { label: text(exporter, 'label'), context: bytes(exporter, 'context'), length: number(exporter, 'length') }
    same(exportSecret(suite, derived.secrets.exporterSecret, request), exporter, 'secret')
    initSecret = derived.secrets.initSecret
  }
}

export const pskSecret = (given: Case): void => {
  const psks = objects(given, 'psks').map((psk) => ({
    id: { psktype: PSKType.external, pskId: bytes(psk, 'psk_id'), pskNonce: bytes(psk, 'psk_nonce') },
    psk: secretAt(psk, 'psk'),
  }))
  same(derivePskSecret(suiteOf(given), psks), given, 'psk_secret')
}

export const transcriptHashes = (given: Case): void => {
  const suite = suiteOf(given)
  const { wireFormat, content, auth } = decode(AuthenticatedContent, bytes(given, 'authenticated_content'))
  expect(content.content.contentType === ContentType.commit, 'holds a commit')
  const commit = { wireFormat, content: encode(FramedContent, content), signature: auth.signature }
  const confirmed = confirmedTranscriptHash(suite, bytes(given, 'interim_transcript_hash_before'), commit)
  same(confirmed, given, 'confirmed_transcript_hash_after')
  const tag = confirmationTag(suite, secretAt(given, 'confirmation_key'), confirmed)
  expect(equal(tag, auth.confirmationTag ?? EMPTY), 'confirmation_tag')
  same(interimTranscriptHash(suite, confirmed, tag), given, 'interim_transcript_hash_after')
}

export const secretTree = (given: Case): void => {
  const suite = suiteOf(given)
  const senderData = object(given, 'sender_data')
  const sample = bytes(senderData, 'ciphertext').subarray(0, suite.hashLength)
  const senderDataSecret = secretAt(senderData, 'sender_data_secret')
  same(expandWithLabel(suite, senderDataSecret, 'key', sample, suite.aead.keyLength), senderData, 'key')
  same(expandWithLabel(suite, senderDataSecret, 'nonce', sample, suite.aead.nonceLength), senderData, 'nonce')

  const leaves = list(given, 'leaves')
  const tree = SecretTree.fromEncryptionSecret(suite, secretAt(given, 'encryption_secret'), leaves.length)
  leaves.forEach((_, index) => {
    for (const generation of objects({ leaf: leaves[index] }, 'leaf')) {
      const leaf = toLeafIndex(index)
      for (const [type, name] of [[ContentType.commit, 'handshake'], [ContentType.application, 'application']] as const) {
        const peeked = tree.peek(leaf, type, number(generation, 'generation'))
        same(peeked.key, generation, `${name}_key`)
        same(peeked.nonce, generation, `${name}_nonce`)
        peeked.consume()
      }
    }
  })
}

