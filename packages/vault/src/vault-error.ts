/**
 * Errors of the vault. A value that does not open says no more than that: no oracle about why.
 */
import { CodedError, type ErrorDetail } from '@famichat/base'

/** Closed catalogue. */
export const VAULT_ERRORS = {
  'vault.key.malformed': { text: 'the key ring is malformed: one key a line, like "v2 <64 hexadecimal digits>", the newest first, no number twice' },
  'vault.key.missing': { text: 'there are encrypted columns but no key ring for them: put its file back' },
  'vault.key.exposed': { text: 'the file of the key ring can be read by other users of this machine: run chmod 600 on it' },
  'vault.key.unwritable': { text: 'the key ring cannot be changed: its file cannot be written, or it comes from the environment' },
  'vault.key.unknown': { text: 'a value is encrypted with a key that is not in the ring: put that key back' },
  'vault.key.in_use': { text: 'the key still encrypts values: rotate first' },
  'vault.key.current': { text: 'the key is the one that encrypts: add another in front of it and rotate first' },
  'vault.key.exhausted': { text: 'the key has encrypted as many values of this column as one may: rotate' },
  'vault.value.malformed': { text: 'the column holds what is not an encrypted value' },
  'vault.value.refused': { text: 'the value does not open here: it was changed, or moved from another place' },
  'vault.column.not_indexed': { text: 'the column has no blind index, so nothing can be looked up by it' },
  'vault.query.unsupported': { text: 'the query uses an encrypted column in a way that works on clear text only' },
  'vault.query.row_unknown': { text: 'writing or reading an encrypted column needs the id of its row in the query' },
  'vault.rotation.stalled': { text: 'values keep coming under an old key: some process still has an old key ring' },
} as const

/** A code of the catalogue. */
export type VaultErrorCode = keyof typeof VAULT_ERRORS

/** The single error class of this package. */
export class VaultError extends CodedError<VaultErrorCode> {
  override readonly name = 'VaultError'
  constructor(code: VaultErrorCode, detail?: ErrorDetail, options?: ErrorOptions) {
    super(code, VAULT_ERRORS[code].text, detail, options)
  }
}
