/**
 * How a device stands in a conversation: whether it can follow it, and whether it does its share of what is to be done there.
 */
import type { Group } from '@famichat/mls'
import { type ConversationRecord, ConversationState } from '../store/records.js'
import type { Turn } from './workspace.js'

/** True for who cannot go on by itself: it is stuck, or its files were put back to an older state. */
export const isBroken = ({ isRolledBack, stuckCode }: Pick<ConversationRecord, 'isRolledBack' | 'stuckCode'>): boolean => isRolledBack || stuckCode !== ''

/** True for who is in the conversation, follows it, and stays. */
export const isStaying = (record: ConversationRecord): boolean => record.state === ConversationState.active && !record.isLeaving && !isBroken(record)

/** The conversation of a turn, where this device does its share: where it stays, and is in the group. */
export const activePart = ({ group, record }: Pick<Turn, 'group' | 'record'>): { readonly group: Group; readonly record: ConversationRecord } | undefined =>
  (group?.status === 'active' && record !== undefined && isStaying(record) ? { group, record } : undefined)
