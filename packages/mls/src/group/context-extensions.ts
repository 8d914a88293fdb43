/**
 * Making the extensions of a GroupContext (RFC 9420 §11.1, §12.1.8.1) for `Group.create` and GroupContextExtensions.
 * Layer: group.
 */
import {
  type Extension, type ExternalSender, ExternalSenders, makeExtension, RequiredCapabilities, requiredCapabilitiesOf,
} from '../wire/extension.js'
import { ExtensionType } from '../wire/registries.js'

/** required_capabilities (§11.1): what every member must list; default types need not be named. */
export const makeRequiredCapabilities = (
  { extensionTypes = [], proposalTypes = [], credentialTypes = [] }: Partial<RequiredCapabilities>,
): Extension => makeExtension(ExtensionType.requiredCapabilities, RequiredCapabilities, { extensionTypes, proposalTypes, credentialTypes })

/** The group's required capabilities, undefined when it has none. @throws BaseError `base.codec.*` */
export const readRequiredCapabilities = (extensions: readonly Extension[]): RequiredCapabilities | undefined => requiredCapabilitiesOf(extensions)

/** external_senders (§12.1.8.1): who may propose from outside; a sender is named by its place in this list. */
export const makeExternalSenders = (senders: readonly ExternalSender[]): Extension =>
  makeExtension(ExtensionType.externalSenders, ExternalSenders, senders)
