/**
 * AES-GCM from noble, in a file of its own: a program whose suites do without need not load it.
 * Layer: crypto.
 */
import { gcm } from '@noble/ciphers/aes.js'
import type { Aead } from './backend.js'
import { nobleAead } from './noble-symmetric.js'

/** AES-GCM; the length of the key tells which. */
export const nobleGcm = (name: 'aes128gcm' | 'aes256gcm'): Aead => nobleAead(name, gcm)
