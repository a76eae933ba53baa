/**
 * Canonical texts of options, for keys: equal texts mean the same peer by the same rules.
 *
 * An option that is `undefined` equals one that is absent, a certificate given as text equals the same one given as
 * bytes, and the order of options does not matter. Long values and secrets stand as digests; functions and secure
 * contexts are told apart by identity.
 */

import { createHash } from 'node:crypto'
import { isUint8Array } from 'node:util/types'
import type { TlsOptions } from './options.ts'

/** Numbers for what can only be told apart by identity. */
const identities = new WeakMap<object, number>()
let lastIdentity = 0

/** Texts up to this many characters stand as they are. */
const MAX_PLAIN = 64

export function canonicalText(value: unknown): string {
  if (typeof value === 'string') return value.length > MAX_PLAIN ? digest(value) : JSON.stringify(value)
  if (isUint8Array(value)) {
    return value.length > MAX_PLAIN ? digest(value) : JSON.stringify(Buffer.from(value).toString())
  }
  if (Array.isArray(value)) return value.length === 1 ? canonicalText(value[0]) : `[${value.map(canonicalText).join()}]`
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') return `#${identityOf(value)}`
  return String(value)
}

/** A number for an object or function: the same as long as it lives. */
export function identityOf(value: object): number {
  let identity = identities.get(value)
  if (identity === undefined) {
    identity = ++lastIdentity
    identities.set(value, identity)
  }
  return identity
}

/** SHA-256 as base64. */
export function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64')
}

/** What says nothing about who the peer is or how it is verified. */
const NOT_IDENTITY: ReadonlySet<string> = new Set(['session', 'resume'])

/** The canonical text of TLS options: two connections with equal texts trust the same and show the same. */
export function tlsIdentity(tls: TlsOptions | undefined): string {
  if (tls === undefined) return ''
  const parts: string[] = []
  for (const [name, value] of sortedEntries(tls)) {
    if (value === undefined || NOT_IDENTITY.has(name)) continue
    // The default spelt out equals the default left out.
    if (name === 'rejectUnauthorized' && value === true) continue
    parts.push(`${name}=${name === 'passphrase' ? digest(String(value)) : canonicalText(value)}`)
  }
  return parts.join('&')
}

/** The properties of an object in the order of their names. */
export function sortedEntries(options: object): [string, unknown][] {
  return Object.entries(options).sort(([a], [b]) => (a < b ? -1 : 1))
}
