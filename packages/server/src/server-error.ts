/**
 * What can keep the server from starting: each with a sentence that tells the operator what to do.
 */
import { CodedError, type ErrorDetail } from '@famichat/base'

/** Closed catalogue. */
export const SERVER_ERRORS = {
  'server.data_dir.unusable': { text: 'the data folder cannot be made or written: check its path and owner' },
  'server.data_dir.in_use': { text: 'another Famichat server is using this data folder: stop it, or give another folder' },
  'server.key.malformed': { text: 'the database key must be 64 hexadecimal digits: check FAMICHAT_DB_KEY or the file database.key' },
  'server.key.exposed': { text: 'the file database.key can be read by other users of this machine: run chmod 600 on it' },
  'server.key.missing': { text: 'there is a database but no key for it: put the file database.key back, or set FAMICHAT_DB_KEY' },
  'server.key.wrong': { text: 'the key does not open the database: use the database.key or FAMICHAT_DB_KEY it was made with' },
  'server.database.missing': { text: 'there is no database in this data folder: give the folder of your server with --data' },
  'server.database.older': { text: 'the database is of an older Famichat: start the server once, which brings it up to date' },
  'server.database.newer': { text: 'the database was made by a newer Famichat: update this program' },
  'server.database.failed': { text: 'the database cannot be opened or brought up to date: check the disk, then restore a backup' },
  'server.port.busy': { text: 'another program is using this port: stop it, or give another port' },
  'server.port.forbidden': { text: 'this user may not open this port: give one above 1023' },
  'server.address.unavailable': { text: 'this machine does not have this address: give 127.0.0.1, 0.0.0.0 or one of its own' },
  'server.proxy.malformed': { text: 'a trusted proxy is an address such as 127.0.0.1, or a network such as 10.0.0.0/8' },
  'server.passkey_domain.unusable': { text: 'passkeys work under the domain of the public address or one above it: check --passkey-domain and --public-url' },
  'server.web.missing': { text: 'the folder of the web app has no built app in it: run npm start, or leave out --web' },
  'server.start.failed': { text: 'the server could not start listening: check the address and port' },
} as const

/** A code of the catalogue. */
export type ServerErrorCode = keyof typeof SERVER_ERRORS

/** The single error class of this package; refusals to clients are ProtocolErrors. */
export class ServerError extends CodedError<ServerErrorCode> {
  override readonly name = 'ServerError'
  constructor(code: ServerErrorCode, detail?: ErrorDetail, options?: ErrorOptions) {
    super(code, SERVER_ERRORS[code].text, detail, options)
  }
}
