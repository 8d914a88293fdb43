/**
 * Grammar of an encoded structure: where its numbers, byte strings, vectors and elements lie.
 * Found by decoding with a Reader that takes notes, so it knows every schema without being told.
 */
import { type Codec, Reader } from '@famichat/base'

/** From `start` to before `end`. */
export interface Range {
  readonly start: number
  readonly end: number
}

/** One field: a number, raw bytes, `opaque<V>` or `vector<V>`; the last two have a length prefix before `contentStart`. */
export interface Span extends Range {
  readonly kind: 'number' | 'raw' | 'opaque' | 'list'
  readonly contentStart: number
  readonly parent: Span | undefined
  /** Elements of a list. */
  readonly elements: readonly Range[]
}

/** Bytes and what they consist of. */
export interface Grammar {
  readonly bytes: Uint8Array
  readonly spans: readonly Span[]
}

/** How to read a kind of structure. */
export interface Shape {
  readonly codec: Codec<unknown>
  /** Where the codec starts: 4 after the version and wire format of an MLSMessage. */
  readonly at?: number
  /** Structures that may lie inside byte strings, tried in order. */
  readonly inside?: readonly Codec<unknown>[]
}

interface OpenSpan {
  readonly kind: Span['kind']
  readonly start: number
  contentStart: number
  end: number
  readonly parent: OpenSpan | undefined
  readonly elements: { start: number; end: number }[]
}

/** Spans worth looking into: shorter ones are ids, keys and tags. */
const NESTED_FROM_BYTES = 12

/** Reads the grammar of valid bytes. @throws BaseError when they are not valid */
export const grammarOf = (bytes: Uint8Array, { codec, at = 0, inside = [] }: Shape): Grammar => {
  const spans: OpenSpan[] = []
  trace(bytes.subarray(at), at, { codec, parent: undefined, spans })
  for (const span of [...spans]) {
    if (span.kind !== 'opaque' || span.end - span.contentStart < NESTED_FROM_BYTES) continue
    for (const inner of inside) if (tryInside(bytes, span, { inner, spans })) break
  }
  return { bytes, spans }
}

const tryInside = (bytes: Uint8Array, span: OpenSpan, { inner, spans }: { inner: Codec<unknown>; spans: OpenSpan[] }): boolean => {
  const found: OpenSpan[] = []
  try {
    trace(bytes.subarray(span.contentStart, span.end), span.contentStart, { codec: inner, parent: span, spans: found })
  } catch {
    return false
  }
  spans.push(...found)
  return true
}

const trace = (
  bytes: Uint8Array, offset: number, { codec, parent, spans }: { codec: Codec<unknown>; parent: OpenSpan | undefined; spans: OpenSpan[] },
): void => {
  const reader = new NotingReader(bytes, offset, parent, spans)
  codec.decodeFrom(reader)
  reader.finish()
}

/** Notes what it reads. The codec kernel asks `remaining` before each element of a vector: that is where elements begin. */
class NotingReader extends Reader {
  readonly #offset: number
  readonly #spans: OpenSpan[]
  #list: OpenSpan | undefined
  /** Set while a length prefix is read. */
  #quiet = false

  constructor(input: Uint8Array, offset: number, parent: OpenSpan | undefined, spans: OpenSpan[]) {
    super(input)
    this.#offset = offset
    this.#list = parent
    this.#spans = spans
  }

  override uint8(): number {
    return this.#note('number', () => super.uint8())
  }

  override uint16(): number {
    return this.#note('number', () => super.uint16())
  }

  override uint32(): number {
    return this.#note('number', () => super.uint32())
  }

  override uint64(): bigint {
    return this.#note('number', () => super.uint64())
  }

  override bytes(length: number): Uint8Array {
    return this.#note('raw', () => super.bytes(length))
  }

  override vector(max: number): Uint8Array {
    return this.#note('opaque', () => super.vector(max), (value) => value.length)
  }

  override enterVector(): number {
    const start = this.#at
    this.#quiet = true
    const outerEnd = super.enterVector()
    this.#quiet = false
    const list: OpenSpan = { kind: 'list', start, contentStart: this.#at, end: this.#at + super.remaining, parent: this.#list, elements: [] }
    this.#spans.push(list)
    this.#list = list
    return outerEnd
  }

  override get remaining(): number {
    const remaining = super.remaining
    if (!this.#quiet && remaining > 0) this.#beginElement()
    return remaining
  }

  override leaveVector(outerEnd: number): void {
    super.leaveVector(outerEnd)
    const last = this.#list?.elements.at(-1)
    if (last !== undefined) last.end = this.#at
    this.#list = this.#list?.parent
  }

  get #at(): number {
    return this.#offset + this.position
  }

  #beginElement(): void {
    const elements = this.#list?.elements
    const last = elements?.at(-1)
    if (last !== undefined) last.end = this.#at
    elements?.push({ start: this.#at, end: this.#at })
  }

  #note<T>(kind: Span['kind'], read: () => T, contentBytes?: (value: T) => number): T {
    if (this.#quiet) return read()
    const start = this.#at
    this.#quiet = true
    const value = read()
    this.#quiet = false
    const end = this.#at
    const contentStart = contentBytes === undefined ? start : end - contentBytes(value)
    this.#spans.push({ kind, start, contentStart, end, parent: this.#list, elements: [] })
    return value
  }
}
