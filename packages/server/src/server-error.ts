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
  'server.backup.exists': { text: 'there is a file of this name already: give the backup another name' },
  'server.backup.unwritable': { text: 'the backup cannot be written: check the folder and the space on its disk' },
  'server.backup.missing': { text: 'there is no backup file of this name, or it cannot be read' },
  'server.backup.not_one': { text: 'this file is no Famichat backup' },
  'server.backup.newer': { text: 'the backup was made by a newer Famichat: update this program' },
  'server.backup.older': { text: 'the backup has a form that this Famichat does not read any more: restore it with the version that made it' },
  'server.backup.wrong_key': { text: 'the key does not open this backup, or its first bytes were changed: use the backup.key it was made with' },
  'server.backup.truncated': { text: 'the backup ends early: it was not copied whole' },
  'server.backup.damaged': { text: 'the backup was changed or damaged: use another copy' },
  'server.backup.unsound': { text: 'what is in the backup is no whole database: use another backup' },
  'server.backup_key.missing': { text: 'there is no backup key: give the file backup.key with --key, or set FAMICHAT_BACKUP_KEY' },
  'server.backup_key.malformed': { text: 'the backup key must be 64 hexadecimal digits: check FAMICHAT_BACKUP_KEY or the file backup.key' },
  'server.backup_key.exposed': { text: 'the file of the backup key can be read by other users of this machine: run chmod 600 on it' },
  'server.restore.not_empty': { text: 'the data folder is not empty, and a restore overwrites nothing: give a new folder, or move the old one away' },
  'server.port.busy': { text: 'another program is using this port: stop it, or give another port' },
  'server.port.forbidden': { text: 'this user may not open this port: give one above 1023' },
  'server.address.unavailable': { text: 'this machine does not have this address: give 127.0.0.1, 0.0.0.0 or one of its own' },
  'server.public_url.malformed': { text: 'the public address looks like https://chat.example, without a path: give Famichat a name of its own, not a folder below another one' },
  'server.proxy.malformed': { text: 'a trusted proxy is an address such as 127.0.0.1, or a network such as 10.0.0.0/8' },
  'server.passkey_domain.unusable': { text: 'passkeys work under the domain of the public address or one above it: check --passkey-domain and --public-url' },
  'server.otlp.malformed': { text: 'the address of an OpenTelemetry collector looks like http://127.0.0.1:4318, without a name or password in it' },
  'server.metrics.weak_token': { text: 'the token for /metrics must have 20 characters or more: check FAMICHAT_METRICS_TOKEN' },
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
