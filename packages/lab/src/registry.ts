/**
 * The contenders: each file in src/contenders and in peers/src is one, and its name is the contender's id.
 * A file counts even if it was not compiled or its library is missing, so that the tables can say so.
 */
import { existsSync, readdirSync } from 'node:fs'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Contender } from './contender.js'
import { LabError } from './errors.js'

/** A contender that may or may not load. */
export interface Registered {
  readonly id: string
  /** The compiled module. */
  readonly file: string
}

const PACKAGE = new URL('../', import.meta.url)
const FOLDERS = [
  { sources: new URL('src/contenders/', PACKAGE), compiled: new URL('dist/contenders/', PACKAGE) },
  { sources: new URL('peers/src/', PACKAGE), compiled: new URL('peers/dist/', PACKAGE) },
]
/** How the tables list them: ours, then others of our protocol, then other protocols; newcomers follow by name. */
const ORDER = ['famichat', 'ts-mls', 'openmls', 'signal-pairwise', 'signal-sender-keys', 'olm', 'megolm']

/** Every contender of this tree. */
export const registeredContenders = (): readonly Registered[] => {
  const place = (id: string): number => (ORDER.includes(id) ? ORDER.indexOf(id) : ORDER.length)
  return FOLDERS.flatMap(({ sources, compiled }) =>
    (existsSync(sources) ? readdirSync(sources) : []).filter((name) => name.endsWith('.ts')).map((name) =>
      ({ id: name.slice(0, -3), file: fileURLToPath(new URL(name.replace(/\.ts$/, '.js'), compiled)) })))
    .sort((a, b) => place(a.id) - place(b.id) || a.id.localeCompare(b.id))
}

/** A contender from a file of anybody's: its name without extension is its id. */
export const contenderAt = (file: string): Registered => ({ id: file.replace(/^.*[\\/]/, '').replace(/\.m?js$/, ''), file })

/** Imports a contender. @throws LabError `lab.contender.not_a_contender`, or what the module throws */
export const loadContender = async (file: string): Promise<Contender> => {
  const module = await import(pathToFileURL(file).href) as { readonly contender?: Partial<Contender> }
  if (module.contender?.facts === undefined || module.contender.open === undefined) throw new LabError('lab.contender.not_a_contender')
  return module.contender as Contender
}
