/**
 * Mutation of encoded structures: with their grammar (lengths repaired, or wrong on purpose), and byte by byte.
 */
import { concat } from '@famichat/base'
import { type Dice, pickWeighted } from './dice.js'
import type { Grammar, Range, Span } from './grammar.js'

/** Changes one thing; `others` lend their parts. */
type Mutator = (dice: Dice, grammar: Grammar, others: readonly Grammar[]) => Uint8Array

/** A changed copy: one change mostly, up to four. The result may equal the input. */
export const mutate = (dice: Dice, grammar: Grammar, others: readonly Grammar[]): Uint8Array => {
  let bytes = pickWeighted(dice, grammar.spans.length === 0 ? BYTE_MUTATORS : MUTATORS).run(dice, grammar, others)
  if (dice.oneIn(6)) for (let more = dice.below(3); more >= 0; more--) bytes = mutateBytes(dice, bytes)
  return bytes
}

/** A copy with one change that knows no grammar. */
export const mutateBytes = (dice: Dice, bytes: Uint8Array): Uint8Array =>
  pickWeighted(dice, BYTE_MUTATORS).run(dice, { bytes, spans: [] }, [])

/** A number near a limit, in `width` bytes. */
export const boundaryNumber = (dice: Dice, current: bigint, width: number): bigint => {
  const max = (1n << BigInt(8 * width)) - 1n
  const wanted = dice.pick([
    0n, 1n, 2n, 3n, current + 1n, current - 1n, current * 2n, max, max - 1n, (max >> 1n), (max >> 1n) + 1n, 1n << 24n, 16384n, 255n, 256n,
    BigInt(dice.next()), (1n << 53n) + 1n, current ^ (1n << BigInt(dice.below(8 * width))),
  ])
  return BigInt.asUintN(8 * width, wanted)
}

const slice = (bytes: Uint8Array, { start, end }: Range): Uint8Array => bytes.subarray(start, end)

const bigEndian = (value: bigint, width: number): Uint8Array =>
  Uint8Array.from({ length: width }, (_, index) => Number((value >> BigInt(8 * (width - 1 - index))) & 0xffn))

/** The minimal length prefix (RFC 9420 §2.1.2). */
const prefix = (length: number): Uint8Array => lengthIn(length, length < 64 ? 0 : length < 16384 ? 1 : 2)

/** A length in a form of 1, 2 or 4 bytes, minimal or not; form 3 is reserved. */
const lengthIn = (length: number, form: number): Uint8Array => {
  const width = form === 0 ? 1 : form === 1 ? 2 : 4
  return bigEndian((BigInt(form) << BigInt(8 * width - 2)) | (BigInt(length) & ((1n << BigInt(8 * width - 2)) - 1n)), width)
}

/** Puts `replacement` where `span` was and repairs the lengths around it; `repair: false` leaves them as they were. */
const splice = ({ bytes }: Grammar, span: Span, replacement: Uint8Array, { repair }: { readonly repair: boolean }): Uint8Array => {
  let { start, end } = span
  let middle = replacement
  for (let around = span.parent; repair && around !== undefined; around = around.parent) {
    const content = concat(bytes.subarray(around.contentStart, start), middle, bytes.subarray(end, around.end))
    middle = concat(prefix(content.length), content);
    ({ start, end } = around)
  }
  return concat(bytes.subarray(0, start), middle, bytes.subarray(end))
}

const withContent = (grammar: Grammar, span: Span, content: Uint8Array): Uint8Array =>
  splice(grammar, span, concat(prefix(content.length), content), { repair: true })

/** A span of one of the kinds, or any when there is none. */
const spanOf = (dice: Dice, { spans }: Grammar, ...kinds: readonly Span['kind'][]): Span => {
  for (let attempt = 0; attempt < 12; attempt++) {
    const span = dice.pick(spans)
    if (kinds.includes(span.kind)) return span
  }
  return dice.pick(spans)
}

const changeNumber: Mutator = (dice, grammar) => {
  const span = spanOf(dice, grammar, 'number')
  const width = span.end - span.start
  if (span.kind !== 'number' || width > 8) return changeOpaque(dice, grammar, [])
  let current = 0n
  for (const byte of slice(grammar.bytes, span)) current = (current << 8n) | BigInt(byte)
  return splice(grammar, span, bigEndian(boundaryNumber(dice, current, width), width), { repair: true })
}

/** Lengths around the engine's limits. */
const LENGTHS = [0, 1, 2, 11, 12, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 66, 133, 256, 257, 2048, 2049, 4096, 4097, 16383, 16384]

const changeOpaque: Mutator = (dice, grammar, others) => {
  const span = spanOf(dice, grammar, 'opaque', 'raw')
  const content = grammar.bytes.subarray(span.contentStart, span.end)
  const changed = changeContent(dice, content, others)
  return span.kind === 'opaque' || span.kind === 'list' ? withContent(grammar, span, changed) : splice(grammar, span, changed, { repair: true })
}

const changeContent = (dice: Dice, content: Uint8Array, others: readonly Grammar[]): Uint8Array => {
  switch (dice.below(9)) {
    case 0: return new Uint8Array(0)
    case 1: return content.subarray(0, dice.below(content.length))
    case 2: return concat(content, dice.bytes(1 + dice.below(4)))
    case 3: return new Uint8Array(dice.pick(LENGTHS))
    case 4: return new Uint8Array(content.length)
    case 5: return new Uint8Array(content.length).fill(0xff)
    case 6: return dice.bytes(content.length)
    case 7: return others.length === 0 ? concat(content, content) : contentOf(dice, dice.pick(others))
    default: return flipBit(dice, { bytes: content, spans: [] }, [])
  }
}

const contentOf = (dice: Dice, grammar: Grammar): Uint8Array => {
  if (grammar.spans.length === 0) return grammar.bytes
  const span = spanOf(dice, grammar, 'opaque')
  return grammar.bytes.subarray(span.contentStart, span.end)
}

/** Elements removed, repeated, swapped, reversed, or borrowed. */
const changeList: Mutator = (dice, grammar, others) => {
  const span = spanOf(dice, grammar, 'list')
  const elements = span.elements.map((range) => slice(grammar.bytes, range))
  if (span.kind !== 'list' || elements.length === 0) return changeOpaque(dice, grammar, others)
  const at = dice.below(elements.length)
  const to = dice.below(elements.length)
  const element = elements[at] ?? new Uint8Array(0)
  switch (dice.below(8)) {
    case 0: elements.splice(at, 1); break
    case 1: elements.splice(to, 0, element); break
    case 2: elements[at] = elements[to] ?? element; elements[to] = element; break
    case 3: elements.reverse(); break
    case 4: elements.length = 0; break
    case 5: for (let times = dice.pick([2, 8, 33, 65, 300]); times > 0; times--) elements.push(element); break
    case 6: elements[at] = element.subarray(0, dice.below(element.length)); break
    default: elements.splice(to, 0, borrowedElement(dice, others) ?? element)
  }
  return withContent(grammar, span, concat(...elements))
}

const borrowedElement = (dice: Dice, others: readonly Grammar[]): Uint8Array | undefined => {
  if (others.length === 0) return undefined
  const from = dice.pick(others)
  if (from.spans.length === 0) return undefined
  const span = spanOf(dice, from, 'list')
  return span.elements.length === 0 ? undefined : slice(from.bytes, dice.pick(span.elements))
}

/** A length prefix that lies: off by one, huge, not minimal, reserved. */
const changePrefix: Mutator = (dice, grammar) => {
  const span = spanOf(dice, grammar, 'opaque', 'list')
  if (span.contentStart === span.start) return changeNumber(dice, grammar, [])
  const length = span.end - span.contentStart
  const content = grammar.bytes.subarray(span.contentStart, span.end)
  const lie = dice.pick([
    prefix(length + 1), prefix(Math.max(0, length - 1)), prefix(0), prefix(0x3fffffff), prefix(length + dice.below(64)), prefix(16384 + dice.below(1 << 22)),
    lengthIn(length, 1), lengthIn(length, 2), lengthIn(length, 3), lengthIn(0x3fffffff, 3), Uint8Array.of(0x40 | dice.below(64)), new Uint8Array(0),
  ])
  return splice(grammar, span, concat(lie, content), { repair: !dice.oneIn(4) })
}

/** A field replaced by one of its kind from elsewhere. */
const transplant: Mutator = (dice, grammar, others) => {
  const span = dice.pick(grammar.spans)
  const from = others.length === 0 ? grammar : dice.pick(others)
  if (from.spans.length === 0) return flipBit(dice, grammar, others)
  // the same place of another message of the same kind has the same meaning, mostly
  const twin = from.spans[grammar.spans.indexOf(span)]
  const source = twin?.kind === span.kind && dice.oneIn(2) ? twin : spanOf(dice, from, span.kind)
  return splice(grammar, span, slice(from.bytes, source), { repair: !dice.oneIn(8) })
}

/** A whole field gone, or there twice. */
const dropOrDouble: Mutator = (dice, grammar) => {
  const span = dice.pick(grammar.spans)
  const field = slice(grammar.bytes, span)
  return splice(grammar, span, dice.oneIn(2) ? new Uint8Array(0) : concat(field, field), { repair: !dice.oneIn(4) })
}

const flipBit: Mutator = (dice, { bytes }) => {
  const changed = bytes.slice()
  const at = dice.below(bytes.length)
  changed[at] = (changed[at] ?? 0) ^ (1 << dice.below(8))
  return changed
}

const setByte: Mutator = (dice, { bytes }) => {
  const changed = bytes.slice()
  changed[dice.below(bytes.length)] = dice.pick([0, 1, 2, 3, 4, 5, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff, dice.below(256)])
  return changed
}

const truncate: Mutator = (dice, { bytes }) => bytes.subarray(0, dice.below(bytes.length))

const insert: Mutator = (dice, { bytes }) => {
  const at = dice.below(bytes.length + 1)
  return concat(bytes.subarray(0, at), dice.bytes(1 + dice.below(8)), bytes.subarray(at))
}

const cutOrRepeat: Mutator = (dice, { bytes }) => {
  const start = dice.below(bytes.length)
  const end = start + 1 + dice.below(Math.min(64, bytes.length - start))
  return concat(bytes.subarray(0, end), bytes.subarray(dice.oneIn(2) ? start : Math.min(end + 8, bytes.length)))
}

const append: Mutator = (dice, { bytes }) => concat(bytes, dice.bytes(1 + dice.below(16)))

const BYTE_MUTATORS = [
  { weight: 6, run: flipBit }, { weight: 3, run: setByte }, { weight: 2, run: truncate }, { weight: 2, run: insert },
  { weight: 2, run: cutOrRepeat }, { weight: 1, run: append },
]
const MUTATORS = [
  ...BYTE_MUTATORS, { weight: 8, run: changeNumber }, { weight: 8, run: changeOpaque }, { weight: 8, run: changeList },
  { weight: 6, run: changePrefix }, { weight: 6, run: transplant }, { weight: 2, run: dropOrDouble },
]
