/**
 * Real processes: the famichat command as people start it, with everything it prints.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

const MAIN = join(import.meta.dirname, '../../dist/main.js')
const PATIENCE_MS = 60_000

/** One line of `--json` output. */
export type Line = Readonly<Record<string, unknown>> & { readonly type?: string; readonly text?: string; readonly link?: string }

/** What a command did. */
export interface Finished {
  /** Undefined when a signal ended it. */
  readonly code: number | undefined
  readonly stdout: string
  readonly stderr: string
  /** Its output as JSON lines. */
  readonly lines: readonly Line[]
}

/** A place for tests: a home folder of its own. */
export class Place {
  readonly home = mkdtempSync(join(tmpdir(), 'famichat-cli-'))
  readonly #running = new Set<Running>()

  constructor(t: TestContext) {
    t.after(async () => {
      await Promise.all([...this.#running].map((running) => running.kill()))
      rmSync(this.home, { recursive: true, force: true })
    })
  }

  /** Starts a command and leaves it running; `isAsked` when something will be typed. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}, { isAsked = false } = {}): Running {
    const running = new Running(spawn(process.execPath, ['--enable-source-maps', MAIN, ...args], {
      cwd: this.home, stdio: [isAsked ? 'pipe' : 'ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH, HOME: this.home, FAMICHAT_PORT: '0', ...env },
    }))
    this.#running.add(running)
    return running
  }

  /** Starts a command at a terminal of its own (util-linux' script), where something will be typed. */
  atTerminal(args: readonly string[]): Running {
    const command = [process.execPath, MAIN, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
    const running = new Running(spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
      cwd: this.home, stdio: 'pipe', env: { PATH: process.env.PATH, HOME: this.home, SHELL: '/bin/sh', TERM: 'xterm', COLUMNS: '80' },
    }))
    this.#running.add(running)
    return running
  }

  /** Runs a command to its end. */
  run(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
    return this.start(args, env).finished
  }

  /** A person's device: its profile in this place. */
  person(profile: string): Person {
    return new Person(this, profile)
  }
}

/** A process that runs, and what it has printed so far. */
export class Running {
  readonly finished: Promise<Finished>
  stdout = ''
  stderr = ''
  readonly #child: ChildProcess
  readonly #isGroup: boolean
  readonly #watchers = new Set<() => void>()
  #hasEnded = false

  /** @param child of a group of its own, when signals should reach what it starts as well */
  constructor(child: ChildProcess, { isGroup = false } = {}) {
    this.#child = child
    this.#isGroup = isGroup
    child.stdout?.setEncoding('utf8').on('data', (text: string) => { this.stdout += text; this.#wake() })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => { this.stderr += text; this.#wake() })
    this.finished = new Promise((resolve) => {
      child.on('close', (code) => {
        this.#hasEnded = true
        this.#wake()
        resolve({ code: code ?? undefined, stdout: this.stdout, stderr: this.stderr, lines: this.lines })
      })
    })
  }

  get lines(): readonly Line[] {
    return this.stdout.split('\n').slice(0, -1).filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Line)
  }

  /** The texts of the messages printed so far. */
  get texts(): readonly string[] {
    return this.lines.filter(({ type }) => type === 'message').map(({ text }) => text ?? '')
  }

  /** Waits until what was printed satisfies `isDone`; a minute at most. */
  until(what: string, isDone: (running: this) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const fail = (why: string): void => { stop(); reject(new Error(`${what}: ${why}; it printed:\n${this.stdout}${this.stderr}`)) }
      const timer = setTimeout(() => { fail('it did not happen in a minute') }, PATIENCE_MS)
      const look = (): void => {
        if (isDone(this)) { stop(); resolve() } else if (this.#hasEnded) fail('the process ended')
      }
      const stop = (): void => { clearTimeout(timer); this.#watchers.delete(look) }
      this.#watchers.add(look)
      look()
    })
  }

  /** Gives a line to its standard input. */
  types(line: string): void {
    this.typesPart(`${line}\n`)
  }

  /** Gives a part of a line, or keys, to its standard input. */
  typesPart(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Ends its standard input. */
  endsInput(): void {
    this.#child.stdin?.end()
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#signal('SIGKILL')
    await this.finished
  }

  /** Ends it as Ctrl-C does. */
  async stop(): Promise<Finished> {
    this.#signal('SIGINT')
    return this.finished
  }

  #signal(signal: NodeJS.Signals): void {
    if (this.#hasEnded || this.#child.pid === undefined) return
    if (this.#isGroup) process.kill(-this.#child.pid, signal)
    else this.#child.kill(signal)
  }

  #wake(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }
}

/** A profile, and commands with it. */
export class Person {
  readonly place: Place
  readonly profile: string

  constructor(place: Place, profile: string) {
    this.place = place
    this.profile = profile
  }

  get folder(): string {
    return join(this.place.home, this.profile)
  }

  /** Runs a command that must succeed; its JSON lines. */
  async does(...args: readonly string[]): Promise<readonly Line[]> {
    const { code, lines, stderr } = await this.tries(args)
    if (code !== 0) throw new Error(`famichat ${args.join(' ')} as ${this.profile} ended with ${code ?? 'a signal'}: ${stderr}`)
    return lines
  }

  /** Runs a command that may fail. */
  tries(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Finished> {
    return this.place.run(['--json', '--profile', this.profile, ...args], env)
  }

  /** Runs a command that asks, and answers it; its JSON lines. */
  async answers(answers: readonly string[], ...args: readonly string[]): Promise<Finished> {
    const running = this.place.start(['--json', '--profile', this.profile, ...args], {}, { isAsked: true })
    for (const answer of answers) running.types(answer)
    return running.finished
  }

  starts(...args: readonly string[]): Running {
    return this.place.start(['--json', '--profile', this.profile, ...args])
  }

  async joins(link: string, name: string): Promise<this> {
    await this.does('join', link, '--name', name)
    return this
  }

  async invites(): Promise<string> {
    return (await this.does('invite'))[0]?.link ?? ''
  }

  /** Syncs, and returns the texts of a conversation. */
  async reads(conversation: string): Promise<readonly string[]> {
    const lines = await this.does('tail', conversation, '--once')
    return lines.filter(({ type }) => type === 'message').map(({ text }) => text ?? '')
  }
}

/** A server process that can be killed and started again on the same port and data. */
export class ServerProcess {
  setupLink = ''
  readonly #place: Place
  #running: Running | undefined
  #port = '0'
  logs = ''

  private constructor(place: Place) {
    this.#place = place
  }

  static async start(place: Place): Promise<ServerProcess> {
    const server = new ServerProcess(place)
    await server.start()
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get dataDir(): string {
    return join(this.#place.home, 'server')
  }

  async start(): Promise<void> {
    const running = this.#place.start(['--json', 'server', '--data', 'server', '--port', this.#port])
    await running.until('the server starts', ({ lines }) => lines.some(({ type }) => type === 'started'))
    const started = running.lines.find(({ type }) => type === 'started') as { readonly url: string; readonly setupLink?: string } | undefined
    this.setupLink = started?.setupLink ?? ''
    this.#port = new URL(started?.url ?? '').port
    this.#running = running
  }

  async kill(): Promise<void> {
    await this.#running?.kill()
    this.#collect()
  }

  async stop(): Promise<void> {
    await this.#running?.stop()
    this.#collect()
  }

  #collect(): void {
    this.logs += `${this.#running?.stdout ?? ''}${this.#running?.stderr ?? ''}`
    this.#running = undefined
  }
}
