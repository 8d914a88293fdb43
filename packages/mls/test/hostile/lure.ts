/**
 * A joiner and a forged group that would let it in: one change, one refusal, and the honest Welcome opens afterwards.
 */
import { rejects } from 'node:assert/strict'
import type { KeyPackageBundle, LeafNode } from '@famichat/mls'
import { toLeafIndex } from '../../dist/tree/math.js'
import { keyPackageOf, makePerson, type Person } from '../builders.js'
import type { Code } from './assertions.js'
import { flatNodes, forgeWelcome, joinWith, type WelcomePlan } from './forge-join.js'
import { forgeLeaf } from './forge-leaf.js'

export interface Lure {
  readonly alice: Person
  readonly bob: Person
  /** Bob's KeyPackage. */
  readonly bundle: KeyPackageBundle
  readonly aliceLeaf: LeafNode
  /** A group of Alice and Bob. */
  readonly honest: WelcomePlan
}

/** Bob, and a forged group of Alice and Bob. */
export const lure = async (): Promise<Lure> => {
  const [alice, bob] = await Promise.all(['alice', 'bob'].map((name) => makePerson(name))) as [Person, Person]
  const bundle = await keyPackageOf(bob)
  const { leafNode: aliceLeaf } = await forgeLeaf(alice)
  const nodes = flatNodes(aliceLeaf, bundle.keyPackage.leafNode)
  return { alice, bob, bundle, aliceLeaf, honest: { signer: alice.signer, signerLeaf: toLeafIndex(0), nodes } }
}

/** The forged Welcome is refused with `code`; the same KeyPackage still opens the honest one. */
export const joinRefused = async (
  change: Partial<WelcomePlan> | ((at: Lure) => Partial<WelcomePlan> | Promise<Partial<WelcomePlan>>), code: Code,
): Promise<void> => {
  const at = await lure()
  const { bob, bundle, honest } = at
  const plan = typeof change === 'function' ? await change(at) : change
  const welcome = await forgeWelcome(bob, bundle, { ...honest, ...plan })
  await rejects(() => joinWith(bob, welcome, bundle), { code })
  await joinWith(bob, await forgeWelcome(bob, bundle, honest), bundle)
}
