/**
 * Which refusals and notices have a sentence of their own. The compiler holds the catalogues of every language against this: a new
 * code of the client or the server is either spoken, or named here as one that people can do nothing about.
 */
import type { ClientErrorCode, ProtocolErrorCode } from '@famichat/client'

/** Of programs with a command line and files; no screen comes to them. */
type OfPrograms =
  | 'client.profile.missing' | 'client.profile.unusable' | 'client.key.missing' | 'client.key.malformed' | 'client.key.exposed' | 'client.key.wrong'
  | 'client.reader.malformed' | 'client.conversation.ambiguous' | 'client.archive.unlocked' | 'client.archive.passphrase_short' | 'client.scope.refused'

/** Mended by the client itself, or by trying again: people read that nothing is lost. */
type OfTheMoment =
  | 'client.store.stale' | 'client.profile.busy' | 'client.channel.closed' | 'client.message.empty' | 'client.message.malformed'
  | 'protocol.request.malformed' | 'protocol.request.too_large' | 'protocol.response.malformed' | 'protocol.frame.malformed' | 'protocol.frame.too_large'
  | 'protocol.frame.unexpected' | 'protocol.channel.timed_out' | 'protocol.channel.too_many' | 'protocol.channel.too_slow' | 'protocol.id.malformed'
  | 'protocol.origin.malformed' | 'protocol.account.exists' | 'protocol.certificate.refused' | 'protocol.device_list.refused' | 'protocol.device_list.conflict'
  | 'protocol.auth.refused' | 'protocol.bundle.conflict' | 'protocol.key_package.refused' | 'protocol.key_package.too_many' | 'protocol.conversation.exists'
  | 'protocol.message.malformed' | 'protocol.message.unencrypted' | 'protocol.message.id_reused' | 'protocol.epoch.conflict' | 'protocol.epoch.stale'
  | 'protocol.epoch.unknown' | 'protocol.roster.refused' | 'protocol.blob.refused'

/** What only the page meets. */
type OfThePage = 'web.address.unprotected' | 'web.bell.denied' | 'web.bell.unavailable' | 'web.browser.unsupported' | 'web.worker.failed' | 'web.screen.missing'

/** A code with a sentence. */
export type SpokenCode = Exclude<ClientErrorCode | ProtocolErrorCode, OfPrograms | OfTheMoment> | OfThePage

/** A kind sentence and a way on for each. */
export type Sentences = Readonly<Record<SpokenCode, string>>
