/**
 * The catalogue of refusals is neither too long nor too short: every code is thrown somewhere and named by a test.
 */
import { deepEqual, match } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { MLS_ERRORS } from '@famichat/mls'

const PACKAGE = join(import.meta.dirname, '../..')

const textOf = (folder: string, ending: string, except: string): string =>
  readdirSync(join(PACKAGE, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(ending) && entry.name !== except)
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
    .join('\n')

const missingIn = (text: string): readonly string[] => Object.keys(MLS_ERRORS).filter((code) => !text.includes(`'${code}'`))

test('every code of the catalogue is thrown somewhere in the engine', () => {
  deepEqual(missingIn(textOf('src', '.ts', 'errors.ts')), [])
})

test('every code of the catalogue is named by a test', () => {
  deepEqual(missingIn(textOf('test', '.test.ts', 'error-codes.test.ts')), [])
})

test('codes are three words deep, and texts lower case without a full stop', () => {
  for (const [code, { text }] of Object.entries(MLS_ERRORS)) {
    match(code, /^mls(\.[a-z0-9_]+){2}$/)
    match(text, /^(?:[a-z]|GroupContext|KeyPackage|PSK|ReInit|ExternalInit|Welcome|GroupInfo|SelfRemove|X\.509|two ).*[^.]$/)
  }
})
