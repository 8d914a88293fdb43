/**
 * The checks complain about what they are there for, and about nothing else.
 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { copyOfScripts } from './copy-of-scripts.mjs'

const PACKAGES = Object.fromEntries(['base', 'mls', 'client', 'server', 'cli'].map((name) => [`packages/${name}/package.json`, { name: `@famichat/${name}` }]))
const arrows = (t, file, source) => copyOfScripts(t, { ...PACKAGES, [file]: source })('check-arrows.mjs')

const LEGAL = [
  ['packages/client/src/a.ts', `import { x } from '@famichat/mls'`],
  ['packages/server/src/a.ts', `import { x } from '@famichat/mls/inspect'`],
  ['packages/mls/src/group/a.ts', `import { x } from '../tree/b.js'\nimport { y } from '../errors.js'`],
  ['packages/mls/src/wire/a.ts', `import type { x } from '../crypto/b.js'\nimport { y } from './c.js'`],
  ['packages/mls/src/index.ts', `export { x } from './group/a.js'`],
  ['packages/mls/src/crypto/a.ts', `import { createHash } from 'node:crypto'`],
  ['packages/mls/src/testing.ts', `import { x } from '@famichat/base/testing'`],
  ['packages/base/src/a.ts', `// import { x } from '@famichat/mls'\nexport const text = "import 'node:fs'"`],
]
for (const [file, source] of LEGAL) {
  test(`the arrow in ${file} is allowed: ${source}`, (t) => {
    const { ok, output } = arrows(t, file, source)
    assert.ok(ok, output)
  })
}

const ILLEGAL = [
  ['packages/base/src/a.ts', `import { x } from '@famichat/mls'`, 'may import no other package'],
  ['packages/server/src/a.ts', `import { x } from '@famichat/mls'`, 'may import base, protocol'],
  ['packages/server/src/a.ts', `const x = await import('@famichat/client')`, 'imports @famichat/client'],
  ['packages/client/src/a.ts', `export { x } from '@famichat/base/testing'`, 'test doubles must not ship'],
  ['packages/client/src/a.ts', `import { x } from '../../mls/src/a.js'`, "leaves the package's src"],
  ['packages/mls/src/tree/a.ts', `import { x } from '../schedule/b.js'`, 'the layer tree may import'],
  ['packages/mls/src/schedule/a.ts', `import type { x } from '../tree/b.js'`, 'the layer schedule may import'],
  ['packages/mls/src/crypto/a.ts', `import { x } from '../wire/b.js'`, 'the layer crypto may import'],
  ['packages/mls/src/validate/a.ts', `import { x } from '../facade.js'`, 'the layer validate may import'],
  ['packages/mls/src/sundry/a.ts', `import { x } from './b.js'`, 'not in the table'],
  ['packages/mls/src/wire/a.ts', `import { x } from 'node:crypto'`, 'must run in browsers'],
]
for (const [file, source, complaint] of ILLEGAL) {
  test(`the arrow in ${file} is refused: ${source}`, (t) => {
    const { ok, output } = arrows(t, file, source)
    assert.equal(ok, false)
    assert.ok(output.includes(complaint), output)
  })
}

test('what the server may import of the engine cannot reach code that handles secrets, not even through others', (t) => {
  const check = copyOfScripts(t, {
    ...PACKAGES,
    'packages/mls/src/inspect.ts': `import { x } from './wire/a.js'`,
    'packages/mls/src/wire/a.ts': `import { x } from '../crypto/b.js'`,
    'packages/mls/src/crypto/b.ts': 'export const x = 1',
  })
  const { ok, output } = check('check-arrows.mjs')
  assert.equal(ok, false)
  assert.match(output, /inspect\.ts reaches packages\/mls\/src\/crypto\/b\.ts/)
})

test('a package that is not in the table is refused', (t) => {
  const { ok, output } = copyOfScripts(t, { 'packages/new/package.json': {} })('check-arrows.mjs')
  assert.equal(ok, false)
  assert.match(output, /packages\/new is not in the table/)
})

const HEADER = '/** What this is. */\n'
const FILES = [
  ['packages/base/src/a.ts', HEADER + '\n'.repeat(399), undefined],
  ['packages/base/src/a.ts', HEADER + '\n'.repeat(400), 'has 401 lines'],
  ['packages/base/src/a.ts', 'export const x = 1\n', 'does not open with a comment'],
  ['packages/base/src/fooBar.ts', HEADER, 'kebab-case'],
  ['packages/base/src/utils.ts', HEADER, 'says nothing'],
]
for (const [file, content, complaint] of FILES) {
  test(`${file} of ${content.split('\n').length - 1} lines: ${complaint ?? 'fine'}`, (t) => {
    const { ok, output } = copyOfScripts(t, { ...PACKAGES, [file]: content })('check-files.mjs')
    assert.equal(ok, complaint === undefined, output)
    if (complaint !== undefined) assert.ok(output.includes(complaint), output)
  })
}

const dependencies = (t, wanted, page) =>
  copyOfScripts(t, { 'packages/base/package.json': { dependencies: wanted }, 'docs/dependencies.md': page })('check-dependencies.mjs')

test('each runtime dependency has its line, and each line its dependency', (t) => {
  assert.ok(dependencies(t, { ws: '8.23.0', '@famichat/mls': '0.1.0' }, '| `ws` | sockets |').ok)
  assert.match(dependencies(t, { ws: '8.23.0' }, '').output, /no line for ws/)
  assert.match(dependencies(t, {}, '| `ws` | sockets |').output, /explains ws, which no package uses/)
})

test('a version that is not exact is refused', (t) => {
  assert.match(dependencies(t, { ws: '^8.23.0' }, '| `ws` | sockets |').output, /write the exact version/)
})

test('a package whose tests would silently not run is refused, as is a lock file that npm ci refuses', (t) => {
  const { ok, output } = copyOfScripts(t, {
    'package.json': { workspaces: [] },
    'tsconfig.json': { references: [{ path: 'packages/base' }] },
    'package-lock.json': { packages: { 'node_modules/parser': { optionalDependencies: { 'parser-other-platform': '1.0.0' } } } },
    'packages/base/package.json': {}, 'packages/base/tsconfig.json': {}, 'packages/base/src/a.ts': HEADER,
    'packages/base/test/tsconfig.json': {}, 'packages/base/test/a.test.ts': HEADER,
  })('check-projects.mjs')
  assert.equal(ok, false)
  assert.match(output, /packages\/base is not in "workspaces"/)
  assert.match(output, /packages\/base\/test is not in "references"/)
  assert.match(output, /lacks parser-other-platform/)
  assert.doesNotMatch(output, /packages\/base is not in "references"/)
})

test('a page that names a file, a heading or a command that is not there is named itself', (t) => {
  const page = 'See [that](docs/there.md#the-end), `npm run build`, [web](https://chat.example/x) and [here](#a-page-s).\n'
  const files = { 'package.json': { scripts: { build: 'tsc -b' } }, 'docs/there.md': '# There\n\n## The end\n' }
  const good = copyOfScripts(t, { ...files, 'README.md': `# A page\n\n${page.replace('#a-page-s', '#a-page')}` })('check-links.mjs')
  assert.ok(good.ok, good.output)
  const bad = copyOfScripts(t, { ...files, 'README.md': `${page}[gone](docs/gone.md) [half](docs/there.md#middle) \`npm run nothing\`\n` })('check-links.mjs')
  assert.equal(bad.ok, false)
  assert.deepEqual(bad.output.trim().split('\n').map((line) => /links to (\S+),|names (npm run \w+)/.exec(line)?.slice(1).find((part) => part !== undefined)), ['#a-page-s', 'docs/gone.md', 'docs/there.md#middle', 'npm run nothing'])
})
