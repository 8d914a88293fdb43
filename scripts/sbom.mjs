/**
 * `npm run sbom`: what ships, package by package, as a CycloneDX 1.6 document on standard output. Made from the lock file alone: the
 * same commit gives the same bytes.
 */
import { readJson } from './workspace.mjs'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const USAGE = 'usage: npm run --silent sbom > sbom.json\nWrites a CycloneDX 1.6 document of everything that ships, with versions, hashes and licences.\n'

/** The document, from a lock file. */
export const makeSbom = ({ name, version, packages }) => {
  const components = Object.entries(packages)
    .filter(([path, { link, dev, devOptional }]) => path.includes('node_modules/') && link !== true && dev !== true && devOptional !== true)
    .map(([path, entry]) => componentOf(path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length), entry))
  const unique = new Map(components.map((component) => [component['bom-ref'], component]))
  return {
    bomFormat: 'CycloneDX', specVersion: '1.6', version: 1,
    metadata: { component: { type: 'application', 'bom-ref': `${name}@${version}`, name, version, licenses: [{ license: { id: 'Apache-2.0' } }] } },
    components: [...unique.values()].sort((a, b) => (a['bom-ref'] < b['bom-ref'] ? -1 : 1)),
  }
}

const componentOf = (name, { version, integrity = '', license }) => {
  const [algorithm, encoded = ''] = integrity.split('-')
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`
  return {
    type: 'library', 'bom-ref': purl, name, version, purl,
    ...(algorithm === 'sha512' ? { hashes: [{ alg: 'SHA-512', content: Buffer.from(encoded, 'base64').toString('hex') }] } : {}),
    ...(license === undefined ? {} : { licenses: [/ (OR|AND) /.test(license) ? { expression: license } : { license: { id: license } }] }),
  }
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  if (process.argv.includes('--help')) process.stdout.write(USAGE)
  else process.stdout.write(`${JSON.stringify(makeSbom(readJson('package-lock.json')), undefined, 2)}\n`)
}
