/**
 * The table of allowed imports (docs/architecture.md), read by check-arrows.mjs.
 * To allow a new arrow, change this table and the architecture page in the same commit.
 */

/** For each package, the @famichat packages (or `package/subpath`) its shipped code may import. */
export const PACKAGE_ARROWS = {
  base: [],
  mls: ['base'],
  protocol: ['base'],
  vault: ['base'],
  client: ['base', 'mls', 'mls/inspect', 'protocol'],
  server: ['base', 'protocol', 'vault', 'mls/inspect'],
  cli: ['base', 'client', 'server'],
  web: ['base', 'client'],
  lab: ['base', 'mls'],
}

/** Folders of packages/mls/src: each may import itself and those named. `.` is the facade, the files at the root. */
export const MLS_LAYERS = {
  crypto: [],
  wire: ['crypto'],
  tree: ['crypto', 'wire'],
  schedule: ['crypto', 'wire'],
  framing: ['crypto', 'wire', 'tree', 'schedule'],
  validate: ['crypto', 'wire', 'tree', 'schedule', 'framing'],
  group: ['crypto', 'wire', 'tree', 'schedule', 'framing', 'validate'],
  '.': ['crypto', 'wire', 'tree', 'schedule', 'framing', 'validate', 'group'],
}

/** Root files of packages/mls/src that every layer may import: the errors, the limits, the shape of stored state. */
export const MLS_SHARED = ['errors.ts', 'limits.ts', 'state-row.ts']

/** A file whose whole import graph must stay within these path prefixes of packages/mls/src. */
export const MLS_CONFINED = {
  // the server reads the clear header with this: no code that could handle a secret may come along
  'inspect.ts': ['inspect.ts', 'errors.ts', 'limits.ts', 'wire/'],
}

/** Where shipped code may import Node's own modules; elsewhere it must run in browsers too. */
export const NODE_ALLOWED = ['base/src/node/', 'base/src/testing/', 'mls/src/crypto/', 'vault/', 'client/', 'server/', 'cli/', 'lab/']

/** Files under src that may import predictable test doubles (the testing entry of a package): those entries, and the lab's command, which does not ship. */
export const TESTING_ALLOWED = /^packages\/(lab\/src\/cli\.ts$|[^/]+\/src\/(.*\/)?testing(\.ts$|\/))/
