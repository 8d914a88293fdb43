/**
 * Looking up PSKs (RFC 9420 §8.4, §8.6): the application's, and the group's own resumption PSKs.
 * Layer: group.
 */
import { equal, type Secret } from '@famichat/base'
import { MlsError } from '../errors.js'
import type { PreSharedKey } from '../schedule/psk.js'
import type { PreSharedKeyID } from '../wire/proposal.js'
import { PSKType } from '../wire/registries.js'
import type { PskSource } from './config.js'

/** resumption_psk of one group by epoch. */
export interface OwnResumptionPsks {
  readonly groupId: Uint8Array
  readonly byEpoch: ReadonlyMap<bigint, Secret>
}

/**
 * Finds every PSK, in order.
 * @param own of groups of which this member has the state; other groups' are asked of the source
 * @throws MlsError `mls.psk.unknown`
 */
export const lookUpPsks = async (
  ids: readonly PreSharedKeyID[], source: PskSource, ...own: readonly OwnResumptionPsks[]
): Promise<readonly PreSharedKey[]> => {
  const found: PreSharedKey[] = []
  for (const id of ids) {
    const psk = await lookUp(id, source, own)
    if (psk === undefined) throw new MlsError('mls.psk.unknown')
    found.push({ id, psk })
  }
  return found
}

const lookUp = async (id: PreSharedKeyID, source: PskSource, own: readonly OwnResumptionPsks[]): Promise<Secret | undefined> => {
  if (id.psktype === PSKType.external) return source.external(id.pskId)
  const known = own.find(({ groupId }) => equal(groupId, id.pskGroupId))
  return known === undefined ? source.resumption?.(id.pskGroupId, id.pskEpoch) : known.byEpoch.get(id.pskEpoch)
}
