/**
 * Lint: typescript-eslint's strict typed rules, and what the house style adds (CONTRIBUTING.md).
 * The lists at the top are meant to be extended, with a reason, in the commit that needs it.
 */
import { existsSync } from 'node:fs'
import { defineConfig } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** Where a Secret may be opened: code that computes with key material, and stores that seal it. */
const EXPOSE_ALLOWED = [
  'packages/base/src/secret*.ts',
  'packages/base/src/node/key-file.ts',
  'packages/mls/src/crypto/**/*.ts',
  'packages/mls/src/schedule/**/*.ts',
  'packages/mls/src/tree/treekem*.ts',
  'packages/vault/src/**/*.ts',
  // what writes keys into the sealed profile, and reads them back
  'packages/client/src/identity/**/*.ts',
  'packages/client/src/node/**/*.ts',
  // hands the database its key
  'packages/server/src/storage/**/*.ts',
  // seals backups, and the keys in them
  'packages/server/src/backup/**/*.ts',
  'packages/*/test/**/*.ts',
  // compares secrets of implementations; ships nowhere
  'interop/src/**/*.ts',
]

/** The one file that may ask the machine for the time and for randomness. */
const MACHINE_SOURCES = ['packages/base/src/clock.ts']

const SYNTAX = [
  { selector: 'ExportDefaultDeclaration, ExportSpecifier[exported.name="default"]', message: 'Export by name.' },
  { selector: 'ExportAllDeclaration', message: 'Name what you export.' },
  { selector: 'TSEnumDeclaration', message: 'Use a const object and a type of its values.' },
  { selector: 'NewExpression[callee.name="Date"][arguments.length=0]', message: 'Take a Clock: new Date() reads the machine.' },
  { selector: 'MemberExpression[object.name="sql"][property.name=/^(raw|literal)$/]', message: 'Queries take parameters: no text becomes SQL (S40).' },
  {
    selector: 'CallExpression[callee.property.name=/^(exec|prepare)$/] > TemplateLiteral > :not(TemplateElement, Identifier[name=/^(table|[A-Z_]+)$/])',
    message: 'Statements take parameters; only a constant, or a table out of a list in the code, may stand in one (S40).',
  },
]
const EXPOSE = {
  selector: 'CallExpression[callee.property.name="expose"]',
  message: 'Only crypto, schedule, TreeKEM and sealed stores open a Secret (EXPOSE_ALLOWED in eslint.config.js).',
}

/** interop/ has packages of its own; without them its types are unknown, and the typed rules can say nothing. */
const INTEROP = existsSync(new URL('interop/node_modules', import.meta.url)) ? [] : ['interop/**']
/** The same for the lab's peers. */
const LAB_PEERS = existsSync(new URL('packages/lab/peers/node_modules', import.meta.url)) ? [] : ['packages/lab/peers/**']

export default defineConfig(
  { ignores: ['**/dist/**', '**/dist-test/**', '**/site/**', 'packages/web/vite.config.ts', '**/node_modules/**', 'coverage/**', '.famichat/**', ...INTEROP, ...LAB_PEERS] },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      eqeqeq: 'error',
      'no-restricted-properties': [
        'error',
        { object: 'Math', property: 'random', message: 'Take a RandomBytes.' },
        { object: 'Date', property: 'now', message: 'Take a Clock.' },
        { object: 'crypto', property: 'getRandomValues', message: 'Take a RandomBytes.' },
        { object: 'crypto', property: 'randomUUID', message: 'Take a RandomBytes.' },
      ],
      'no-restricted-syntax': ['error', ...SYNTAX, EXPOSE],
      // `interface` is for contracts, `type` for data (CONTRIBUTING.md)
      '@typescript-eslint/consistent-type-definitions': 'off',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  { files: EXPOSE_ALLOWED, rules: { 'no-restricted-syntax': ['error', ...SYNTAX] } },
  {
    files: ['packages/*/src/**/*.ts'],
    ignores: MACHINE_SOURCES,
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: ['node:crypto', 'crypto'].map((name) => ({ name, importNames: ['randomBytes', 'randomFillSync', 'randomInt', 'randomUUID'], message: 'Take a RandomBytes.' })) },
      ],
    },
  },
  {
    files: ['packages/*/test/**/*.ts'],
    rules: {
      // node:test runs what test() returns
      '@typescript-eslint/no-floating-promises': [
        'error',
        { allowForKnownSafeCalls: [{ from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite', 'before', 'after', 'beforeEach', 'afterEach'] }] },
      ],
    },
  },
  {
    files: ['**/*.mjs', '**/*.js'],
    rules: { eqeqeq: 'error', 'prefer-const': 'error', 'no-unused-vars': 'error', 'no-undef': 'off', 'no-var': 'error' },
  },
)
