/** A bot that rolls dice for whoever writes "!dice". Run it with: npm run bot -- 'INVITE LINK' */
import { randomInt } from 'node:crypto'
import { Client } from '@famichat/client'
import { nodePlatform, openSqliteStore } from '@famichat/client/node'

const [link = '', folder = 'bot-profile'] = process.argv.slice(2)
const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => { stop.abort() })
const client = await Client.openOrJoin({ ...nodePlatform, store: openSqliteStore({ folder }) }, link, 'Dicebot')
console.log(`${client.identity.accountName} is listening; Ctrl-C ends it.`)
for await (const { conversationId, accountId, messageId, content } of client.incoming('dice', stop.signal)) {
  if (content.type !== 'text' || content.body !== '!dice') continue
  await client.send(conversationId, { type: 'reply', to: { accountId, messageId }, body: `You rolled ${randomInt(1, 7)}.` })
}
await client.close()
