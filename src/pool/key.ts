/**
 * The pool's key: what must be equal for two requests to share a connection. Scheme, host and port; the client
 * certificate; and whatever else changes who the peer is or how it is reached. Times are no part of it.
 *
 * Keys are canonical: an option that is `undefined` equals one that is absent, a certificate given as text equals the
 * same one given as bytes, and the order of options does not matter.
 */
import { createHash } from 'node:crypto'
import type { ConnectOptions } from '../exchange.ts'
import type { Origin } from '../net/origin.ts'

/** Numbers for what can only be told apart by identity: functions and secure contexts. */
const identities = new WeakMap<object, number>()
let lastIdentity = 0

export function poolKey(origin: Origin, options: ConnectOptions): string {
  const parts: string[] = []
  append(parts, '', options)
  return parts.length === 0 ? origin.href : `${origin.href}#${parts.join('&')}`
}

function append(parts: string[], prefix: string, options: object): void {
  for (const [name, value] of Object.entries(options).sort(byName)) {
    if (value === undefined || isDefault(name, value)) continue
    if (name === 'tls') append(parts, 'tls.', value)
    else parts.push(`${prefix}${name}=${canonical(value)}`)
  }
}

function byName(a: [string, unknown], b: [string, unknown]): number {
  return a[0] < b[0] ? -1 : 1
}

/** The default spelt out equals the default left out. */
function isDefault(name: string, value: unknown): boolean {
  switch (name) {
    case 'allowH2':
    case 'rejectUnauthorized':
      return value === true
    case 'family':
      return value === 0
    default:
      return false
  }
}

function canonical(value: unknown): string {
  if (typeof value === 'string') return value.length > 64 ? digest(value) : JSON.stringify(value)
  if (value instanceof Uint8Array)
    return value.length > 64 ? digest(value) : JSON.stringify(Buffer.from(value).toString())
  if (Array.isArray(value)) return value.length === 1 ? canonical(value[0]) : `[${value.map(canonical).join()}]`
  if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
    let identity = identities.get(value)
    if (identity === undefined) {
      identity = ++lastIdentity
      identities.set(value, identity)
    }
    return `#${identity}`
  }
  return String(value)
}

function digest(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('base64')
}

/** The options that belong to the key, out of a larger set; the request's go before the pool's. */
export function mergeConnectOptions(base: ConnectOptions, over: ConnectOptions = {}): ConnectOptions {
  const pick = <Name extends keyof ConnectOptions>(name: Name): ConnectOptions[Name] =>
    own(over, name) ?? own(base, name)
  const tls = own(over, 'tls')
  return {
    socketPath: pick('socketPath'),
    localAddress: pick('localAddress'),
    family: pick('family'),
    lookup: pick('lookup'),
    allowH2: pick('allowH2'),
    h2c: pick('h2c'),
    tls: tls === undefined ? own(base, 'tls') : { ...own(base, 'tls'), ...defined(tls) },
  }
}

/** Own properties only: a polluted Object.prototype must not lead connections elsewhere. */
function own<Name extends keyof ConnectOptions>(options: ConnectOptions, name: Name): ConnectOptions[Name] {
  return Object.hasOwn(options, name) ? options[name] : undefined
}

function defined<T extends object>(options: T): Partial<T> {
  const result: Partial<T> = { ...options }
  for (const name of Object.keys(result) as (keyof T)[]) if (result[name] === undefined) delete result[name]
  return result
}
