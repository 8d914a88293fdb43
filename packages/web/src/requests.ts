/**
 * What page and worker say to each other. The worker holds keys, database and connection; the page gets what it shows.
 * Everything here survives being copied between the two: plain data, no keys, no bigint.
 */
import type { CreatedPasskey, PasskeyAnswer, PasskeyCreation, PasskeyQuestion, PictureSize } from '@famichat/client'

/** Who uses this device. */
export interface Me {
  readonly accountId: string
  readonly name: string
  readonly deviceId: string
  /** A guardian has to let this device in first. */
  readonly isPending: boolean
}

/** Somebody one can talk to. */
export interface Person {
  readonly accountId: string
  readonly name: string
}

export type Kind = 'direct' | 'group' | 'family' | 'self'

/** A conversation in the list. */
export interface Conversation {
  readonly id: string
  readonly kind: Kind
  /** Empty for notes to oneself. */
  readonly name: string
  /** `archived`: from an archive, to be read only. `away`: ended because this device was away for long; it has asked to come back. */
  readonly state: 'active' | 'leaving' | 'ended' | 'away' | 'stuck' | 'archived'
  readonly members: readonly Person[]
  /** Whether this person decides who is in it. */
  readonly isAdmin: boolean
  /** The last position of its log. */
  readonly seq: number
  /** 30 digits that are the same for all who see the same conversation; empty when there is nothing to compare. */
  readonly headCode: string
  /** What was said last. */
  readonly last: Entry | undefined
  readonly unread: number
  /** Something was noticed that the person has not seen yet: the server left something out, for one. */
  readonly hasWarning: boolean
}

/** Names a message for good. */
export interface MessageName {
  readonly accountId: string
  readonly messageId: string
}

/** What a message says. */
export type Body =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'reply'; readonly text: string; readonly to: MessageName }
  | { readonly type: 'letter'; readonly subject: string; readonly text: string }
  | { readonly type: 'file'; readonly fileName: string; readonly mediaType: string; readonly fileBytes: number; readonly text: string; readonly picture: PictureSize | undefined }
  | { readonly type: 'unknown' }

/** Who reacted with one emoji. */
export interface Reaction {
  readonly emoji: string
  readonly names: readonly string[]
  readonly isMine: boolean
}

interface EntryBase {
  /** Unlike every other's of the conversation, and the same tomorrow. */
  readonly key: string
  readonly seq: number
  readonly atMs: number
  readonly person: Person
  readonly isMine: boolean
}

/** A message with all that was said about it. */
export interface MessageEntry extends EntryBase {
  readonly kind: 'message'
  readonly messageId: string
  readonly body: Body
  readonly isEdited: boolean
  readonly reactions: readonly Reaction[]
  /** Names of those who said to have read it. */
  readonly readBy: readonly string[]
  /** Of a reply: what it answers, if that is known here. */
  readonly quoted: { readonly name: string; readonly text: string } | undefined
}

/** One thing in a conversation. */
export type Entry =
  | MessageEntry
  | EntryBase & { readonly kind: 'deleted' }
  | EntryBase & { readonly kind: 'members'; readonly added: readonly Person[]; readonly removed: readonly Person[] }
  | EntryBase & { readonly kind: 'joined' }
  | EntryBase & { readonly kind: 'unreadable'; readonly code: string }
  | EntryBase & { readonly kind: 'notice'; readonly code: string; readonly count: number }

/** A message that waits to be sent. */
export interface Waiting {
  readonly messageId: string
  readonly body: Body
  readonly atMs: number
}

/** A part of a conversation. */
export interface Stretch {
  readonly entries: readonly Entry[]
  readonly waiting: readonly Waiting[]
}

/** A device of the own account. */
export interface Device {
  readonly deviceId: string
  readonly isThisDevice: boolean
  readonly isRevoked: boolean
  readonly isPending: boolean
  readonly addedAtMs: number | undefined
  /** What its person calls it. */
  readonly name: string | undefined
}

/** A household. */
export interface FamilyView {
  readonly familyId: string
  readonly name: string
  readonly isOwn: boolean
  readonly members: readonly (Person & { readonly familyRole: 'adult' | 'guardian' | 'child'; readonly isCommunityAdmin: boolean })[]
}

/** What somebody is to be in the family and in the community. */
export interface RolesToGive {
  readonly familyRole: FamilyView['members'][number]['familyRole'] | undefined
  readonly isCommunityAdmin: boolean | undefined
}

/** A child's device that waits for a guardian. */
export interface WaitingDevice {
  readonly deviceId: string
  /** The child's. */
  readonly name: string
  readonly deviceName: string | undefined
  readonly addedAtMs: number | undefined
}

/** Somebody, and whether their number was compared. */
export interface ContactView extends Person {
  readonly state: 'unverified' | 'verified' | 'changed'
  readonly verifiedAtMs: number | undefined
}

/** What two people compare. */
export interface SafetyView extends ContactView {
  /** 60 digits in groups of five. */
  readonly number: string
  /** The text of the code that the other one scans. */
  readonly scan: string
}

/** Where the recovery words stand. */
export interface RecoveryView {
  readonly hasPhrase: boolean
  readonly rehearsedAtMs: number | undefined
}

/** A recovery word by its place, counted from 1. */
export interface PlacedWord {
  readonly place: number
  readonly word: string
}

/** What opens an archive. */
export type Opener =
  | { readonly type: 'phrase'; readonly phrase: string }
  | { readonly type: 'passphrase'; readonly passphrase: string }
  | { readonly type: 'passkey'; readonly passkey: PasskeySecret }

/** What a passkey gives: 32 secret bytes, and which passkey it is. */
export interface PasskeySecret {
  readonly credentialId: Uint8Array
  readonly secret: Uint8Array
}

/** A passkey of the account. */
export interface PasskeyView {
  readonly passkeyId: string
  readonly label: string
  readonly createdAtMs: number
  /** False: the twelve words are asked for, too. */
  readonly opensAccount: boolean
}

/** What the page asks the authenticator for the worker … */
export type PasskeyTask =
  | { readonly type: 'create'; readonly creation: PasskeyCreation }
  | { readonly type: 'answer'; readonly question: PasskeyQuestion }

/** … and what came of it. */
export type PasskeyOutcome = CreatedPasskey | PasskeyAnswer | { readonly code: string }

/** What a child's grown-ups can do; the child and they are shown the same. */
export interface CareView {
  readonly name: string
  readonly guardians: readonly string[]
  readonly devices: readonly { readonly deviceId: string; readonly state: 'in' | 'waiting' | 'removed'; readonly addedAtMs: number | undefined }[]
}

/** A link that was made, and until when it is good. */
export interface Link {
  readonly link: string
  readonly expiresAtMs: number
}

/** As what somebody is invited. */
export type InvitedAs = 'adult' | 'guardian' | 'child' | 'family'

/** What can be said. */
export type Saying =
  | { readonly type: 'text'; readonly body: string }
  | { readonly type: 'reply'; readonly to: MessageName; readonly body: string }
  | { readonly type: 'letter'; readonly subject: string; readonly body: string }
  | { readonly type: 'reaction'; readonly to: MessageName; readonly emoji: string; readonly isRemoved: boolean }
  | { readonly type: 'edit'; readonly messageId: string; readonly body: string }
  | { readonly type: 'delete'; readonly messageId: string }

/** A message that was found by its words. */
export interface Found {
  readonly conversationId: string
  readonly conversationName: string
  readonly entry: MessageEntry
}

/** What the page may ask: arguments and answer. Refusals come as a {@link Refusal}. */
export interface Asks {
  /** Undefined when this browser has no account. */
  start(): Me | undefined
  /** What a link is for. */
  checkLink(link: string): 'setup' | 'invite' | 'device'
  join(link: string, name: string, familyName: string): Me
  conversations(): readonly Conversation[]
  /** Everybody else, as this device knows them … */
  people(): readonly Person[]
  /** … and as the server knows them now. */
  lookForPeople(): readonly Person[]
  /** Entries after position `fromSeq`, up to `toSeq` or the end, and what waits to be sent. */
  stretch(conversationId: string, fromSeq: number, toSeq: number | undefined): Stretch
  say(conversationId: string, saying: Saying): void
  /** Sends a file; how far it is comes as news with this number. */
  sendFile(conversationId: string, file: File, caption: string, transfer: number): void
  /** The bytes of a file that was sent here; progress as above. */
  readFile(conversationId: string, message: MessageName, transfer: number): Blob
  /** Looks whether there is news that the connection does not bring: who came, who asks to be let in again. */
  look(): void
  /** Tries again to send what waits. */
  retry(conversationId: string): void
  talkTo(name: string): string
  makeGroup(name: string, members: readonly string[]): string
  /** The conversation of the own family, which follows who is in it. */
  makeFamily(): string
  makeNotes(): string
  add(conversationId: string, name: string): void
  remove(conversationId: string, name: string): void
  leave(conversationId: string): void
  /** Asks to be let in again, where this device was let go because it was away for long. */
  comeBack(conversationId: string): void
  invite(invitedAs: InvitedAs): Link
  families(): readonly FamilyView[]
  waitingDevices(): readonly WaitingDevice[]
  approve(deviceId: string): void
  refuse(deviceId: string): void
  /** A link for a further device; how it ended comes as news. */
  offerDevice(): Link
  devices(): readonly Device[]
  revokeDevice(deviceId: string): void
  /** Calls a device of this account something else; its other devices hear of it, and nobody else. */
  nameDevice(deviceId: string, name: string): void
  /** Gives somebody other roles; what is undefined stays. */
  changeRoles(name: string, roles: RolesToGive): void
  /** Ends somebody's account, or one's own, for good. */
  endAccount(name: string): void
  draft(conversationId: string): string
  keepDraft(conversationId: string, text: string): void
  /** The person has seen everything up to here. */
  seen(conversationId: string, seq: number): void
  search(words: string): readonly Found[]
  contacts(): readonly ContactView[]
  safetyNumber(name: string): SafetyView
  /** People compared the number, and it is the same. */
  markVerified(name: string): ContactView
  /** Compares a code that was scanned from somebody's screen. */
  scanCode(scanned: string): ContactView
  /** The person has a new key, and that is as it should be. */
  acknowledge(name: string): ContactView
  recovery(): RecoveryView
  /** The twelve words; made when they are asked for first. */
  recoveryWords(): readonly string[]
  /** Three places whose words to ask for. */
  recoveryPlaces(): readonly number[]
  rehearse(words: readonly PlacedWord[]): void
  /** Everything of this device in a file that the recovery words open, and the passkey too. */
  makeArchive(passkey: PasskeySecret | undefined): Blob
  /** This browser becomes a new device of the archive's account. */
  restore(archive: Blob, opener: Opener): Me
  care(accountId: string): CareView
  passkeys(): readonly PasskeyView[]
  addPasskey(label: string): PasskeyView
  removePasskey(passkeyId: string): void
  /** What came of a question to the authenticator. */
  passkeyAnswered(id: number, outcome: PasskeyOutcome): void
  /** This browser becomes a new device of the passkey's account; with the words where the passkey alone does not open it. */
  signIn(opener: Exclude<Opener, { type: 'passkey' }> | undefined): Me
  /** With this key the browser subscribes to rings. */
  bellKey(): Uint8Array
  /** Where this device is rung; undefined: not any more. */
  ring(endpoint: string | undefined): void
  receipts(): boolean
  setReceipts(sendsReceipts: boolean): void
}

/** How the device is connected. */
export type Connection = 'connecting' | 'online' | 'offline'

/** Something that is wrong with the server or with a person. */
export interface ProblemView {
  readonly code: string
  /** Whom it is about; empty for the server. */
  readonly name: string
}

/** What the worker says unasked. */
export type News =
  | { readonly news: 'written'; readonly conversationIds: readonly string[] }
  | { readonly news: 'connection'; readonly connection: Connection }
  /** The device's clock and the server's are this far apart. */
  | { readonly news: 'clock'; readonly minutes: number }
  /** What is wrong with the server or with people, as far as this device sees; replaces what was said before. */
  | { readonly news: 'problems'; readonly problems: readonly ProblemView[] }
  | { readonly news: 'transfer'; readonly transfer: number; readonly doneBytes: number; readonly totalBytes: number }
  | { readonly news: 'passkey'; readonly id: number; readonly question: PasskeyTask }
  /** Whether this device has room to save what is written. */
  | { readonly news: 'room'; readonly isFull: boolean }
  | { readonly news: 'deviceLinked' }
  | { readonly news: 'deviceNotLinked'; readonly code: string }
  /** A guardian let this device in. */
  | { readonly news: 'letIn' }
  /** This device cannot go on: it was removed, for one. */
  | { readonly news: 'ended'; readonly code: string }

/** Why something was not done. */
export interface Refusal {
  readonly code: string
  readonly reason: string
}

/** A question on its way to the worker. */
export interface Question<Name extends keyof Asks = keyof Asks> {
  readonly id: number
  readonly ask: Name
  readonly given: Parameters<Asks[Name]>
}

/** What comes from the worker. */
export type Reply =
  | { readonly id: number; readonly answer: unknown }
  | { readonly id: number; readonly refusal: Refusal }
  | News
