/**
 * What the engine weighs in a browser.
 */
import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { type Bundle, bundleEngine, sizeOf } from './bundle.js'

/** The design's limit for engine and crypto together. */
const LIMIT_BYTES = 70_000

test('engine and WebCrypto backend are at most 70 KB gzip in a browser, and stay so when it lacks a kind of curve', async () => {
  const { atOnce, largest } = sizeOf(await bundleEngine())
  ok(largest <= LIMIT_BYTES, `${largest.toString()} bytes`)
  ok(atOnce < largest, `${atOnce.toString()} bytes at once`)
})

test('what a browser loads at once holds no curve of noble: the platform has them', async () => {
  const bundle = await bundleEngine()
  ok(holds(bundle, [...bundle.files.keys()], ED25519_BASE_POINT), 'the curves are in the bundle')
  ok(!holds(bundle, bundle.atOnce, ED25519_BASE_POINT), 'but not among what is loaded at once')
})

const ED25519_BASE_POINT = '6666666666666666666666666666666666666666666666666666666666666658'

const holds = ({ files }: Bundle, names: readonly string[], text: string): boolean =>
  names.some((name) => new TextDecoder().decode(files.get(name)).includes(text))
