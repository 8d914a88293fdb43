/**
 * What a conversation of one size costs a contender: from its first key to its last removal.
 * A handful of members are played out; the others have keys and receive nothing, so that 1,000 members fit into minutes.
 */
import { present, utf8 } from '@famichat/base'
import { type Contender, isImpossible, type Packet, type Person, type World } from './contender.js'
import { bytesOf, deliverAll, isFor } from './delivery.js'
import { type Measurement, type Row, spreadOf } from './row.js'

/** What to measure. */
export interface TimingJob {
  readonly contender: string
  readonly members: number
  /** For one piece of work, repeated; at least one run is made. */
  readonly budgetMs: number
  readonly onRow: (row: Row) => void
}

const TEXT = utf8('x'.repeat(100))
const MESSAGE_RUNS = 30
const OPERATION_RUNS = 7
/** Untimed messages and, in small groups, rotations, before anything is timed: compiled code is not what is measured. */
const WARM_UP_RUNS = 10
/** A tree is left as it is when warming it takes longer. */
const MAX_WARMING_MS = 120_000

/** Measures one size. Rows come as they are found. */
export const measure = async (contender: Contender, job: TimingJob): Promise<void> => {
  await new Timing(contender, job).run()
}

class Timing {
  readonly #contender: Contender
  readonly #job: TimingJob
  readonly #samples = new Map<string, { unit: Measurement['unit']; values: number[] }>()
  readonly #people: Person[] = []
  #world: World | undefined
  #seats: readonly Person[] = []

  constructor(contender: Contender, job: TimingJob) {
    this.#contender = contender
    this.#job = job
  }

  async run(): Promise<void> {
    this.#world = await this.#contender.open('timing')
    await this.#setUp()
    await this.#messages()
    await this.#rotations()
    await this.#changes()
    await this.#state()
  }

  get #founder(): Person {
    return present(this.#people[0], 'there is a founder')
  }

  get #everybody(): readonly Person[] {
    return [this.#founder, ...this.#seats]
  }

  async #register(name: string): Promise<Person> {
    return this.#timed('keys of one person', () => present(this.#world, 'the world is open').register(name))
  }

  async #setUp(): Promise<void> {
    const { members } = this.#job
    for (let index = 0; index < members; index++) this.#people.push(await this.#register(`person ${index}`))
    this.#report()
    // on the founder's copath in a tree: with these, every subtree beside the founder's path has somebody in it
    const indexes = new Set([...Array.from({ length: 20 }, (_, power) => 2 ** power).filter((index) => index < members), members - 1])
    this.#seats = [...indexes].map((index) => present(this.#people[index], 'seated'))
    const others = this.#people.slice(1).map(({ name }) => name)
    const packets = await this.#sent('set-up', () => this.#founder.create(others))
    await this.#taken('join', packets, this.#seats)
    await this.#answers(packets)
    this.#report()
  }

  /** Everybody takes the first packet and answers, untimed: pairwise sessions are established by that. */
  async #answers(packets: readonly Packet[]): Promise<void> {
    if (this.#founder.answer === undefined) return
    const byName = new Map(packets.flatMap((packet) => (packet.to === '*' ? [] : packet.to.map((name) => [name, packet] as const))))
    for (const person of this.#people.slice(1)) {
      const packet = byName.get(person.name)
      if (packet !== undefined && !this.#seats.includes(person)) await deliverAll([packet], [person])
      await deliverAll(present(await person.answer?.(this.#founder.name), 'everybody answers'), [this.#founder])
    }
  }

  async #messages(): Promise<void> {
    const readers = this.#readers()
    await this.#repeat(WARM_UP_RUNS, async () => { await deliverAll(await this.#founder.send(TEXT), this.#seats) })
    await this.#repeat(MESSAGE_RUNS, async () => {
      await this.#taken('receive', await this.#sent('send', () => this.#founder.send(TEXT)), readers)
    })
    this.#report()
    const [other] = this.#seats
    if (other === undefined) return
    // the others who are not played out have had no answer of this one: their sessions are new
    await deliverAll(await this.#sent('first message of another member', () => other.send(TEXT)), this.#everybody)
    this.#report()
  }

  async #rotations(): Promise<void> {
    const { hasTree } = this.#contender.facts
    const started = process.hrtime.bigint()
    const first = await this.#rotate(this.#founder, hasTree ? 'rotate, first after set-up' : 'rotate', this.#seats)
    if (!first) return
    if (hasTree) {
      this.#report()
      for (const seat of this.#seats) {
        if (Number(process.hrtime.bigint() - started) / 1e6 > MAX_WARMING_MS) {
          this.#fail('rotate, warm tree', `left out: warming the tree takes more than ${MAX_WARMING_MS / 1000} s`)
          return
        }
        await deliverAll(present(await seat.rotate(), 'it rotates'), this.#everybody)
      }
    }
    const work = hasTree ? 'rotate, warm tree' : 'rotate'
    await this.#repeat(OPERATION_RUNS, async () => { await this.#rotate(this.#founder, work, this.#readers()) }, () => { this.#catchUp() })
    this.#report()
  }

  async #rotate(person: Person, work: string, followers: readonly Person[]): Promise<boolean> {
    const started = process.hrtime.bigint()
    const packets = await person.rotate()
    if (packets === undefined) return false
    this.#add(work, 'µs', Number(process.hrtime.bigint() - started) / 1000)
    this.#add(`${work}: bytes`, 'bytes', bytesOf(packets))
    await this.#taken(`${work}: follow`, packets, followers)
    return true
  }

  async #changes(): Promise<void> {
    const readers = this.#readers()
    let newcomers = 0
    await this.#repeat(OPERATION_RUNS, async () => {
      const name = `newcomer ${newcomers++}`
      const newcomer = await present(this.#world, 'the world is open').register(name)
      const added = await this.#sent('add', () => this.#founder.add(name))
      await this.#taken('add: follow', added.filter((packet) => !onlyFor(packet, name)), readers)
      await this.#taken('add: join', added.filter((packet) => onlyFor(packet, name)), [newcomer])
      // a message in between: who hands out keys with the next message has handed them out
      await deliverAll(await this.#founder.send(TEXT), [...readers, newcomer])
      const removed = await this.#sent('remove', () => this.#founder.remove(name))
      await this.#taken('remove: follow', removed, readers)
    })
    this.#report()
  }

  async #state(): Promise<void> {
    for (const [who, person] of [['founder', this.#founder], ['another member', this.#readers().at(-1)]] as const) {
      const bytes = await present(person, 'somebody is seated').stateBytes()
      if (isImpossible(bytes)) this.#job.onRow({ kind: 'failure', contender: this.#job.contender, part: `state of ${who}`, reason: bytes.impossible })
      else this.#add(`state of ${who}`, 'bytes', bytes)
    }
    this.#report()
  }

  /** The first and the last of those seated. */
  #readers(): readonly Person[] {
    return [...new Set([this.#seats[0], this.#seats.at(-1)])].flatMap((person) => person ?? [])
  }

  /** After the tree is warm only the readers follow. */
  #catchUp(): void {
    this.#seats = this.#readers()
  }

  async #timed<T>(work: string, action: () => Promise<T>): Promise<T> {
    const started = process.hrtime.bigint()
    const result = await action()
    this.#add(work, 'µs', Number(process.hrtime.bigint() - started) / 1000)
    return result
  }

  async #sent(work: string, action: () => Promise<readonly Packet[]>): Promise<readonly Packet[]> {
    const packets = await this.#timed(work, action)
    this.#add(`${work}: bytes`, 'bytes', bytesOf(packets))
    return packets
  }

  async #taken(work: string, packets: readonly Packet[], people: readonly Person[]): Promise<void> {
    for (const person of people) {
      const mine = packets.filter((packet) => isFor(packet, person.name))
      if (mine.length === 0) continue
      const done = await deliverAll(mine, [person])
      this.#add(work, 'µs', done.reduce((sum, { microseconds }) => sum + microseconds, 0))
    }
  }

  async #repeat(runs: number, work: () => Promise<void>, before: () => void = () => undefined): Promise<void> {
    before()
    const started = process.hrtime.bigint()
    for (let run = 0; run < runs; run++) {
      await work()
      if (Number(process.hrtime.bigint() - started) / 1e6 > this.#job.budgetMs) return
    }
  }

  #add(work: string, unit: Measurement['unit'], value: number): void {
    const known = this.#samples.get(work) ?? { unit, values: [] }
    known.values.push(value)
    this.#samples.set(work, known)
  }

  /** Hands over what was found since the last time. */
  #report(): void {
    const { contender, members, onRow } = this.#job
    for (const [work, { unit, values }] of this.#samples) onRow({ kind: 'measurement', contender, members, work, unit, value: spreadOf(values) })
    this.#samples.clear()
  }

  #fail(work: string, reason: string): void {
    const { contender, members, onRow } = this.#job
    onRow({ kind: 'failure', contender, part: `${work}, ${members.toLocaleString('en')} members`, reason })
  }
}

const onlyFor = ({ to }: Packet, name: string): boolean => to !== '*' && to.includes(name)
