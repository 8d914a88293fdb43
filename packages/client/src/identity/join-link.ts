/**
 * Links that somebody pasted: what they are for, before anything is made for them.
 */
import { parseInviteLink } from '@famichat/protocol'
import { isDeviceLink, parseDeviceLink } from './device-link.js'

/**
 * Checks a link that somebody pasted, before anything is made for it; says what it is for.
 * @throws ProtocolError `protocol.invite.malformed` | ClientError `client.link.malformed`
 */
export const validateJoinLink = (link: string): 'invite' | 'device' => {
  if (isDeviceLink(link)) {
    parseDeviceLink(link)
    return 'device'
  }
  parseInviteLink(link)
  return 'invite'
}
