/**
 * What people do on a device, drawn by chance.
 */
import type { Client, ConversationInfo } from '@famichat/client'
import type { Dice } from './scheduler.js'
import type { Truth } from './truth.js'

/** What an action works with. */
export interface Acting {
  readonly client: Client
  readonly dice: Dice
  readonly truth: Truth
  /** The device's name, and everybody's names. */
  readonly author: string
  readonly people: readonly string[]
  /** Hears what a sync finds. */
  readonly onProblem?: (code: string) => void
}

type Action = (acting: Acting) => Promise<void>

const MOST_CONVERSATIONS = 4

const activeOf = async ({ client }: Acting): Promise<readonly ConversationInfo[]> => (await client.conversations()).filter(({ state }) => state === 'active')

const anyOf = async (acting: Acting): Promise<ConversationInfo | undefined> => {
  const active = await activeOf(acting)
  return active.length === 0 ? undefined : acting.dice.pick(active)
}

const write = ({ client, truth, author }: Acting, { conversationId }: ConversationInfo): string =>
  truth.write({ accountId: client.identity.accountId, conversationId }, author)

const say: Action = async (acting) => {
  const conversation = await anyOf(acting)
  if (conversation === undefined) {
    await acting.client.sync()
    return
  }
  const { messageId } = await acting.client.send(conversation.conversationId, write(acting, conversation))
  acting.truth.acknowledged.set(messageId, conversation.conversationId)
}

const sayMore: Action = async (acting) => {
  const conversation = await anyOf(acting)
  if (conversation === undefined) return
  const { client, dice } = acting
  const { conversationId } = conversation
  const messages = (await client.history(conversationId)).flatMap((event) => (event.kind === 'message' ? [event] : []))
  const letter = (): Promise<unknown> => client.send(conversationId, { type: 'letter', subject: 'news', body: write(acting, conversation) })
  if (messages.length === 0) {
    await letter()
    return
  }
  const to = dice.pick(messages)
  const own = messages.filter(({ accountId, content }) => accountId === client.identity.accountId && content.type === 'text')
  switch (dice.below(own.length > 0 ? 5 : 3)) {
    case 0:
      await letter()
      return
    case 1:
      await client.send(conversationId, { type: 'reply', to, body: write(acting, conversation) })
      return
    case 2:
      await client.send(conversationId, { type: 'reaction', to, emoji: '👍', isRemoved: false })
      return
    case 3:
      await client.send(conversationId, { type: 'edit', messageId: dice.pick(own).messageId, body: write(acting, conversation) })
      return
    default:
      await client.send(conversationId, { type: 'delete', messageId: dice.pick(own).messageId })
  }
}

const sync: Action = async ({ client, onProblem }) => { for (const { code } of await client.sync()) onProblem?.(code) }

const others = ({ client, people }: Acting): readonly string[] => people.filter((name) => name !== client.identity.accountName)

const create: Action = async (acting) => {
  const { client, dice } = acting
  await client.sync()
  if ((await activeOf(acting)).length >= MOST_CONVERSATIONS) return
  const names = others(acting)
  switch (dice.below(4)) {
    case 0:
      await client.createDirect(dice.pick(names))
      return
    case 1:
      await client.createSelf()
      return
    default:
      await client.createGroup(`group ${dice.below(1000).toString()}`, dice.shuffle(names).slice(0, dice.between(1, names.length)))
  }
}

const groupOf = async (acting: Acting): Promise<ConversationInfo | undefined> => {
  const groups = (await activeOf(acting)).filter(({ kind }) => kind === 2)
  return groups.length === 0 ? undefined : acting.dice.pick(groups)
}

const add: Action = async (acting) => {
  await acting.client.sync()
  const group = await groupOf(acting)
  if (group !== undefined) await acting.client.add(group.conversationId, acting.dice.pick(others(acting)))
}

const remove: Action = async (acting) => {
  await acting.client.sync()
  const group = await groupOf(acting)
  if (group !== undefined) await acting.client.remove(group.conversationId, acting.dice.pick(others(acting)))
}

const leave: Action = async (acting) => {
  const group = await groupOf(acting)
  if (group !== undefined) await acting.client.leave(group.conversationId)
}

const read: Action = async (acting) => {
  const conversation = await anyOf(acting)
  if (conversation === undefined) return
  await acting.client.setReceipts(true)
  await acting.client.markRead(conversation.conversationId, conversation.seq)
}

const WEIGHTED: readonly (readonly [number, Action])[] = [[40, say], [14, sayMore], [18, sync], [7, create], [6, add], [4, remove], [2, leave], [3, read]]
const WEIGHT = WEIGHTED.reduce((sum, [weight]) => sum + weight, 0)

/** Something that somebody does now. */
export const anyAction = (dice: Dice): { readonly name: string; readonly act: Action } => {
  let at = dice.below(WEIGHT)
  for (const [weight, act] of WEIGHTED) {
    if (at < weight) return { name: act.name, act }
    at -= weight
  }
  return { name: 'sync', act: sync }
}
