/**
 * Crashes at named places: a place is armed for a device and hit when the device comes there.
 */
import type { Device } from './device.js'
import type { CrashPoint, Process } from './process.js'

interface Armed {
  readonly point: CrashPoint
  readonly device: string | undefined
  skips: number
}

/** Kills processes where it was told to. */
export class Crashes {
  /** How often each place was come to, and where a process was killed. */
  readonly visited = new Map<CrashPoint, number>()
  readonly killed = new Map<CrashPoint, number>()
  readonly #armed: Armed[] = []
  readonly #onCrash: (device: Device, process: Process, point: CrashPoint) => void

  constructor(onCrash: (device: Device, process: Process, point: CrashPoint) => void) {
    this.#onCrash = onCrash
  }

  /** The next process that comes there, after some that are let go on, is killed. */
  arm(point: CrashPoint, { device, skips = 0 }: { readonly device?: string; readonly skips?: number } = {}): void {
    this.#armed.push({ point, device, skips })
  }

  disarm(): void {
    this.#armed.length = 0
  }

  /** A process is at a place. */
  visit(device: Device, process: Process, point: CrashPoint): void {
    this.visited.set(point, (this.visited.get(point) ?? 0) + 1)
    const at = this.#armed.findIndex((armed) => armed.point === point && (armed.device === undefined || armed.device === device.name))
    const armed = this.#armed[at]
    if (armed === undefined || armed.skips-- > 0) return
    this.#armed.splice(at, 1)
    this.killed.set(point, (this.killed.get(point) ?? 0) + 1)
    this.#onCrash(device, process, point)
  }
}
