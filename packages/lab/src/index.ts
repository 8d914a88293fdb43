/**
 * @famichat/lab: what a contender needs. The program is cli.ts.
 */
export {
  type AuthorshipReport, type Contender, type ContenderFacts, EVERYONE, type GhostReport, type Impossible, type Packet, type Person, type Purpose, type World,
} from './contender.js'
export { recordingBackend } from './recording-backend.js'
export { reasonOf, refusal } from './refusal.js'
export { judge, verifiesAlone, type VerifiedSignature } from './signature-judge.js'
