/**
 * Fields of stored records.
 */
import { type Codec, fixed } from '@famichat/base'

/** A 32-byte public key or hash. */
export const bytes32: Codec<Uint8Array> = fixed(32)

/** Positions as keys that sort like the numbers: 14 hexadecimal digits hold 2^53. */
export const sortable = (position: number): string => position.toString(16).padStart(14, '0')
