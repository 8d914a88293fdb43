/**
 * Reading the working group's test vector files: hex out of JSON, and which kind a case is.
 */
import { fromHex } from '@famichat/base'
import type { CryptoBackend } from '../../dist/crypto/backend.js'
import { type CipherSuite, makeCipherSuite } from '../../dist/crypto/cipher-suite.js'
import { nodeBackend } from '../../dist/crypto/node-backend.js'
import { systemRandom } from '@famichat/base'

/** A JSON object of a vector file. */
export type Case = Readonly<Record<string, unknown>>

/** A vector that does not come out as it says. */
class Mismatch extends Error {
  override readonly name = 'Mismatch'
}

/** Fails the case unless `holds`. */
export const expect = (holds: boolean, what: string): void => {
  if (!holds) throw new Mismatch(what)
}

const isObject = (value: unknown): value is Case => typeof value === 'object' && value !== null && !Array.isArray(value)

export const bytes = (from: Case, key: string): Uint8Array => fromHex(text(from, key))

/** Undefined for null or a missing key. */
export const optionalBytes = (from: Case, key: string): Uint8Array | undefined =>
  from[key] === null || from[key] === undefined ? undefined : bytes(from, key)

export const text = (from: Case, key: string): string => {
  const value = from[key]
  if (typeof value !== 'string') throw new Mismatch(`${key} is not a string`)
  return value
}

export const number = (from: Case, key: string): number => {
  const value = from[key]
  if (typeof value !== 'number') throw new Mismatch(`${key} is not a number`)
  return value
}

export const object = (from: Case, key: string): Case => {
  const value = from[key]
  if (!isObject(value)) throw new Mismatch(`${key} is not an object`)
  return value
}

export const list = (from: Case, key: string): readonly unknown[] => {
  const value = from[key]
  if (!Array.isArray(value)) throw new Mismatch(`${key} is not a list`)
  return value
}

export const objects = (from: Case, key: string): readonly Case[] => list(from, key).filter(isObject)

let backend: CryptoBackend = nodeBackend

/** The backend cases are verified on: node:crypto until another is chosen. */
export const vectorBackend = (): CryptoBackend => backend

/** Verifies all later cases of this process on `chosen`. */
export const useVectorBackend = (chosen: CryptoBackend): void => { backend = chosen }

/** The suite a case names. */
export const suiteOf = (from: Case): CipherSuite => makeCipherSuite(number(from, 'cipher_suite'), backend, systemRandom)

/** The cases of a file: a list, or one object. */
export const casesOf = (json: unknown): readonly Case[] => (Array.isArray(json) ? json : [json]).filter(isObject)
