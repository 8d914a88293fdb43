/**
 * Fields of a message that is written as tag, length, value (protocol buffers, and Olm's format, which is the same):
 * enough to account for every byte of a ciphertext.
 */

/** One field with its value: the bytes, or the bytes of the number. */
export interface Field {
  readonly number: number
  readonly value: Uint8Array
}

/** All fields. @throws RangeError where the bytes are no such message */
export const fieldsOf = (bytes: Uint8Array): readonly Field[] => {
  const fields: Field[] = []
  let at = 0
  const varint = (): number => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++]
      if (byte === undefined || shift > 28) throw new RangeError('no such message')
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const start = at
    if ((tag & 7) === 0) varint()
    else if ((tag & 7) === 2) {
      const length = varint()
      at += length
    } else throw new RangeError('no such message')
    if (at > bytes.length) throw new RangeError('no such message')
    const whole = bytes.subarray(start, at)
    fields.push({ number: tag >> 3, value: (tag & 7) === 2 ? afterLength(whole) : whole })
  }
  return fields
}

const afterLength = (bytes: Uint8Array): Uint8Array => bytes.subarray(bytes.findIndex((byte) => byte < 0x80) + 1)

/** The value of a field. @throws RangeError where there is none */
export const field = (fields: readonly Field[], number: number): Uint8Array => {
  const found = fields.find((each) => each.number === number)
  if (found === undefined) throw new RangeError(`there is no field ${number.toString()}`)
  return found.value
}
