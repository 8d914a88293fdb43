/**
 * The lab's server: it hands packets to those they are for.
 */
import { fromUtf8 } from '@famichat/base'
import { EVERYONE, type Packet, type Person } from './contender.js'
import { reasonOf } from './refusal.js'

/** What became of a packet at one person's. */
export interface Delivered {
  readonly to: string
  readonly packet: Packet
  readonly text: string | undefined
  /** Why it was refused. */
  readonly refused: string | undefined
  readonly microseconds: number
}

/** True when somebody of this name gets the packet. */
export const isFor = ({ from, to }: Packet, name: string): boolean => from !== name && (to === EVERYONE || to.includes(name))

/** One packet to one person. Never rejects. */
export const hand = async (packet: Packet, person: Person): Promise<Delivered> => {
  const started = process.hrtime.bigint()
  const since = (): number => Number(process.hrtime.bigint() - started) / 1000
  try {
    const text = await person.receive(packet)
    const microseconds = since()
    return { to: person.name, packet, text: text === undefined ? undefined : fromUtf8(text), refused: undefined, microseconds }
  } catch (error) {
    return { to: person.name, packet, text: undefined, refused: reasonOf(error), microseconds: since() }
  }
}

/** Each packet to each of these people it is for, in order. */
export const deliver = async (packets: readonly Packet[], people: readonly Person[]): Promise<readonly Delivered[]> => {
  const done: Delivered[] = []
  for (const packet of packets) for (const person of people) if (isFor(packet, person.name)) done.push(await hand(packet, person))
  return done
}

/** As {@link deliver}, where nothing may be refused. @throws Error with the first refusal */
export const deliverAll = async (packets: readonly Packet[], people: readonly Person[]): Promise<readonly Delivered[]> => {
  const done = await deliver(packets, people)
  const refused = done.find((each) => each.refused !== undefined)
  if (refused?.refused !== undefined) throw new Error(`${refused.to} could not take a ${refused.packet.kind} packet: ${refused.refused}`)
  return done
}

/** Bytes a sender uploads: each packet once, however many it is for. */
export const bytesOf = (packets: readonly Packet[]): number => packets.reduce((sum, { bytes }) => sum + bytes.length, 0)
