/**
 * Moves of a server that puts keys of its own in the place of people's (threats S7, S8, S10, S11).
 */
import { type ConversationId, decodeRequest, decodeResponse, type DeliveredWelcome, type DeviceId, encodeResponse, makeId, type RouteName, type WelcomeId } from '@famichat/protocol'
import type { Impostor } from './impostor.js'
import { Move } from './moves.js'
import { type Dice, seededBytes } from './scheduler.js'

/** S7: KeyPackages that claim to be somebody's, and are the server's. */
export class SwapKeyPackages extends Move {
  readonly id = 'S7'
  readonly #impostor: Impostor
  readonly #nowMs: () => number

  constructor(dice: Dice, impostor: Impostor, nowMs: () => number) {
    super(dice)
    this.#impostor = impostor
    this.#nowMs = nowMs
  }

  override async answer(route: RouteName, honest: Uint8Array, request: Uint8Array): Promise<Uint8Array | undefined> {
    if (route !== 'keyPackageClaim') return undefined
    const { accountId } = decodeRequest('keyPackageClaim', request)
    const claims = decodeResponse('keyPackageClaim', honest)
    const swapped = []
    for (const { deviceId, isLastResort } of claims.claimed) swapped.push({ deviceId, isLastResort, keyPackage: await this.#impostor.keyPackage(accountId, deviceId, this.#nowMs()) })
    return this.act(encodeResponse('keyPackageClaim', { ...claims, claimed: swapped }))
  }
}

/** S8: a device that its account never vouched for. */
export class GhostDevice extends Move {
  readonly id = 'S8'
  readonly #impostor: Impostor
  readonly #nowMs: () => number
  readonly #deviceId: DeviceId

  constructor(dice: Dice, impostor: Impostor, { nowMs, seed }: { readonly nowMs: () => number; readonly seed: number }) {
    super(dice)
    this.#impostor = impostor
    this.#nowMs = nowMs
    this.#deviceId = makeId<DeviceId>(seededBytes(seed, 'ghost'))
  }

  override async answer(route: RouteName, honest: Uint8Array): Promise<Uint8Array | undefined> {
    if (route !== 'directory') return undefined
    const directory = decodeResponse('directory', honest)
    const accounts = []
    for (const account of directory.accounts) {
      const [device] = account.devices
      if (device === undefined) continue
      const certificate = await this.#impostor.certificate(account.accountId, this.#deviceId, this.#nowMs())
      accounts.push({ ...account, devices: [...account.devices, { ...device, deviceId: this.#deviceId, certificate, isRevoked: false, isPending: false }] })
    }
    return this.act(encodeResponse('directory', { ...directory, accounts }))
  }
}

/** What a forged Welcome is made from. */
interface Forging {
  readonly nowMs: () => number
  readonly seed: number
  /** A conversation that the device is in. */
  readonly conversationId: () => ConversationId | undefined
  /** One of the device's KeyPackages: the server has them. */
  readonly keyPackage: () => Promise<Uint8Array | undefined>
  readonly onInvented: (conversationId: ConversationId) => void
}

/** S10: a Welcome to a group of the server's own, under the id of a conversation that is there, or under a new one. */
export class ForgedWelcome extends Move {
  readonly id = 'S10'
  readonly #impostor: Impostor
  readonly #options: Forging
  #forged: DeliveredWelcome | undefined

  constructor(dice: Dice, impostor: Impostor, options: Forging) {
    super(dice)
    this.#impostor = impostor
    this.#options = options
  }

  override async answer(route: RouteName, honest: Uint8Array): Promise<Uint8Array | undefined> {
    if (route !== 'welcomeList') return undefined
    const forged = await this.#forge()
    if (forged === undefined) return undefined
    const { welcomes } = decodeResponse('welcomeList', honest)
    return this.act(encodeResponse('welcomeList', { welcomes: [...welcomes, forged.header] }))
  }

  override instead(route: RouteName, request: Uint8Array): Uint8Array | undefined {
    if (route !== 'welcomeRead' || this.#forged === undefined) return undefined
    if (decodeRequest('welcomeRead', request.slice()).welcomeId !== this.#forged.header.welcomeId) return undefined
    return encodeResponse('welcomeRead', this.#forged)
  }

  async #forge(): Promise<DeliveredWelcome | undefined> {
    if (this.#forged !== undefined) return this.#forged
    const { nowMs, seed, conversationId: existing, keyPackage: claim, onInvented } = this.#options
    const keyPackage = await claim()
    if (keyPackage === undefined) return undefined
    const random = seededBytes(seed, 'forged welcome')
    const known = this.dice.chance(0.6) ? existing() : undefined
    const conversationId = known ?? makeId<ConversationId>(random)
    if (known === undefined) onInvented(conversationId)
    const welcome = await this.#impostor.welcome({ conversationId, keyPackage, nowMs: nowMs() })
    if (welcome === undefined) return undefined
    this.#forged = {
      welcome,
      header: { welcomeId: makeId<WelcomeId>(random), conversationId, kind: 2, fromSeq: 1_000, senderDevice: makeId<DeviceId>(random), createdAtMs: nowMs(), welcomeBytes: welcome.length },
    }
    return this.#forged
  }
}

/** S11: Welcomes of earlier are shown again as new ones. */
export class StaleWelcome extends Move {
  readonly id = 'S11'
  readonly #seen: DeliveredWelcome[] = []
  readonly #random

  constructor(dice: Dice, seed: number) {
    super(dice)
    this.#random = seededBytes(seed, 'stale welcome')
  }

  override answer(route: RouteName, honest: Uint8Array): Uint8Array | undefined {
    if (route === 'welcomeRead') {
      const { header, welcome } = decodeResponse('welcomeRead', honest)
      this.#seen.push({ welcome: welcome.slice(), header: { ...header, welcomeId: makeId<WelcomeId>(this.#random) } })
      return undefined
    }
    if (route !== 'welcomeList' || this.#seen.length === 0) return undefined
    const { welcomes } = decodeResponse('welcomeList', honest)
    return this.act(encodeResponse('welcomeList', { welcomes: [...welcomes, ...this.#seen.map(({ header }) => header)] }))
  }

  override instead(route: RouteName, request: Uint8Array): Uint8Array | undefined {
    if (route !== 'welcomeRead') return undefined
    const { welcomeId } = decodeRequest('welcomeRead', request.slice())
    const stale = this.#seen.find(({ header }) => header.welcomeId === welcomeId)
    return stale && encodeResponse('welcomeRead', stale)
  }
}

