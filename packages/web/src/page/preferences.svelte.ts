/**
 * What this person likes on this device: language, colours, size. Not secret, so it lies beside the sealed profile.
 */
import { ENGLISH, type Language, loadSeldomWords, loadSpeech, RIGHT_TO_LEFT, type Speech } from '../words/languages.js'
import type { Words } from '../words/en.js'
import type { SeldomWords } from '../words/seldom-en.js'

export type Colours = 'auto' | 'light' | 'dark'

const KEY = 'famichat.preferences'

interface Stored {
  readonly language?: string
  readonly colours?: string
  readonly isLarge?: boolean
}

const read = (): Stored => {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Stored
  } catch {
    return {}
  }
}

const languageOf = (tag: string): Language => (tag.toLowerCase().startsWith('ja') ? 'ja' : 'en')

/** The preferences, and the words in their language. */
class Preferences {
  language = $state<Language>('en')
  colours = $state<Colours>('auto')
  isLarge = $state(false)
  #speech = $state.raw<Speech>(ENGLISH)
  readonly words = $derived(this.#speech.words)
  #seldom = $state.raw<SeldomWords | undefined>(undefined)
  /** With those that few screens need: whoever opens such a screen has called {@link loadSeldom}. */
  readonly allWords = $derived.by((): Words & SeldomWords => {
    if (this.#seldom === undefined) throw new Error('a screen was opened without its words')
    return { ...this.words, ...this.#seldom }
  })

  constructor() {
    const { language, colours, isLarge } = read()
    this.language = languageOf(language ?? navigator.language)
    this.colours = colours === 'light' || colours === 'dark' ? colours : 'auto'
    this.isLarge = isLarge === true
  }

  /** Fetches the words of the language that is wanted; without a connection the ones that are there stay. */
  async load(): Promise<void> {
    const wanted = this.language
    const speech = await loadSpeech(wanted).catch(() => this.#speech)
    const seldom = this.#seldom && await loadSeldomWords(wanted).catch(() => this.#seldom)
    if (wanted !== this.language) return
    this.#speech = speech
    if (seldom !== undefined) this.#seldom = seldom
  }

  /** Fetches the words that few screens need, with the first of them; without a connection in English. */
  async loadSeldom(): Promise<void> {
    this.#seldom ??= await loadSeldomWords(this.language).catch(() => loadSeldomWords('en'))
  }

  /** Remembers them, and shows the page so. */
  apply(): void {
    const { documentElement } = document
    documentElement.lang = this.language
    documentElement.dir = RIGHT_TO_LEFT.has(this.language) ? 'rtl' : 'ltr'
    documentElement.dataset.colours = this.colours
    documentElement.dataset.size = this.isLarge ? 'large' : 'normal'
    localStorage.setItem(KEY, JSON.stringify({ language: this.language, colours: this.colours, isLarge: this.isLarge } satisfies Stored))
  }

  /** What a refusal says to people. */
  sentence(code: string): string {
    const { refusals } = this.#speech
    return Object.hasOwn(refusals, code) ? refusals[code as keyof typeof refusals] : this.words.somethingWrong
  }

  /** Made once for a language, as this person's region writes it: making one takes longer than a message on the page. */
  readonly #formats = $derived.by(() => {
    const locale = navigator.languages.find((tag) => languageOf(tag) === this.language) ?? this.language
    return {
      day: new Intl.DateTimeFormat(locale, { dateStyle: 'long' }), time: new Intl.DateTimeFormat(locale, { timeStyle: 'short' }), list: new Intl.ListFormat(this.language),
    }
  })

  /** A day as people say it. */
  day(atMs: number, nowMs: number): string {
    const start = (ms: number): number => new Date(ms).setHours(0, 0, 0, 0)
    const daysAgo = Math.round((start(nowMs) - start(atMs)) / 86_400_000)
    if (daysAgo === 0) return this.words.today
    if (daysAgo === 1) return this.words.yesterday
    return this.#formats.day.format(atMs)
  }

  /** … and within a sentence. */
  dayWithin(atMs: number, nowMs: number): string {
    const day = this.day(atMs, nowMs)
    return day === this.words.today || day === this.words.yesterday ? day.toLocaleLowerCase(this.language) : day
  }

  time(atMs: number): string {
    return this.#formats.time.format(atMs)
  }

  list(names: readonly string[]): string {
    return this.#formats.list.format(names)
  }

  size(bytes: number): string {
    const unit = bytes < 1e6 ? 'kilobyte' : 'megabyte'
    return new Intl.NumberFormat(this.language, { style: 'unit', unit, maximumFractionDigits: 1 }).format(Math.max(0.1, bytes / (unit === 'kilobyte' ? 1e3 : 1e6)))
  }
}

export const preferences = new Preferences()
