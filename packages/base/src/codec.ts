/**
 * Schemas for the TLS presentation language: one description gives the type, the encoder and the decoder.
 * Strict by construction, both ways: minimal lengths, closed registries, bounded counts, no trailing bytes.
 * Codec kernel: the only place where `any` is allowed.
 */
import { BaseError } from './base-error.js'
import { Reader } from './reader.js'
import { MAX_VECTOR_BYTES, Writer } from './writer.js'

/** How a value of type T is written and read. */
export interface Codec<T> {
  encodeInto(writer: Writer, value: T): void
  decodeFrom(reader: Reader): T
}

/** The type a codec encodes. */
export type Infer<C> = C extends Codec<infer T> ? T : never

/* eslint-disable @typescript-eslint/no-explicit-any -- schemas are existential here; Infer restores the types */
type Shape = Readonly<Record<string, Codec<any>>>
type StructOf<S extends Shape> = { readonly [Name in keyof S]: Infer<S[Name]> }
type VariantOf<Tag extends string, Cases extends Readonly<Record<number, Shape>>> = {
  [T in keyof Cases & number]: Readonly<Record<Tag, T>> & StructOf<Cases[T]>
}[keyof Cases & number]
type Fields = readonly (readonly [name: string, codec: Codec<any>])[]
/* eslint-enable @typescript-eslint/no-explicit-any */

/** Bounds for {@link opaque} and {@link vector}: a decoder refuses before it allocates. */
export interface Bounds {
  readonly min?: number
  readonly max?: number
}

export const uint8: Codec<number> = { encodeInto: (w, v) => { w.uint8(v) }, decodeFrom: (r) => r.uint8() }
export const uint16: Codec<number> = { encodeInto: (w, v) => { w.uint16(v) }, decodeFrom: (r) => r.uint16() }
export const uint32: Codec<number> = { encodeInto: (w, v) => { w.uint32(v) }, decodeFrom: (r) => r.uint32() }
export const uint64: Codec<bigint> = { encodeInto: (w, v) => { w.uint64(v) }, decodeFrom: (r) => r.uint64() }

/** `opaque value<V>`: bytes behind a length; `min` and `max` in bytes. Decoded as a view of the input. */
export const opaque = ({ min = 0, max = MAX_VECTOR_BYTES }: Bounds = {}): Codec<Uint8Array> => ({
  encodeInto: (writer, value) => {
    if (value.length > max) throw new BaseError('base.codec.too_long', { length: value.length, max })
    if (value.length < min) throw new BaseError('base.codec.empty', { length: value.length, min })
    writer.vector(value)
  },
  decodeFrom: (reader) => {
    const value = reader.vector(max)
    if (value.length < min) throw new BaseError('base.codec.empty', { length: value.length, min })
    return value
  },
})

/** `opaque value[length]`: exactly `length` bytes. */
export const fixed = (length: number): Codec<Uint8Array> => ({
  encodeInto: (writer, value) => {
    if (value.length !== length) throw new BaseError('base.codec.out_of_range', { length: value.length, expected: length })
    writer.bytes(value)
  },
  decodeFrom: (reader) => reader.bytes(length),
})

/** `T values<V>`: elements behind a length in bytes; `min` and `max` count elements. */
export const vector = <T>(element: Codec<T>, { min = 0, max = MAX_VECTOR_BYTES }: Bounds = {}): Codec<readonly T[]> => ({
  encodeInto: (writer, values) => {
    if (values.length > max) throw new BaseError('base.codec.too_many', { max })
    if (values.length < min) throw new BaseError('base.codec.empty', { length: values.length, min })
    const opened = writer.openVector()
    for (const value of values) element.encodeInto(writer, value)
    writer.closeVector(opened)
  },
  decodeFrom: (reader) => {
    const outerEnd = reader.enterVector()
    const values: T[] = []
    while (reader.remaining > 0) {
      if (values.length === max) throw new BaseError('base.codec.too_many', { max })
      values.push(element.decodeFrom(reader))
    }
    reader.leaveVector(outerEnd)
    if (values.length < min) throw new BaseError('base.codec.empty', { length: values.length, min })
    return values
  },
})

/** `optional<T>`: a presence octet, then the value (RFC 9420 §2.1.1). */
export const optional = <T>(value: Codec<T>): Codec<T | undefined> => ({
  encodeInto: (writer, given) => {
    writer.uint8(given === undefined ? 0 : 1)
    if (given !== undefined) value.encodeInto(writer, given)
  },
  decodeFrom: (reader) => {
    const presence = reader.uint8()
    if (presence > 1) throw new BaseError('base.codec.bad_presence', { presence })
    return presence === 1 ? value.decodeFrom(reader) : undefined
  },
})

/** `value` inside its own length prefix: nothing may follow it there. */
export const nested = <T>(value: Codec<T>): Codec<T> => ({
  encodeInto: (writer, given) => {
    const opened = writer.openVector()
    value.encodeInto(writer, given)
    writer.closeVector(opened)
  },
  decodeFrom: (reader) => {
    const outerEnd = reader.enterVector()
    const decoded = value.decodeFrom(reader)
    reader.leaveVector(outerEnd)
    return decoded
  },
})

/** A number from a closed registry; `what` names the registry in the error. */
export const closed = <V extends number>(
  number: Codec<number>,
  registry: Readonly<Record<string, V>>,
  what: string,
): Codec<V> => {
  const known = new Set<number>(Object.values(registry))
  return {
    encodeInto: (writer, value) => {
      if (!known.has(value)) throw new BaseError('base.codec.unknown_value', { what, value })
      number.encodeInto(writer, value)
    },
    decodeFrom: (reader) => {
      const value = number.decodeFrom(reader)
      if (!known.has(value)) throw new BaseError('base.codec.unknown_value', { what, value })
      return value as V
    },
  }
}

/** A codec for a branded or narrower type that has the same bytes. */
export const branded = <T extends V, V>(codec: Codec<V>): Codec<T> => codec as unknown as Codec<T>

/** A struct: its fields in the order they are written. */
export const struct = <S extends Shape>(shape: S): Codec<StructOf<S>> => {
  const fields: Fields = Object.entries(shape)
  return {
    encodeInto: (writer, value) => { encodeFields(writer, fields, value) },
    decodeFrom: (reader) => decodeFields(reader, fields, {}) as StructOf<S>,
  }
}

/** `select (tag)`: the tag, then the fields its case has; an unknown tag is refused. `what` names it in the error. */
export const variant = <Tag extends string, Cases extends Readonly<Record<number, Shape>>>(
  tag: Tag,
  number: Codec<number>,
  cases: Cases,
): Codec<VariantOf<Tag, Cases>> => {
  const table = new Map<number, Fields>()
  for (const [value, shape] of Object.entries(cases)) table.set(Number(value), Object.entries(shape))
  const fieldsOf = (value: number): Fields => {
    const fields = table.get(value)
    if (fields === undefined) throw new BaseError('base.codec.unknown_value', { what: tag, value })
    return fields
  }
  return {
    encodeInto: (writer, value) => {
      const chosen = (value as unknown as Record<string, number>)[tag] ?? -1
      const fields = fieldsOf(chosen)
      number.encodeInto(writer, chosen)
      encodeFields(writer, fields, value)
    },
    decodeFrom: (reader) => {
      const chosen = number.decodeFrom(reader)
      return decodeFields(reader, fieldsOf(chosen), { [tag]: chosen }) as VariantOf<Tag, Cases>
    },
  }
}

/** A codec that is defined later: for structures that name each other. */
export const deferred = <T>(define: () => Codec<T>): Codec<T> => {
  let resolved: Codec<T> | undefined
  const target = (): Codec<T> => (resolved ??= define())
  return {
    encodeInto: (writer, value) => { target().encodeInto(writer, value) },
    decodeFrom: (reader) => target().decodeFrom(reader),
  }
}

/**
 * A codec that keeps the bytes each value was decoded from and writes them again: no value has two encodings, so they are what
 * encoding would give. For immutable structures that are hashed and sent on many times; the bytes view the input.
 */
export const remembered = <T extends object>(codec: Codec<T>): Codec<T> => {
  const encodings = new WeakMap<T, Uint8Array>()
  return {
    encodeInto: (writer, value) => {
      const known = encodings.get(value)
      if (known === undefined) codec.encodeInto(writer, value)
      else writer.bytes(known)
    },
    decodeFrom: (reader) => {
      const from = reader.position
      const value = codec.decodeFrom(reader)
      encodings.set(value, reader.since(from))
      return value
    },
  }
}

const idleWriters: Writer[] = []

const inWriter = <R>(use: (writer: Writer) => R): R => {
  const writer = idleWriters.pop() ?? new Writer()
  try {
    return use(writer)
  } finally {
    writer.reset()
    idleWriters.push(writer)
  }
}

/** Fresh bytes from what `write` writes. */
export const encodeWith = (write: (writer: Writer) => void): Uint8Array => inWriter((writer) => {
  write(writer)
  return writer.finish()
})

/** Lends one value's encoding to `use`: for what is hashed and not wanted again. It is overwritten afterwards. @throws BaseError `base.codec.*` */
export const withEncoding = <T, R>(codec: Codec<T>, value: T, use: (encoding: Uint8Array) => R): R => inWriter((writer) => {
  codec.encodeInto(writer, value)
  return use(writer.written)
})

/** Encodes one value into fresh bytes; what decoding would refuse is refused here. @throws BaseError `base.codec.*` */
export const encode = <T>(codec: Codec<T>, value: T): Uint8Array => encodeWith((writer) => { codec.encodeInto(writer, value) })

/** Decodes bytes that hold exactly one value; what it returns views `input`. @throws BaseError `base.codec.*` */
export const decode = <T>(codec: Codec<T>, input: Uint8Array): T => {
  const reader = new Reader(input)
  const value = codec.decodeFrom(reader)
  reader.finish()
  return value
}

const encodeFields = (writer: Writer, fields: Fields, value: unknown): void => {
  const record = value as Record<string, unknown>
  for (const [name, codec] of fields) codec.encodeInto(writer, record[name])
}

const decodeFields = (reader: Reader, fields: Fields, into: Record<string, unknown>): Record<string, unknown> => {
  for (const [name, codec] of fields) into[name] = codec.decodeFrom(reader)
  return into
}
