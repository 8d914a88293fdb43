/**
 * The web app stays light: what is loaded, what stands on the page however long a conversation is, and where the work is done.
 * Times are printed by `npm run web-figures`; here only what does not depend on the machine counts.
 */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { measure } from './figures/measure.js'
import { findChromium, WebCommunity } from './support/community.js'

const found = findChromium()
/** Entries on the page at once (open-conversation.svelte.ts). */
const MOST_BUBBLES = 140

describe('figures of the web app', { skip: 'missing' in found ? found.missing : false }, () => {
  test('a long conversation stands on the page in part, and 150 KB of script are enough', async () => {
    const community = await WebCommunity.start('path' in found ? found.path : '')
    try {
      const figures = await measure(community, { sent: 5, backlog: 500, scrolled: 500 }, () => undefined)
      assert.ok(figures.scriptBytes <= 150_000, `${figures.scriptBytes.toString()} bytes of script`)
      assert.ok(figures.typingMs.count >= 50 && figures.deliveryMs.count === 5)
      // a tenth of what is called good while a backlog comes; and while it is read, nothing moves but by a rounded pixel
      assert.ok(figures.backlog.layoutShift < 0.01, `layout shift ${figures.backlog.layoutShift.toString()}`)
      const { mostBubbles, mostNodes, movedPx } = figures.scrolling
      assert.ok(movedPx <= 2, `${movedPx.toString()} px`)
      assert.ok(mostBubbles > 80 && mostBubbles <= MOST_BUBBLES, `${mostBubbles.toString()} bubbles`)
      assert.ok(mostNodes < 20 * MOST_BUBBLES, `${mostNodes.toString()} nodes`)
    } finally {
      await community.end()
    }
  })
})
