/**
 * Signal's server and its groups: bundles, and a list of members that only holders of the group's key can change.
 * That list stands for Signal's encrypted group state, which libsignal's messages know nothing of.
 */
import { present } from '@famichat/base'
import { type GhostReport, refusal } from '@famichat/lab'
import { SignalDevice } from './signal-device.js'

/** Who is in; `version` changes with it. */
export interface Roster {
  readonly names: Set<string>
  version: number
}

export class SignalDirectory {
  readonly devices = new Map<string, SignalDevice>()
  readonly roster: Roster = { names: new Set(), version: 0 }

  register(name: string): SignalDevice {
    const device = SignalDevice.create(name)
    this.devices.set(name, device)
    return device
  }

  /** Makes sure `device` can encrypt to `name`. */
  async connect(device: SignalDevice, name: string): Promise<void> {
    if (device.sessions.records.has(name)) return
    await device.begin(name, present(this.devices.get(name), `${name} is registered`).takeBundle())
  }

  include(names: readonly string[]): void {
    for (const name of names) this.roster.names.add(name)
    this.roster.version++
  }

  exclude(name: string): void {
    this.roster.names.delete(name)
    this.roster.version++
  }

  /** Everybody but `self`. */
  others(self: string): readonly string[] {
    return [...this.roster.names].filter((name) => name !== self)
  }
}

/** The server passes its own keys off as Bob's, to somebody who knows Bob and to somebody who does not yet. */
export const impersonate = async (): Promise<GhostReport> => {
  const [alice, carol, bob, ghost] = ['alice', 'carol', 'bob', 'bob'].map((name) => SignalDevice.create(name))
  const knows = present(alice, 'alice')
  await knows.begin('bob', present(bob, 'bob').takeBundle())
  const refused = await refusal(() => knows.begin('bob', present(ghost, 'ghost').takeBundle()))
  const first = await refusal(() => present(carol, 'carol').begin('bob', present(ghost, 'ghost').takeBundle()))
  return {
    reads: refused === undefined,
    visible: true,
    how: `the server offers its own keys as Bob's new device: ${refused ?? 'accepted'}. Whoever had no session with Bob before ${first === undefined ? 'takes them, and finds out by comparing safety numbers only' : `refuses too (${first})`}. The list of members is no part of libsignal's messages: Signal keeps it encrypted`,
  }
}
