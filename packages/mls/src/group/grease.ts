/**
 * GREASE (RFC 9420 §13.5): values nobody may rely on, sent so that nobody forgets to ignore what is unknown.
 * Layer: group.
 */
import type { RandomBytes } from '@famichat/base'
import type { Capabilities, Extension } from '../wire/extension.js'

const GREASE: readonly number[] = [
  0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a, 0x4a4a, 0x5a5a, 0x6a6a, 0x7a7a, 0x8a8a, 0x9a9a, 0xaaaa, 0xbaba, 0xcaca, 0xdada, 0xeaea,
]

/** One of the reserved values. */
export const greaseValue = (random: RandomBytes): number => GREASE[(random(1)[0] ?? 0) % GREASE.length] ?? 0x0a0a

/**
 * An extension with random content for a LeafNode, a KeyPackage or a GroupInfo; never for a GroupContext.
 * Its type is the one `capabilities` list (makeCapabilities lists one), as a leaf's extensions have to be (§7.2).
 */
export const makeGreaseExtension = (random: RandomBytes, capabilities: Capabilities): Extension => ({
  extensionType: capabilities.extensions.find((type) => GREASE.includes(type)) ?? greaseValue(random),
  extensionData: random((random(1)[0] ?? 0) % 32),
})
