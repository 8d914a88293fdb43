/**
 * The encrypted columns: every one that says something about a person. Ids are random, tokens and proofs are hashes, keys are
 * public, and mailboxes of device links hold what clients sealed; those stay as they are.
 */
import { accountNameKey } from '@famichat/protocol'
import type { SealedColumn } from '@famichat/vault'

/** A family's name is not looked up, and many families share one: it has no blind index. */
const FAMILY_NAME: SealedColumn = { table: 'families', column: 'name', rowId: 'family_id' }

/** Names are unique in a community, so their blind index tells nothing about who shares one. */
const ACCOUNT_NAME: SealedColumn = {
  table: 'accounts', column: 'name', rowId: 'account_id', blindIndex: { column: 'name_key', normalize: accountNameKey },
}

/** What a person calls a passkey: often the name of a phone, or its owner's. */
const PASSKEY_LABEL: SealedColumn = { table: 'passkeys', column: 'label', rowId: 'passkey_id' }

/** Whoever has it can ring the device. */
const PUSH_ENDPOINT: SealedColumn = { table: 'push_subscriptions', column: 'endpoint', rowId: 'device_id' }

/** All encrypted columns. */
export const SEALED_COLUMNS: readonly SealedColumn[] = [ACCOUNT_NAME, FAMILY_NAME, PASSKEY_LABEL, PUSH_ENDPOINT]
