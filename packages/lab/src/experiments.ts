/**
 * Security, demonstrated: each experiment runs the same for every contender and says what was seen.
 */
import { present, utf8 } from '@famichat/base'
import { type Contender, isImpossible, type Packet, type Person } from './contender.js'
import { deliver, hand, isFor } from './delivery.js'
import { healing } from './healing.js'
import { reasonOf } from './refusal.js'
import type { Finding, Outcome } from './row.js'
import { makeScene, textFor, Thief } from './scene.js'

/** What an experiment saw. */
export interface Seen {
  readonly outcome: Outcome
  readonly seen: string
  readonly how?: string
}

export interface Experiment {
  /** As the table's column says it. */
  readonly name: string
  /** What is done, for the page. */
  readonly method: string
  readonly run: (contender: Contender) => Promise<Seen>
}

const TAMPER_POSITIONS = 24
const GAP = 100

const roundTrip = async (contender: Contender): Promise<Seen> => {
  const { alice, bob, carol } = await makeScene(contender)
  const people = [alice, bob, carol]
  let read = 0
  for (const person of people) {
    const text = `from ${person.name}`
    const done = await deliver(await person.send(utf8(text)), people)
    read += done.filter((each) => each.text === text).length
  }
  return { outcome: read === 6 ? 'holds' : 'fails', seen: `${read} of 6 read` }
}

const tampering = async (contender: Contender): Promise<Seen> => {
  const { alice, bob } = await makeScene(contender)
  const packet = textFor(await alice.send(utf8('pay 10 to Bob')), 'bob')
  const { length } = packet.bytes
  const step = Math.max(1, Math.floor(length / TAMPER_POSITIONS))
  const positions = Array.from({ length: Math.ceil(length / step) }, (_, index) => index * step)
  const changed = [
    ...[...positions, length - 1].map((position) => packet.bytes.map((byte, index) => (index === position ? byte ^ 1 : byte))),
    packet.bytes.subarray(0, -1), Uint8Array.of(...packet.bytes, 0),
  ]
  let refused = 0
  let forged = 0
  for (const bytes of changed) {
    const { text } = await hand({ ...packet, bytes }, bob)
    if (text === undefined) refused++
    else if (text !== 'pay 10 to Bob') forged++
  }
  const unchanged = changed.length - refused - forged
  const original = unchanged > 0 ? 'read' : (await hand(packet, bob)).text === undefined ? 'lost' : 'read'
  const effect = unchanged > 0 ? `, ${unchanged} without effect on the text (in bytes that nothing authenticates)` : ''
  return {
    outcome: forged > 0 ? 'fails' : original === 'lost' ? 'partly' : 'holds',
    seen: `${refused} of ${changed.length} refused${effect}, ${forged} read as another text; then the original is ${original}`,
  }
}

const replay = async (contender: Contender): Promise<Seen> => {
  const { alice, bob } = await makeScene(contender)
  const packets = await alice.send(utf8('once'))
  await deliver(packets, [bob])
  const again = await hand(textFor(packets, 'bob'), bob)
  return again.text === undefined
    ? { outcome: 'holds', seen: `refused (${again.refused ?? 'no text'})` }
    : { outcome: 'fails', seen: 'read a second time: the application must notice' }
}

const order = async (contender: Contender): Promise<Seen> => {
  const { alice, bob, carol } = await makeScene(contender)
  const send = async (): Promise<Packet> => {
    const packets = await alice.send(utf8('in order'))
    await deliver(packets.filter(({ kind }) => kind === 'control'), [bob, carol])
    return textFor(packets, 'bob')
  }
  const five = [await send(), await send(), await send(), await send(), await send()]
  let read = 0
  for (const index of [4, 2, 0, 3, 1]) if ((await hand(present(five[index], 'sent'), bob)).text !== undefined) read++
  const many: Packet[] = []
  for (let index = 0; index <= GAP; index++) many.push(await send())
  const last = (await hand(present(many.at(-1), 'sent'), bob)).text !== undefined
  const first = (await hand(present(many[0], 'sent'), bob)).text !== undefined
  return {
    outcome: read === 5 && last && first ? 'holds' : 'partly',
    seen: `${read} of 5 shuffled read; after a gap of ${GAP} the last is ${last ? 'read' : 'refused'}, then the first ${first ? 'too' : 'not'}`,
  }
}

const forwardSecrecy = async (contender: Contender): Promise<Seen> => {
  const { alice, bob, carol, say } = await makeScene(contender)
  const old: Packet[] = []
  for (let index = 0; index < 3; index++) old.push(textFor(await say(alice, `secret ${index}`), 'bob'))
  const counts: number[] = []
  for (const victim of [bob, alice]) {
    const thief = await Thief.of(victim)
    if (isImpossible(thief)) return { outcome: 'not demonstrable', seen: thief.impossible }
    counts.push(await thief.opens(old))
    // a copy that reads nothing at all would show nothing
    if (await thief.reads(await say(carol, 'still here?')) === 0) return { outcome: 'not demonstrable', seen: 'the copy does not even read what is new: it is no true copy' }
  }
  const [receiver = 0, sender = 0] = counts
  return { outcome: receiver + sender === 0 ? 'holds' : 'fails', seen: `a copy of the receiver's device reads ${receiver} of 3 old texts, of the sender's ${sender}` }
}

const removal = async (contender: Contender): Promise<Seen> => {
  const { alice, bob, carol, pass } = await makeScene(contender)
  const packets = [...await alice.remove('carol')]
  await deliver(packets, [bob, carol])
  for (const person of [alice, bob]) {
    const sent = await person.send(utf8('without Carol'))
    await pass(sent.filter((packet) => !isFor(packet, 'carol')))
    packets.push(...sent)
  }
  const done = await deliver(packets, [carol])
  const read = done.filter(({ text }) => text !== undefined).length
  const offered = packets.filter((packet) => packet.kind === 'text' && isFor(packet, 'carol')).length
  return { outcome: read === 0 ? 'holds' : 'fails', seen: offered === 0 ? 'nothing is encrypted to her any more' : `reads ${read} of ${offered} texts that reach her` }
}

const ghost = async (contender: Contender): Promise<Seen> => {
  const world = await contender.open('security')
  if (world.ghost === undefined) return { outcome: 'not demonstrable', seen: 'the contender has no such attack' }
  const { reads, visible, how } = await world.ghost()
  return { outcome: reads ? 'fails' : 'holds', seen: reads ? `reads along, ${visible ? 'visible to members' : 'unseen'}` : 'stays out', how }
}

const deniability = async (contender: Contender): Promise<Seen> => {
  const { world, alice, bob, say } = await makeScene(contender)
  if (world.authorship === undefined) return { outcome: 'not demonstrable', seen: 'the contender does not say' }
  for (const person of [bob, alice] as readonly Person[]) await say(person, 'back and forth')
  const packets = await alice.send(utf8('I never said this'))
  await deliver(packets.filter(({ kind }) => kind === 'control'), [bob])
  const { signedBy, how } = await world.authorship(textFor(packets, 'bob'), { sender: alice, receiver: bob })
  switch (signedBy) {
    case 'nobody': return { outcome: 'holds', seen: 'deniable: no signature on the text', how }
    case 'session key': return { outcome: 'partly', seen: 'signed by a key of the session', how }
    case 'lasting key': return { outcome: 'fails', seen: 'a signature anybody can verify', how }
  }
}

/** In the order of the table. */
export const EXPERIMENTS: readonly Experiment[] = [
  { name: 'round trip', method: 'Each of three members writes, the two others read.', run: roundTrip },
  { name: 'tampering', method: 'One bit of a message is changed at about 25 places, a byte cut off, a byte added; then the original is delivered.', run: tampering },
  { name: 'replay', method: 'The server delivers a message a second time.', run: replay },
  { name: 'out of order', method: `Five messages arrive as 5, 3, 1, 4, 2; then the last of ${GAP + 1}, then the first.`, run: order },
  { name: 'forward secrecy', method: 'Three texts are read; then a device is copied, and the copy tries the ciphertexts, which the server kept. That the copy is a true one shows in its reading the next text.', run: forwardSecrecy },
  {
    name: 'recovery',
    method: 'A device is copied, and the thief sees all traffic. Counted is what the members must do until his copy reads nothing new: first by texts alone, then by rotations of the victim, of another member, of everybody.',
    run: healing,
  },
  { name: 'removal', method: 'Carol is removed; Alice and Bob write; Carol gets every packet.', run: removal },
  { name: 'ghost', method: 'The server tries to let somebody read along whom no member let in.', run: ghost },
  { name: 'deniability', method: 'What can a receiver show to a third person, who has only node:crypto?', run: deniability },
]

/** Runs all; one that cannot be run is a finding, too. */
export const demonstrate = async (contender: Contender, id: string, onRow: (finding: Finding) => void): Promise<void> => {
  for (const { name, run } of EXPERIMENTS) {
    let seen: Seen
    try {
      seen = await run(contender)
    } catch (error) {
      seen = { outcome: 'not demonstrable', seen: `the experiment failed: ${reasonOf(error)}` }
    }
    onRow({ kind: 'finding', contender: id, experiment: name, ...seen })
  }
}
