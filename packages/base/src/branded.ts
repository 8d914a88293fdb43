/**
 * Branded numbers and strings: an id or an index that cannot be mistaken for another.
 */
declare const brand: unique symbol

/** `Value` that only constructors of the brand may produce. */
export type Branded<Value, Name extends string> = Value & { readonly [brand]: Name }
