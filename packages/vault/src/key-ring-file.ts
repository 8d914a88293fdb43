/**
 * The key ring in a file that only its owner can read. It is replaced as a whole, so a reader sees the old ring or the new
 * one; a running process notices the change and uses the new one from its next query on.
 */
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import type { RandomBytes, Secret } from '@famichat/base'
import { KeyRing } from './key-ring.js'
import { VaultError } from './vault-error.js'

/** A ring that a process holds, and perhaps can change. */
export interface KeyRingHolder {
  /** The ring as it is now; stays the holder's. */
  ring(): KeyRing
  /** Puts a changed ring in its place and takes ownership of it. @throws VaultError `vault.key.unwritable` */
  replace(ring: KeyRing): void
}

/** Where the ring comes from. */
export interface KeyRingSource {
  readonly path: string
  /** The ring's text from the environment; wins over the file and cannot be changed. */
  readonly given?: string | undefined
  /** Whether there is data that only the old keys open: then no ring is made. */
  readonly dataExists: boolean
  readonly random: RandomBytes
}

/** Finds the ring or makes one. @throws VaultError `vault.key.missing` | `vault.key.exposed` | `vault.key.malformed` */
export const holdKeyRing = ({ path, given, dataExists, random }: KeyRingSource): KeyRingHolder => {
  if (given !== undefined) return fixedRing(KeyRing.parse(given))
  if (!existsSync(path)) {
    if (dataExists) throw new VaultError('vault.key.missing')
    const first = KeyRing.make(random)
    writeRing(path, first)
    first.wipe()
  }
  return new FileRing(path)
}

/** A ring that does not change while the process lives; takes ownership of it. */
export const fixedRing = (ring: KeyRing): KeyRingHolder => ({
  ring: () => ring,
  replace: () => { throw new VaultError('vault.key.unwritable') },
})

class FileRing implements KeyRingHolder {
  readonly #path: string
  #ring: KeyRing | undefined
  #stamp = ''

  constructor(path: string) {
    this.#path = path
    this.ring()
  }

  ring(): KeyRing {
    const { mode, ino, mtimeNs, size } = statOrRefuse(this.#path)
    const stamp = `${ino} ${mtimeNs} ${size}`
    if (this.#ring !== undefined && stamp === this.#stamp) return this.#ring
    if ((Number(mode) & 0o077) !== 0) throw new VaultError('vault.key.exposed')
    const ring = KeyRing.parse(readFileSync(this.#path, 'utf8'))
    this.#ring?.wipe()
    this.#ring = ring
    this.#stamp = stamp
    return ring
  }

  replace(ring: KeyRing): void {
    writeRing(this.#path, ring)
    ring.wipe()
  }
}

const statOrRefuse = (path: string): { mode: bigint; ino: bigint; mtimeNs: bigint; size: bigint } => {
  try {
    return statSync(path, { bigint: true })
  } catch (cause) {
    throw new VaultError('vault.key.missing', {}, { cause })
  }
}

/** Durable before anything is encrypted with it: values whose key was lost in a power cut are lost. */
const writeRing = (path: string, ring: KeyRing): void => {
  const text = ring.format()
  try {
    writeDurably(`${path}.new`, text)
    renameSync(`${path}.new`, path)
    syncFolder(dirname(path))
  } catch (cause) {
    throw new VaultError('vault.key.unwritable', {}, { cause })
  } finally {
    text.wipe()
  }
}

const writeDurably = (path: string, text: Secret): void => {
  const file = openSync(path, 'w', 0o600)
  try {
    writeSync(file, text.expose())
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

const syncFolder = (path: string): void => {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
