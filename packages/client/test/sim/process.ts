/**
 * A process on a device: it has the disk, the network and the time of that device until it is killed. A killed process
 * never goes on: whatever it waits for does not come, and what it writes or sends after that moment does not exist.
 */
// what clients load only when they need it takes real time, which a simulation must not: it is loaded before
import '../../dist/archive/history-transfer.js'
import '../../dist/identity/link-host.js'
import '../../dist/identity/registering-again.js'
import { createHash } from 'node:crypto'
import type { Clock, RandomBytes } from '@famichat/base'
import type { ClientOptions, Network } from '@famichat/client'
import type { CryptoBackend } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import type { Disk, DiskUser } from './disk.js'
import type { Scheduler } from './scheduler.js'

type SignatureScheme = ReturnType<CryptoBackend['signature']>

/** Where a process can be killed, by name; visited in an order that depends on what it does. */
export type CrashPoint = string

/** Verdicts on signatures that are remembered at most. */
const VERDICTS = 200_000

/** Whether a signature that one device has verified is verified by the next one too: for measuring, it is. */
export const verification = { isRepeated: false }

/**
 * Everything here happens in one process: what one device has verified, byte for byte, need not be computed for each of the others. The
 * verdict is the same, for it depends on nothing else.
 */
const remembering = (scheme: SignatureScheme): SignatureScheme => {
  const verdicts = new Map<string, boolean | Promise<boolean>>()
  return {
    name: scheme.name,
    generateKeyPair: (random) => scheme.generateKeyPair(random),
    publicKeyOf: (privateKey) => scheme.publicKeyOf(privateKey),
    sign: (privateKey, publicKey, message) => scheme.sign(privateKey, publicKey, message),
    verify: (publicKey, message, signature) => {
      if (verification.isRepeated) return scheme.verify(publicKey, message, signature)
      const key = createHash('sha256').update(Uint8Array.of(publicKey.length, signature.length)).update(publicKey).update(signature).update(message).digest('base64')
      const known = verdicts.get(key)
      if (known !== undefined) return known
      const verdict = scheme.verify(publicKey, message, signature)
      if (verdicts.size >= VERDICTS) verdicts.clear()
      verdicts.set(key, verdict)
      return verdict
    },
  }
}

const schemes = new Map<string, SignatureScheme>()
const schemeOf = (name: Parameters<CryptoBackend['signature']>[0]): SignatureScheme => {
  const known = schemes.get(name)
  if (known !== undefined) return known
  const scheme = remembering(nodeBackend.signature(name))
  schemes.set(name, scheme)
  return scheme
}

/** Node's primitives in this thread, with no randomness of their own. */
export const seededBackend: CryptoBackend = {
  name: 'node, seeded',
  hash: (name) => nodeBackend.hash(name),
  aead: (name) => nodeBackend.aead(name),
  signature: schemeOf,
  curve: (name) => {
    const curve = nodeBackend.curve(name)
    return {
      name, privateKeyLength: curve.privateKeyLength, publicKeyLength: curve.publicKeyLength,
      publicKeyOf: (privateKey) => curve.publicKeyOf(privateKey), agree: (privateKey, publicKey) => curve.agree(privateKey, publicKey),
    }
  },
}

const never = <T>(): Promise<T> => new Promise<T>(() => undefined)

/** What a process runs on. */
export interface ProcessOptions {
  readonly name: string
  readonly scheduler: Scheduler
  readonly disk: Disk
  /** The device's own clock. */
  readonly clock: Clock
  readonly random: RandomBytes
  /** Its way to the server. */
  readonly networkOf: (process: Process) => Network
  /** Hears where it is; it may kill it. */
  readonly onPoint: (process: Process, point: CrashPoint) => void
}

/** One run of the client's program. */
export class Process implements DiskUser {
  readonly name: string
  readonly options: ClientOptions
  /** When it was killed. */
  readonly died: Promise<'died'>
  readonly #disk: Disk
  readonly #visit: (point: CrashPoint) => void
  readonly #onKill: (() => void)[] = []
  #isDead = false
  #die: () => void = () => undefined

  constructor({ name, scheduler, disk, clock, random, networkOf, onPoint }: ProcessOptions) {
    this.name = name
    this.#disk = disk
    this.#visit = (point) => { onPoint(this, point) }
    this.died = new Promise((resolve) => { this.#die = () => { resolve('died') } })
    this.options = {
      store: disk.open(this),
      backend: seededBackend,
      network: networkOf(this),
      clock,
      random,
      sleep: (milliseconds) => (this.isDead ? never() : this.alive(scheduler.sleep(milliseconds))),
      timer: (milliseconds, act) => scheduler.after(milliseconds, () => { if (!this.#isDead) act() }),
      onPoint: (point) => { this.visit(point) },
    }
  }

  get isDead(): boolean {
    return this.#isDead
  }

  /** It is at a named place now. @returns whether it goes on from there */
  visit(point: CrashPoint): boolean {
    if (!this.#isDead) this.#visit(point)
    return !this.#isDead
  }

  onWrite(moment: 'before' | 'after'): void {
    this.visit(`disk.${moment}`)
  }

  /** Called when it is killed. */
  onKill(act: () => void): void {
    this.#onKill.push(act)
  }

  kill(): void {
    if (this.#isDead) return
    this.#isDead = true
    this.#disk.killed(this)
    for (const act of this.#onKill) act()
    this.#die()
  }

  /** Goes on with what came only if the process is still there. */
  async alive<T>(work: Promise<T>): Promise<T> {
    const result = await work.then((value) => ({ value }), (error: unknown) => ({ error }))
    if (this.#isDead) return never()
    if ('error' in result) throw result.error
    return result.value
  }
}
