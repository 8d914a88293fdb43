/**
 * Alice, Bob and Carol in one conversation, and thieves who hold copies of their devices.
 */
import { present, utf8 } from '@famichat/base'
import { type Contender, type Impossible, isImpossible, type Packet, type Person, type World } from './contender.js'
import { deliver, deliverAll, type Delivered, hand } from './delivery.js'

/** Three people who have written to each other, and everything that was sent. */
export interface Scene {
  readonly world: World
  readonly alice: Person
  readonly bob: Person
  readonly carol: Person
  /** Sends a text from one to the others, who all read it. */
  readonly say: (from: Person, text: string) => Promise<readonly Packet[]>
  /** Delivers to the three. */
  readonly pass: (packets: readonly Packet[]) => Promise<readonly Delivered[]>
}

/** Sets the three up, each having written once. */
export const makeScene = async (contender: Contender): Promise<Scene> => {
  const world = await contender.open('security')
  const [alice, bob, carol] = [await world.register('alice'), await world.register('bob'), await world.register('carol')]
  const people = [alice, bob, carol]
  const pass = (packets: readonly Packet[]): Promise<readonly Delivered[]> => deliverAll(packets, people)
  const say = async (from: Person, text: string): Promise<readonly Packet[]> => {
    const packets = await from.send(utf8(text))
    await pass(packets)
    return packets
  }
  await pass(await alice.create(['bob', 'carol']))
  for (const person of [bob, carol]) if (person.answer !== undefined) await pass(await person.answer('alice'))
  for (const person of people) await say(person, `${person.name} is here`)
  return { world, alice, bob, carol, say, pass }
}

/** Somebody with a copy of Bob's device, who sees everything that passes the server. */
export class Thief {
  readonly #copy: Person

  private constructor(copy: Person) {
    this.#copy = copy
  }

  static async of(victim: Person): Promise<Thief | Impossible> {
    const copy = await victim.steal()
    return isImpossible(copy) ? copy : new Thief(copy)
  }

  /** Tries packets whoever they were for. @returns how many texts he read */
  async opens(packets: readonly Packet[]): Promise<number> {
    let read = 0
    for (const packet of packets) if ((await hand(packet, this.#copy)).text !== undefined) read++
    return read
  }

  /** Tries packets for his victim in order; what he cannot open leaves him as he was. @returns how many texts he read */
  async reads(packets: readonly Packet[]): Promise<number> {
    const done = await deliver(packets, [this.#copy])
    return done.filter(({ text }) => text !== undefined).length
  }
}

/** The packet that carries the text to `name`. */
export const textFor = (packets: readonly Packet[], name: string): Packet =>
  present(packets.find(({ kind, to }) => kind === 'text' && (to === '*' || to.includes(name))), 'a text was sent')
