/**
 * Contacts: whether people are who they seem to be. Two people compare a safety number or scan each other's code; what
 * they found is kept on this device, and a key that changes afterwards stops what is said to that person (E16).
 */
import type { AccountId } from '@famichat/protocol'
import { ClientError } from '../client-error.js'
import { wantOtherKeysOut } from '../conversation/members-changed.js'
import type { Engine } from '../engine.js'
import { encodeRecord, PinRecord, PinSource, VerificationMethod, VerificationRecord } from '../store/records.js'
import type { Change } from '../store/store.js'
import { writeDeviceLists } from './device-lists.js'
import type { DirectoryAccount } from './directory.js'
import { readKeyChanges, readVerification } from './key-changes.js'
import { type AccountIdentity, formatScan, parseScan, safetyNumber } from './safety-number.js'

/** `changed` until the person at this device acknowledges that the server shows another key. */
export type ContactState = 'unverified' | 'verified' | 'changed'

/** A person, and how sure this device is of them. */
export interface Contact {
  readonly accountId: AccountId
  readonly name: string
  readonly state: ContactState
  /** When their key was compared last; undefined when it never was, or has changed since. */
  readonly verifiedAtMs: number | undefined
}

/** What two people compare. */
export interface SafetyNumber extends Contact {
  /** 60 digits in groups of five, the same on both sides. Of a changed contact: with the key the server shows now. */
  readonly number: string
  /** The text of a code for the other person to scan. */
  readonly scan: string
}

/** Knows who was verified. */
export class Contacts {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Everybody else in the community, as the server told last. */
  async list(): Promise<readonly Contact[]> {
    const changed = await readKeyChanges(this.#context.store)
    return Promise.all(this.#engine.people.accounts.filter(({ accountId, isEnded }) => accountId !== this.#own.accountId && !isEnded).map((account) => this.#contact(account, changed)))
  }

  /** The safety number with a person. @throws ClientError `client.member.unknown` | `client.member.is_self` | `client.server.unreachable` */
  async safetyNumber(name: string): Promise<SafetyNumber> {
    const account = await this.#find(name)
    const { suite, store, identity } = this.#context
    const pair = { own: this.#own, other: account }
    return {
      ...await this.#contact(account, await readKeyChanges(store)),
      number: safetyNumber(suite, pair.own, pair.other), scan: formatScan(suite, identity.origin, pair),
    }
  }

  /** The two numbers were compared by people and are the same. @throws ClientError `client.member.key_changed` | `client.member.unknown` */
  async markVerified(name: string): Promise<Contact> {
    return this.#verify(await this.#find(name), VerificationMethod.number)
  }

  /**
   * Compares a code that was scanned from the other person's screen; when it matches, they are verified.
   * @throws ClientError `client.verification.*` | `client.member.key_changed` | `client.member.unknown`
   */
  async scan(scanned: string): Promise<Contact> {
    const code = parseScan(this.#context.suite, scanned)
    if (code.shownTo !== this.#own.accountId) throw new ClientError('client.verification.not_for_you')
    await this.#engine.refreshPeople()
    const account = this.#engine.people.accounts.find(({ accountId }) => accountId === code.shownBy)
    if (account === undefined) throw new ClientError('client.member.unknown')
    if (!code.matches(this.#own, account)) throw new ClientError('client.verification.differs', { accountId: account.accountId })
    return this.#verify(account, VerificationMethod.scan)
  }

  /**
   * Takes the key that the server shows now for the person's: they are unverified again, devices of the earlier key leave
   * every conversation, and what is said to them is sent again.
   * @throws ClientError `client.member.not_changed` | `client.member.unknown`
   */
  async acknowledge(name: string): Promise<Contact> {
    const account = await this.#find(name)
    const { store, clock } = this.#context
    const { accountId, accountKey } = account
    await store.exclusive(async () => {
      if (!(await readKeyChanges(store)).has(accountId)) throw new ClientError('client.member.not_changed')
      await writeDeviceLists(store, [
        { table: 'pins', key: accountId, value: encodeRecord(PinRecord, { accountKey, source: PinSource.acknowledged, pinnedAtMs: clock.nowMs() }) },
        { table: 'verifications', key: accountId, value: undefined },
        { table: 'keyChanges', key: accountId, value: undefined },
        // the list of the earlier key says nothing about this one
        { table: 'deviceLists', key: accountId, value: undefined },
      ])
    })
    await this.#engine.lists.ensure([accountId])
    await wantOtherKeysOut(this.#engine.workspace, accountId, accountKey)
    return this.#contact(account, new Set())
  }

  get #context() {
    return this.#engine.workspace.context
  }

  get #own(): AccountIdentity {
    const { accountId, certificate: { accountKey } } = this.#context.identity
    return { accountId, accountKey }
  }

  async #find(name: string): Promise<DirectoryAccount> {
    await this.#engine.refreshPeople()
    const account = this.#engine.people.named(name)
    if (account.accountId === this.#own.accountId) throw new ClientError('client.member.is_self')
    return account
  }

  /** Verified is the key that was compared: it is pinned with it. */
  async #verify(account: DirectoryAccount, method: VerificationRecord['method']): Promise<Contact> {
    const { store, clock, trust } = this.#context
    const { accountId, accountKey } = account
    await store.exclusive(async () => {
      const isChanged = (await readKeyChanges(store)).has(accountId)
      if (isChanged || !(await trust.pin(accountId, accountKey, PinSource.firstSight))) {
        trust.forget()
        throw new ClientError('client.member.key_changed', { accountId })
      }
      const verified: Change = { table: 'verifications', key: accountId, value: encodeRecord(VerificationRecord, { method, verifiedAtMs: clock.nowMs() }) }
      await store.write([...trust.takeChanges(), verified])
    })
    return this.#contact(account, new Set())
  }

  async #contact({ accountId, accountName }: DirectoryAccount, changed: ReadonlySet<AccountId>): Promise<Contact> {
    const verification = await readVerification(this.#context.store, accountId)
    const state = changed.has(accountId) ? 'changed' : verification === undefined ? 'unverified' : 'verified'
    return { accountId, name: accountName, state, verifiedAtMs: state === 'verified' ? verification?.verifiedAtMs : undefined }
  }
}
