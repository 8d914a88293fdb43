/**
 * A ring as it goes to a push service (RFC 8030, RFC 8292). It carries nothing: no body, so that there is nothing to encrypt,
 * to pad or to leak; and the same headers whoever wrote whatever to whom (S34).
 */
import { sign } from 'node:crypto'
import { toBase64url, utf8 } from '@famichat/base'
import type { PushKey } from '../storage/push-key.js'

/** What is posted. */
export interface PushRequest {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
}

/** How long a push service keeps a ring for a device that is off. */
const TTL_SECONDS = 24 * 3600
/** A newer ring takes the place of one that waits: a service cannot count messages. */
const TOPIC = 'famichat'
const TOKEN_SECONDS = 12 * 3600
/** Tokens are the same for an hour: their times say nothing about messages. */
const TOKEN_STEP_SECONDS = 3600

/** The ring of a subscription. @param subject who to write to about it: the server's address */
export const makePushRequest = (key: PushKey, { endpoint, subject, nowMs }: { readonly endpoint: string; readonly subject: string; readonly nowMs: number }): PushRequest => {
  const startSeconds = Math.floor(nowMs / 1000 / TOKEN_STEP_SECONDS) * TOKEN_STEP_SECONDS
  const token = signToken(key, { aud: new URL(endpoint).origin, exp: startSeconds + TOKEN_SECONDS, sub: subject })
  return {
    url: endpoint,
    headers: { authorization: `vapid t=${token}, k=${toBase64url(key.publicKey)}`, ttl: TTL_SECONDS.toString(), topic: TOPIC, urgency: 'high', 'content-length': '0' },
  }
}

const signToken = ({ privateKey }: PushKey, claims: Readonly<Record<string, string | number>>): string => {
  const signed = [{ typ: 'JWT', alg: 'ES256' }, claims].map((part) => toBase64url(utf8(JSON.stringify(part)))).join('.')
  const signature = sign('sha256', utf8(signed), { key: privateKey, dsaEncoding: 'ieee-p1363' })
  return `${signed}.${toBase64url(new Uint8Array(signature))}`
}
