/**
 * Extension lists (RFC 9420 §13.4): no type twice, and each type only where it belongs (§17.3).
 * Layer: validate. Pure.
 */
import { check } from '../errors.js'
import type { Extension } from '../wire/extension.js'
import { ExtensionType, isDefaultExtension } from '../wire/registries.js'

/** Where a list of extensions stands. */
export type ExtensionPlace = 'keyPackage' | 'leafNode' | 'groupContext' | 'groupInfo'

/** The types of RFC 9420 and the one place each belongs to. Other types may stand anywhere. */
const PLACES: ReadonlyMap<number, ExtensionPlace> = new Map<number, ExtensionPlace>([
  [ExtensionType.applicationId, 'leafNode'],
  [ExtensionType.ratchetTree, 'groupInfo'],
  [ExtensionType.requiredCapabilities, 'groupContext'],
  [ExtensionType.externalPub, 'groupInfo'],
  [ExtensionType.externalSenders, 'groupContext'],
  [ExtensionType.lastResort, 'keyPackage'],
])

/** @throws MlsError `mls.extension.duplicate` | `mls.extension.misplaced` */
export const validateExtensions = (extensions: readonly Extension[], place: ExtensionPlace): void => {
  const seen = new Set<number>()
  for (const { extensionType } of extensions) {
    check(!seen.has(extensionType), 'mls.extension.duplicate', { extensionType })
    seen.add(extensionType)
    const belongs = PLACES.get(extensionType)
    check(belongs === undefined || belongs === place, 'mls.extension.misplaced', { extensionType })
  }
}

/** The types of a list that a member must support expressly. */
export const nonDefaultTypes = (extensions: readonly Extension[]): readonly number[] =>
  extensions.map(({ extensionType }) => extensionType).filter((type) => !isDefaultExtension(type))
