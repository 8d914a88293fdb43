/**
 * A rotation in a process of its own, to be killed: says a line after each batch.
 */
import { writeSync } from 'node:fs'
import { systemRandom } from '@famichat/base'
import { holdKeyRing, rotate } from '@famichat/vault'
import { openBook } from '../support/tables.js'

const [path = '', keyPath = ''] = process.argv.slice(2)
const holder = holdKeyRing({ path: keyPath, dataExists: true, random: systemRandom })
const { db, vault } = openBook(holder, { path, seed: process.pid })
await rotate({ db, vault, batchRows: 4, onProgress: () => { writeSync(1, '.\n') } })
