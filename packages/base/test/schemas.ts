/**
 * Random schemas together with random values of them, for properties of the codec kernel.
 */
import fc from 'fast-check'
import {
  type Codec, fixed, nested, opaque, optional, struct, uint16, uint32, uint64, uint8, variant, vector,
} from '@famichat/base'

/** A schema and an arbitrary for the values it describes. */
interface Schema {
  readonly codec: Codec<unknown>
  readonly values: fc.Arbitrary<unknown>
}

/** One value with the codec that writes it. */
export interface Sample {
  readonly codec: Codec<unknown>
  readonly value: unknown
}

const record = <T>(fields: { [Name in keyof T]: fc.Arbitrary<T[Name]> }): fc.Arbitrary<T> => fc.record(fields, { noNullPrototype: true })

const bytes = (minLength: number, maxLength: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength, maxLength })

const leaves: fc.Arbitrary<Schema> = fc.oneof(
  fc.constant<Schema>({ codec: uint8, values: fc.nat(0xff) }),
  fc.constant<Schema>({ codec: uint16, values: fc.nat(0xffff) }),
  fc.constant<Schema>({ codec: uint32, values: fc.integer({ min: 0, max: 0xffffffff }) }),
  fc.constant<Schema>({ codec: uint64, values: fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }) }),
  fc.constant<Schema>({ codec: opaque(), values: bytes(0, 200) }),
  fc.constant<Schema>({ codec: opaque({ min: 1, max: 70 }), values: bytes(1, 70) }),
  fc.nat(40).map((length): Schema => ({ codec: fixed(length), values: bytes(length, length) })),
)

const wrap = (inner: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> =>
  fc.oneof(
    inner.map(({ codec, values }): Schema => ({ codec: optional(codec), values: fc.option(values, { nil: undefined }) })),
    inner.map(({ codec, values }): Schema => ({ codec: nested(codec), values })),
    // one octet before each element: an element of no bytes has no countable encoding
    inner.map(({ codec, values }): Schema => ({
      codec: vector(struct({ tag: uint8, inner: codec })),
      values: fc.array(record({ tag: fc.nat(0xff), inner: values }), { maxLength: 5 }),
    })),
    fc.tuple(inner, inner).map(([first, second]): Schema => ({
      codec: struct({ first: first.codec, second: second.codec }),
      values: record({ first: first.values, second: second.values }),
    })),
    fc.tuple(inner, inner).map(([first, second]): Schema => ({
      codec: variant('kind', uint8, { 1: { only: first.codec }, 7: { left: first.codec, right: second.codec } }),
      values: fc.oneof(
        record({ kind: fc.constant(1), only: first.values }),
        record({ kind: fc.constant(7), left: first.values, right: second.values }),
      ),
    })),
  )

const once = wrap(leaves)
const twice = wrap(fc.oneof(leaves, once))
const schemas = fc.oneof(leaves, once, twice, wrap(twice))

/** Values of random schemas up to three levels deep. */
export const samples: fc.Arbitrary<Sample> = schemas.chain(({ codec, values }) => values.map((value) => ({ codec, value })))
