/**
 * Errors of the client: each a sentence that tells a person what to do. Refusals of the server are ProtocolErrors.
 */
import { CodedError, type ErrorDetail } from '@famichat/base'

/** Closed catalogue. */
export const CLIENT_ERRORS = {
  'client.profile.missing': { text: 'this profile has no account yet: join with an invite link first' },
  'client.profile.taken': { text: 'this profile has an account already: choose another profile to join with this link' },
  'client.profile.busy': { text: 'another program has been using this profile for too long: stop it and try again' },
  'client.profile.unusable': { text: 'the profile folder cannot be made or written: check its path and owner' },
  'client.key.missing': { text: 'there is a profile but no key for it: put the file profile.key back, or set FAMICHAT_PROFILE_KEY' },
  'client.key.malformed': { text: 'the profile key must be 64 hexadecimal digits: check FAMICHAT_PROFILE_KEY or the file profile.key' },
  'client.key.exposed': { text: 'the file profile.key can be read by other users of this machine: run chmod 600 on it' },
  'client.key.wrong': { text: 'the key does not open this profile: use the profile.key or FAMICHAT_PROFILE_KEY it was made with' },
  'client.store.newer': { text: 'this profile was made by a newer Famichat: update this program' },
  'client.store.older': { text: 'this profile was made by a test version of Famichat: join again with a new profile' },
  'client.store.failed': { text: 'the profile cannot be read or written: check the disk' },
  'client.store.malformed': { text: 'a stored record is damaged: restore a backup, or join again with a new profile' },
  'client.store.stale': { text: 'another program changed this conversation at the same moment: try again' },
  'client.server.unreachable': { text: 'no Famichat server answers at this address: check the address, and that the server is running' },
  'client.channel.closed': { text: 'the connection to the server was lost: it is made again, or try again' },
  'client.invite.inviter_missing': { text: 'the server does not show the person who invited you, so it may not be honest: ask them before you go on' },
  'client.link.malformed': { text: 'this is not a whole device link: copy it again, with everything after the #' },
  'client.link.timed_out': { text: 'the other device did not answer in 10 minutes: start again on both' },
  'client.link.refused': { text: 'the other device\'s answer is not authentic, so nothing was linked: start again on both' },
  'client.account.no_key': { text: 'only the device that made the account can link others: start there' },
  'client.conversation.unknown': { text: 'there is no such conversation: look at the list of conversations' },
  'client.conversation.ambiguous': { text: 'several conversations have this name: use the id from the list of conversations' },
  'client.conversation.ended': { text: 'you are not in this conversation any more: ask a member to add you' },
  'client.conversation.stuck': { text: 'this device cannot follow this conversation any more: ask a member to remove and add you' },
  'client.conversation.busy': { text: 'the others kept changing this conversation at the same time: try again' },
  'client.conversation.direct': { text: 'a direct conversation always has the same two people: make a group instead' },
  'client.conversation.awaiting': { text: 'this conversation comes from an archive, and this device is not in it yet: it goes on once another member is online' },
  'client.history.gap': { text: 'what was said after the archive was made and before this device came in is not here: ask the others' },
  'client.archive.not_one': { text: 'this is not a Famichat archive: choose another file' },
  'client.archive.newer': { text: 'this archive was made by a newer Famichat: update this program' },
  'client.archive.damaged': { text: 'the archive is damaged or was cut off, so nothing was taken from it: use another copy' },
  'client.archive.wrong_key': { text: 'that does not open the archive: check the passphrase, or the words and their order' },
  'client.archive.no_such_lock': { text: 'the archive was not locked in this way: open it with what it was locked with' },
  'client.archive.unlocked': { text: 'an archive needs a lock: choose a passphrase, or make a recovery phrase first' },
  'client.archive.passphrase_short': { text: 'a passphrase needs 8 characters at least: take several words' },
  'client.archive.no_account_key': { text: 'this archive is of a device that cannot vouch for others, so it makes no new device: link one first, then restore the archive into it' },
  'client.archive.other_account': { text: 'this archive is of another account than this profile: restore it into a new profile' },
  'client.passkey.needs_phrase': { text: 'a passkey must not be the only way back: make a recovery phrase first, or choose a passphrase' },
  'client.passkey.locked': { text: 'this passkey does not open the account by itself: type the recovery phrase too, or link this device from one you have' },
  'client.passkey.cancelled': { text: 'no passkey was chosen: try again' },
  'client.passkey.unsupported': { text: 'passkeys do not work here: use a device link or the recovery phrase' },
  'client.passkey.exists': { text: 'this device has a passkey of your account already' },
  'client.passkey.unknown': { text: 'your account has no such passkey: look at the list of passkeys' },
  'client.recovery.none': { text: 'this device has no recovery phrase yet: make one first' },
  'client.recovery.malformed': { text: 'these are not the twelve words of a recovery phrase: check each word and their order' },
  'client.recovery.wrong_words': { text: 'these words are not in those places of your recovery phrase: look at what you wrote down' },
  'client.member.unknown': { text: 'nobody in this community has that name: check the spelling' },
  'client.member.is_self': { text: 'that is you: name somebody else' },
  'client.member.already_in': { text: 'that person is in this conversation already, with every device' },
  'client.member.not_in': { text: 'that person is not in this conversation' },
  'client.member.unreachable': { text: 'none of that person\'s devices can be added now: let them open Famichat once, then try again' },
  'client.member.changed': { text: 'the server shows another identity under this name than before, so nothing was sent: ask that person in another way' },
  'client.member.key_changed': { text: 'the server shows another key for this person than before: ask them in another way, compare safety numbers, then acknowledge the change' },
  'client.member.not_changed': { text: 'this person\'s key is the one you know: there is nothing to acknowledge' },
  'client.verification.malformed': { text: 'this is not a whole verification code: scan it again' },
  'client.verification.not_for_you': { text: 'this code was shown to somebody else: let them show the one for you' },
  'client.verification.differs': { text: 'the codes differ, so somebody may be between you: write nothing that matters, and speak to each other in person' },
  'client.device.unknown': { text: 'your account has no such device: look at the list of devices' },
  'client.device.is_self': { text: 'this is the device you are using: revoke it from another one' },
  'client.device.revoked': { text: 'this device was revoked by its account: join again with a new profile' },
  'client.message.empty': { text: 'there is nothing to send: write a text' },
  'client.message.too_long': { text: 'the text is longer than 48 KiB: send it in parts' },
  'client.message.withheld': { text: 'the server left out messages here: ask the others what they sent' },
  'client.message.missing': { text: 'messages of this person did not arrive: ask what they sent' },
  'client.message.replayed': { text: 'somebody delivered an old message again under a new wrapping: it is shown once, tell the others' },
  'client.message.newer': { text: 'this message was written by a newer Famichat: update this program to read it' },
  'client.message.misplaced': { text: 'this message was written for another conversation or out of its order, so it is not shown' },
  'client.log.forked': { text: 'the server shows different members a different course of this conversation: compare the conversation\'s code with them' },
  'client.server.rolled_back': { text: 'the server has forgotten messages it had before: it was restored from an older copy, or it is not honest' },
  'client.profile.rolled_back': { text: 'this profile is an older copy of itself, so it must not send: it is added to the conversation afresh when another member is online' },
  'client.log.reordered': { text: 'the server shows others a different order of this conversation: compare what you see' },
  'client.message.unknown': { text: 'there is no such message here: look at its id in the conversation' },
  'client.message.not_own': { text: 'only who wrote a message can change it or take it back' },
  'client.file.name_refused': { text: 'a file name must not hold folders or invisible characters' },
  'client.file.too_large': { text: 'a file may have 100 MiB at most' },
  'client.file.changed': { text: 'the file changed while it was being sent: send it again' },
  'client.file.damaged': { text: 'the file does not arrive as it was sent: ask for it again' },
  'client.file.gone': { text: 'the server does not have this file any more: ask for it again' },
  'client.message.malformed': { text: 'a message is not in a form this program knows: it may come from a newer one' },
} as const

/** A code of the catalogue. */
export type ClientErrorCode = keyof typeof CLIENT_ERRORS

/** The single error class of this package. */
export class ClientError extends CodedError<ClientErrorCode> {
  override readonly name = 'ClientError'
  constructor(code: ClientErrorCode, detail?: ErrorDetail, options?: ErrorOptions) {
    super(code, CLIENT_ERRORS[code].text, detail, options)
  }
}
