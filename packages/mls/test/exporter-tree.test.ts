/**
 * SafeExportSecret and the exporter tree (draft-ietf-mls-extensions-08 §4.4), against a naive derivation of the whole path.
 */
import { deepEqual, equal, notDeepEqual, throws } from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { concat, Secret, toHex, utf8 } from '@famichat/base'
import { ExporterTree } from '../dist/schedule/exporter-tree.js'
import { aliceAndBob, commitAll, makePerson, RowStore, stagedBy } from './builders.js'

/** ExpandWithLabel(secret, "tree", side, 32) written out with HMAC-SHA256 (RFC 9420 §8, RFC 5869). */
const naiveChild = (secret: Uint8Array, side: 'left' | 'right'): Uint8Array => {
  const [label, context] = [utf8('MLS 1.0 tree'), utf8(side)]
  const info = concat(Uint8Array.of(0, 32, label.length), label, Uint8Array.of(context.length), context)
  return new Uint8Array(createHmac('sha256', secret).update(info).update(Uint8Array.of(1)).digest())
}

const naiveExport = (root: Uint8Array, componentId: number): Uint8Array => {
  let secret = root
  for (let bit = 15; bit >= 0; bit--) secret = naiveChild(secret, (componentId >>> bit) % 2 === 0 ? 'left' : 'right')
  return secret
}

test('each component gets the secret of its leaf, in whatever order they are taken', async () => {
  const { suite } = await makePerson('alice')
  const root = new Uint8Array(32).fill(9)
  const tree = ExporterTree.fromRoot(suite, new Secret(root.slice()))
  for (const componentId of [0, 1, 0xffff, 0x8000, 0x7fff, 2, 300, 301, 0xfffe]) {
    deepEqual(tree.take(componentId).expose(), naiveExport(root, componentId))
  }
})

test('a secret is had once, and nothing of its path stays', async () => {
  const { suite } = await makePerson('alice')
  const tree = ExporterTree.fromRoot(suite, new Secret(new Uint8Array(32).fill(9)))
  tree.take(5)
  throws(() => tree.take(5), { code: 'mls.exporter.consumed' })
  const left = [...tree.nodes].map(([node]) => node)
  equal(left.length, 16)
  for (let above = 65536 + 5; above >= 1; above >>>= 1) equal(left.includes(above), false)
  tree.take(4)
  throws(() => tree.take(4), { code: 'mls.exporter.consumed' })
})

test('a component id is a uint16', async () => {
  const { alice } = await aliceAndBob()
  for (const wrong of [-1, 65536, 1.5, Number.NaN]) throws(() => alice.group.safeExportSecret(wrong), { code: 'mls.exporter.bad_component' })
})

test('members export the same secrets, other components and epochs give others', async () => {
  const { alice, bob } = await aliceAndBob()
  const ofAlice = alice.group.safeExportSecret(0x8001).expose()
  deepEqual(bob.group.safeExportSecret(0x8001).expose(), ofAlice)
  notDeepEqual(alice.group.safeExportSecret(0x8002).expose(), ofAlice)
  throws(() => alice.group.safeExportSecret(0x8001), { code: 'mls.exporter.consumed' })
  await commitAll(alice, [bob])
  const next = alice.group.safeExportSecret(0x8001).expose()
  notDeepEqual(next, ofAlice)
  deepEqual(bob.group.safeExportSecret(0x8001).expose(), next)
})

test('a secret that was exported stays consumed through a restart, others are there still', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  store.save(alice.group)
  alice.group.safeExportSecret(7)
  store.save(alice.group)
  const restored = store.restore(alice.person)
  throws(() => restored.safeExportSecret(7), { code: 'mls.exporter.consumed' })
  deepEqual(restored.safeExportSecret(8).expose(), bob.group.safeExportSecret(8).expose())
})

test('a pending commit keeps the exported secrets of its epoch through a restart', async () => {
  const { alice, bob } = await aliceAndBob()
  const store = new RowStore()
  store.save(alice.group)
  const { commit } = await alice.group.commit()
  store.save(alice.group)
  const restored = store.restore(alice.person)
  restored.merge(await stagedBy(restored, commit))
  bob.group.merge(await stagedBy(bob.group, commit))
  equal(toHex(restored.safeExportSecret(3).expose()), toHex(bob.group.safeExportSecret(3).expose()))
})
