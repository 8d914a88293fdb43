/**
 * Subject: a member under fire. It can be put back to the state it began in, and says when a refusal changed it.
 */
import { bytesKey, equal, type RandomBytes } from '@famichat/base'
import { insecureSeededRandom } from '@famichat/base/testing'
import { Group, type GroupConfig, type StagedCommit, type StateRow } from '@famichat/mls'
import { nodeBackend } from '@famichat/mls/node'
import { type Person, RowStore } from '../builders.js'
import { expectThat } from './target.js'
import { WorkMeter } from './work.js'

/** Randomness that starts afresh for each input: what an input does, it does again when replayed alone. */
class FreshRandom {
  #random: RandomBytes = insecureSeededRandom(0)
  readonly bytes: RandomBytes = (length) => this.#random(length)

  begin(seed: number): void {
    this.#random = insecureSeededRandom(seed)
  }
}

/** Everything the subjects of a run share. */
export class Bench {
  readonly random = new FreshRandom()
  readonly meter = new WorkMeter()
  readonly backend = this.meter.metered(nodeBackend)
  /** Applications for membership of all scenes. They name a group and an epoch but no secret of it, so every scene may take them. */
  readonly applications = new Set<string>()

  configOf({ config }: Person): GroupConfig {
    return { ...config, backend: this.backend, random: this.random.bytes }
  }
}

/** After this many inputs the honest messages are played again, to see that they still work. */
const HONEST_EVERY = 250

interface SubjectState {
  readonly person: Person
  readonly rows: readonly StateRow[]
  readonly script: readonly Uint8Array[]
  /** What else honest members of the group sent in this epoch. */
  readonly sent?: readonly Uint8Array[]
}

/** One member in one state, with messages it accepts in that state, in the order they must come. */
export class Subject {
  readonly name: string
  readonly person: Person
  readonly rows: readonly StateRow[]
  readonly script: readonly Uint8Array[]
  readonly bench: Bench
  readonly #honest: ReadonlySet<string>
  #group: Group
  #before: View
  #sinceHonest = 0

  constructor(name: string, bench: Bench, { person, rows, script, sent = [] }: SubjectState) {
    this.name = name
    this.bench = bench
    this.person = person
    this.rows = rows
    this.script = script
    this.#honest = new Set([...script, ...sent].map(bytesKey))
    this.#group = this.#restored()
    this.#before = viewOf(this.#group)
  }

  get group(): Group {
    return this.#group
  }

  /** True for what an honest member sent: nothing else may be accepted from outside. */
  isHonest(message: Uint8Array): boolean {
    return this.#honest.has(bytesKey(message)) || this.bench.applications.has(bytesKey(message))
  }

  /** Back to the state it began in. */
  reset(): void {
    this.#group.close()
    this.#group = this.#restored()
    this.#before = viewOf(this.#group)
  }

  /** The oracle for refusals: no row to write, nothing visible changed. */
  expectUnchanged(input: Uint8Array): void {
    const changes = this.#group.takeChanges().length
    expectThat(changes === 0, `${this.name}: ${changes.toString()} rows changed though the input was refused`, input)
    const { context, pendingCommit, proposals, status } = viewOf(this.#group)
    const isSame = context === this.#before.context && pendingCommit === this.#before.pendingCommit
      && proposals === this.#before.proposals && status === this.#before.status
    expectThat(isSame, `${this.name}: the state changed though the input was refused`, input)
  }

  /** Plays the honest script at intervals; the state is the beginning again afterwards. */
  async playScriptAtTimes(): Promise<void> {
    this.#sinceHonest++
    if (this.#sinceHonest % HONEST_EVERY === 0) await this.playScript()
  }

  /** Every honest message is still accepted, after all that was refused. */
  async playScript(): Promise<void> {
    for (const [index, message] of this.script.entries()) {
      try {
        const processed = await this.#group.process(message)
        if (processed.kind === 'commit') this.#checkCommit(processed.staged)
      } catch (error) {
        expectThat(false, `${this.name}: honest message ${index.toString()} is not accepted any more: ${String(error)}`, message)
      }
    }
    this.reset()
  }

  /** How the group would look to a fresh process: rows of the changes on top of the rows it began with. */
  expectRestorable(what: string, input?: Uint8Array): void {
    const store = new RowStore()
    for (const { key, value } of this.rows) if (value !== undefined) store.rows.set(key, value)
    store.save(this.#group)
    const restored = Group.restore({ config: this.bench.configOf(this.person), signer: this.person.signer, rows: store.all() })
    const isSame = restored.epoch === this.#group.epoch && restored.status === this.#group.status
      && restored.pendingProposals.length === this.#group.pendingProposals.length
    expectThat(isSame, `${this.name}: ${what}: restored from its rows it differs`, input)
    if (restored.status !== 'removed') {
      expectThat(equal(restored.epochAuthenticator, this.#group.epochAuthenticator), `${this.name}: ${what}: restored from its rows it differs`, input)
    }
    restored.close()
  }

  #checkCommit(staged: StagedCommit): void {
    if (!staged.isOwn) this.#group.discard(staged)
  }

  #restored(): Group {
    return Group.restore({ config: this.bench.configOf(this.person), signer: this.person.signer, rows: this.rows })
  }
}

/** Everything visible of a group, by identity where it is a value. */
interface View {
  readonly context: unknown
  readonly pendingCommit: unknown
  readonly proposals: number
  readonly status: string
}

const viewOf = ({ context, pendingCommit, pendingProposals, status }: Group): View =>
  ({ context, pendingCommit, proposals: pendingProposals.length, status })
