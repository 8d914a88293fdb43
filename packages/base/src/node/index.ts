/**
 * @famichat/base/node: what only Node has.
 */
export { type KeyFileProblem, type KeySource, takeKey } from './key-file.js'
