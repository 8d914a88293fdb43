/**
 * Names of devices: what a person may call one, and what of another device's word is shown.
 */
import { isCodedError } from '@famichat/base'
import { normalizeAccountName } from '@famichat/protocol'

/** True for a text that can be shown as a device's name: the rules of people's names. */
export const isDeviceName = (name: string): boolean => {
  try {
    return normalizeAccountName(name) === name
  } catch (error) {
    if (!isCodedError(error)) throw error
    return false
  }
}
