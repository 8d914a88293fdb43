/**
 * Extensions (RFC 9420 §13.4) and the contents of the ones this engine understands.
 * Layer: wire.
 */
import { decode, encode, type Infer, opaque, struct, uint16, vector, type Codec } from '@famichat/base'
import { limits } from '../limits.js'
import { Credential } from './credential.js'
import { ExtensionType, keyBytes } from './registries.js'

export const Extension = struct({ extensionType: uint16, extensionData: opaque({ max: limits.maxExtensionBytes }) })
export type Extension = Infer<typeof Extension>

export const Extensions: Codec<readonly Extension[]> = vector(Extension, { max: limits.maxExtensions })

const typeList = vector(uint16, { max: limits.maxCapabilities })

/** §11.1 */
export const RequiredCapabilities = struct({ extensionTypes: typeList, proposalTypes: typeList, credentialTypes: typeList })
export type RequiredCapabilities = Infer<typeof RequiredCapabilities>

/** §12.4.3.2 */
export const ExternalPub = struct({ externalPub: keyBytes })

/** §12.1.8.1 */
export const ExternalSender = struct({ signatureKey: keyBytes, credential: Credential })
export type ExternalSender = Infer<typeof ExternalSender>
export const ExternalSenders = vector(ExternalSender, { max: limits.maxExternalSenders })

/** §7.2 */
export const Capabilities = struct({
  versions: typeList,
  cipherSuites: typeList,
  extensions: typeList,
  proposals: typeList,
  credentials: typeList,
})
export type Capabilities = Infer<typeof Capabilities>

const findExtension = (extensions: readonly Extension[], type: number): Extension | undefined =>
  extensions.find((extension) => extension.extensionType === type)

/** Decodes the extension of this type, when there is one. @throws BaseError `base.codec.*` when its content is malformed */
export const readExtension = <T>(extensions: readonly Extension[], type: number, content: Codec<T>): T | undefined => {
  const found = findExtension(extensions, type)
  return found === undefined ? undefined : decode(content, found.extensionData)
}

/** The group's required capabilities (§11.1), when it has any. */
export const requiredCapabilitiesOf = (extensions: readonly Extension[]): RequiredCapabilities | undefined =>
  readExtension(extensions, ExtensionType.requiredCapabilities, RequiredCapabilities)

/** An extension from its content. */
export const makeExtension = <T>(extensionType: number, content: Codec<T>, value: T): Extension =>
  ({ extensionType, extensionData: encode(content, value) })
