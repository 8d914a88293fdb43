/**
 * The doctor: looks at a server's folder and at the server itself as people reach it, and says of each thing whether it is
 * well and, if not, what to do. It changes nothing, and asks nobody but the server it is shown.
 */
import { existsSync, statfsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, isCodedError } from '@famichat/base'
import { CHANNEL_PATH, decodeResponse, ROUTES, ServerFrameType } from '@famichat/protocol'
import { WebSocket } from 'ws'
import { BACKUP_KEY_FILE, lastBackupMs } from '../backup/backup.js'
import { makeRelyingParty } from '../passkeys/relying-party.js'
import { DATABASE_FILE } from '../storage/data-folder.js'
import { lookAtAddresses } from './look-at-addresses.js'

/** One thing that was looked at. */
export interface Finding {
  readonly check: 'folder' | 'keys' | 'disk' | 'backup' | 'server' | 'ready' | 'clock' | 'tls' | 'origin' | 'websocket' | 'addresses' | 'figures' | 'passkeys'
  readonly state: 'good' | 'warning' | 'bad'
  /** A sentence; with what to do, unless all is well. */
  readonly text: string
}

/** What to look at. */
export interface Examination {
  readonly dataDir: string
  /** Where people reach the server. */
  readonly url: string
  /** Whether that address was given as the public one, or is this machine's own. */
  readonly isPublic: boolean
  readonly passkeyDomain: string | undefined
  readonly clock: Clock
}

const KEY_FILES = ['database.key', 'fields.key', 'push.key', BACKUP_KEY_FILE]
const LOW_BYTES = 1024 ** 3
const OLD_BACKUP_MS = 7 * 24 * 3600 * 1000
const DAY_MS = 24 * 3600 * 1000
const CLOCK_MS = 60 * 1000
const PATIENCE_MS = 5000

/** Looks at everything. */
export const examine = async (examination: Examination): Promise<readonly Finding[]> => {
  const { findings, isReached } = await lookAtServer(examination)
  return [
    ...lookAtFolder(examination), lookAtBackup(examination), ...findings,
    ...(isReached ? [await lookAtOrigin(examination), await lookAtWebSocket(examination), ...await lookWhoCounts(examination), await lookAtFigures(examination)] : []),
    lookAtPasskeys(examination),
  ]
}

const good = (check: Finding['check'], text: string): Finding => ({ check, state: 'good', text })
const warning = (check: Finding['check'], text: string): Finding => ({ check, state: 'warning', text })
const bad = (check: Finding['check'], text: string): Finding => ({ check, state: 'bad', text })

const lookAtFolder = ({ dataDir }: Examination): readonly Finding[] => {
  if (!existsSync(join(dataDir, DATABASE_FILE))) {
    return [bad('folder', `there is no database in ${dataDir}: give the folder of the server with --data`)]
  }
  const open = (path: string): boolean => (statSync(path).mode & 0o077) !== 0
  const exposed = KEY_FILES.map((name) => join(dataDir, name)).filter((path) => existsSync(path) && open(path))
  const { bavail, bsize, blocks } = statfsSync(dataDir)
  const free = bavail * bsize
  const isLow = free < LOW_BYTES || bavail < blocks / 20
  return [
    open(dataDir) ? warning('folder', `others of this machine can look into ${dataDir}: run chmod 700 on it`) : good('folder', 'only its owner looks into the folder'),
    exposed.length > 0 ? bad('keys', `others of this machine can read ${exposed.join(' and ')}: run chmod 600 on it`) : good('keys', 'only their owner reads the key files'),
    isLow ? bad('disk', `only ${(free / 1e9).toFixed(1)} GB are free where the data is: make room, or the server stops taking messages`) : good('disk', `${(free / 1e9).toFixed(0)} GB are free`),
  ]
}

const lookAtBackup = ({ dataDir, clock }: Examination): Finding => {
  const last = lastBackupMs(dataDir)
  if (last === undefined) return warning('backup', 'there has never been a backup: run famichat backup create, and keep backup.key elsewhere')
  const days = Math.floor((clock.nowMs() - last) / DAY_MS)
  return clock.nowMs() - last > OLD_BACKUP_MS
    ? warning('backup', `the last backup is ${days.toString()} days old: run famichat backup create, once a day from a timer`)
    : good('backup', `the last backup is ${days === 0 ? 'less than a day' : days === 1 ? 'a day' : `${days.toString()} days`} old`)
}

const lookAtServer = async ({ url, isPublic, clock }: Examination): Promise<{ readonly findings: readonly Finding[]; readonly isReached: boolean }> => {
  const unreached = (why: string): { findings: readonly Finding[]; isReached: boolean } =>
    ({ findings: [bad('server', `no Famichat server answers at ${url} (${why}): start it, and look at the proxy in front of it`)], isReached: false })
  try {
    const response = await get(url + ROUTES.serverInfo.path)
    if (!response.ok) return unreached(`status ${response.status.toString()}`)
    const { serverTimeMs } = decodeResponse('serverInfo', new Uint8Array(await response.arrayBuffer()))
    const off = Math.abs(serverTimeMs - clock.nowMs())
    const stamp = Date.parse(response.headers.get('date') ?? '')
    const offDate = Number.isNaN(stamp) ? 0 : Math.abs(stamp - clock.nowMs())
    const ready = await get(`${url}/readyz`)
    const isHttps = url.startsWith('https:')
    const findings: Finding[] = [
      good('server', `a Famichat server answers at ${url}`),
      ready.ok ? good('ready', 'the server stores what it is sent')
        : bad('ready', `the server cannot store (${(await ready.text()).trim()}): make room on the disk and see that its folder can be written`),
      Math.max(off, offDate) > CLOCK_MS ? bad('clock', `clocks differ by ${Math.round(Math.max(off, offDate) / 1000).toString()} s: let the system keep time (timedatectl set-ntp true)`)
        : good('clock', 'the clocks of this machine and of the server agree'),
    ]
    if (isHttps && response.headers.get('strict-transport-security') === null) {
      findings.push(warning('tls', 'the server does not know that people come by https: start it with --public-url, and let the proxy pass its headers on'))
    } else if (isHttps) findings.push(good('tls', 'people come by https, and browsers insist on it'))
    else if (isPublic) findings.push(bad('tls', 'the public address is not https: put a proxy with a certificate in front, and give its address with --public-url'))
    else findings.push(warning('tls', 'looked at from this machine only: give the address that people use with --public-url'))
    return { findings, isReached: true }
  } catch (error) {
    return unreached(isCodedError(error) ? error.code : reasonOf(error))
  }
}

/** Browsers say which page calls; the server must know its own page by the address that people use, whatever Host the proxy passes on. */
const lookAtOrigin = async ({ url }: Examination): Promise<Finding> => {
  const { origin } = new URL(url)
  const { ok } = await get(url + ROUTES.serverInfo.path, { origin, 'sec-fetch-site': 'same-origin' })
  return ok ? good('origin', `the server takes the page at ${origin} for its own`)
    : bad('origin', `the server takes the page at ${origin} for a stranger's, so no browser gets in: start it with --public-url ${origin}`)
}

/** The proxy must pass upgrades on: the first frame of a channel proves it. */
const lookAtWebSocket = ({ url }: Examination): Promise<Finding> => new Promise((resolve) => {
  const socket = new WebSocket(url.replace(/^http/, 'ws') + CHANNEL_PATH, { perMessageDeflate: false, handshakeTimeout: PATIENCE_MS })
  const fail = (why: string): void => {
    resolve(bad('websocket', `no WebSocket opens at ${CHANNEL_PATH} (${why}): let the proxy pass on the headers Upgrade and Connection, and the Host as it came`))
    socket.terminate()
  }
  const timer = setTimeout(() => { fail('no answer') }, PATIENCE_MS)
  socket.on('message', (data) => {
    clearTimeout(timer)
    if (!Buffer.isBuffer(data) || data[1] !== ServerFrameType.challenge) fail('another program answers')
    else resolve(good('websocket', 'WebSockets reach the server'))
    socket.terminate()
  })
  socket.on('error', (error) => {
    clearTimeout(timer)
    fail(error.message)
  })
})

/** From this machine itself there is nothing to see: who is on it may stand in for the proxy. */
const lookWhoCounts = async ({ url, isPublic }: Examination): Promise<readonly Finding[]> => {
  if (!isPublic) return []
  const fault = await lookAtAddresses(url, get)
  return [fault === undefined ? good('addresses', 'people are held to limits each for themselves') : bad('addresses', fault)]
}

const lookAtFigures = async ({ url, isPublic }: Examination): Promise<Finding> => {
  const { ok } = await get(`${url}/metrics`)
  return ok && isPublic ? bad('figures', 'anybody can read /metrics: start the server with --public-url, or set FAMICHAT_METRICS_TOKEN')
    : good('figures', 'strangers do not see /metrics')
}

const lookAtPasskeys = ({ url, isPublic, passkeyDomain }: Examination): Finding => {
  const explain = 'passkeys work under https and a name only: give --public-url such as https://chat.example, and a --passkey-domain that it is part of'
  try {
    const party = makeRelyingParty({ publicUrl: isPublic ? url : undefined, passkeyDomain, port: Number(new URL(url).port) })
    return party === undefined ? warning('passkeys', explain) : good('passkeys', `passkeys are good for ${party.rpId}: changing that ends all of them`)
  } catch {
    return bad('passkeys', explain)
  }
}

const get = (url: string, headers: Readonly<Record<string, string>> = {}): Promise<Response> => fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(PATIENCE_MS) })

const reasonOf = (error: unknown): string => {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return cause instanceof Error ? ('code' in cause ? String(cause.code) : cause.name) : 'unknown'
}
