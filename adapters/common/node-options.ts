/**
 * TLS and socket options of node:https requests, and so of got's, as connection options of an exchange.
 *
 * Libraries copy their options for each request, so equal ones come as ever new objects. The pool finds a connection quickly by the
 * identity of the options object; so equal options are given the same object here. Hot path: one loop over the values, and
 * none of it but a few comparisons where nothing is set.
 */
import type { LookupFunction } from 'node:net'
import { checkServerIdentity, createSecureContext, type SecureVersion } from 'node:tls'
import type { ConnectOptions, TlsOptions } from '../../src/net/options.ts'
import { TLS_MATERIAL } from './tls-options.ts'

/** What got, and node:http itself, pass to an agent or a `request` function: node:https's request options. */
export interface NativeOptions {
  readonly headers?: Record<string, string | string[] | undefined>
  readonly method?: string
  readonly protocol?: string
  readonly hostname?: string
  readonly host?: string
  readonly port?: number | string
  readonly path?: string
  readonly auth?: string | undefined
  readonly socketPath?: string
  readonly agent?: unknown
  readonly createConnection?: unknown
  readonly h2session?: unknown
  readonly setHost?: boolean | undefined
  readonly maxHeaderSize?: number | undefined
  readonly localAddress?: string | undefined
  readonly family?: number | undefined
  readonly lookup?: LookupFunction | undefined
  readonly ALPNProtocols?: readonly string[] | undefined
  readonly ca?: unknown
  readonly cert?: unknown
  readonly key?: unknown
  readonly pfx?: unknown
  readonly passphrase?: string | undefined
  readonly servername?: string | undefined
  readonly rejectUnauthorized?: boolean | undefined
  readonly checkServerIdentity?: unknown
  readonly ciphers?: string | undefined
  readonly ecdhCurve?: string | undefined
  readonly sigalgs?: string | undefined
  readonly crl?: unknown
  readonly dhparam?: unknown
  readonly minVersion?: SecureVersion | undefined
  readonly maxVersion?: SecureVersion | undefined
  readonly secureOptions?: number | undefined
}

interface Known {
  readonly values: readonly unknown[]
  readonly connect: ConnectOptions | undefined
}

/** Sets of options seen lately, the newest last. */
let known: Known[] = []
const MAX_KNOWN = 64

/** The connection options that a request asks for: the same object for equal options; undefined for none. */
export function connectOptions(options: NativeOptions): ConnectOptions | undefined {
  const values = significant(options)
  if (values === undefined) return undefined
  for (let i = known.length - 1; i >= 0; i--) {
    const one = known[i]
    if (same(one.values, values)) return one.connect
  }
  const connect = build(options)
  if (known.length >= MAX_KNOWN) known = known.slice(MAX_KNOWN / 2)
  known.push({ values, connect })
  return connect
}

/** Every value that matters, lists flattened; undefined when all are what the pool does anyway. */
function significant(options: NativeOptions): unknown[] | undefined {
  let values: unknown[] | undefined
  for (const name of TLS_MATERIAL) {
    const value = options[name]
    if (value !== undefined) values = add(values, name, value)
  }
  const { lookup, family, localAddress, socketPath, ALPNProtocols, secureOptions } = options
  // got always says true: only false tells something, and leaves the pool's own options their say.
  if (options.rejectUnauthorized === false) values = add(values, 'rejectUnauthorized', false)
  if (isOwnIdentityCheck(options)) values = add(values, 'checkServerIdentity', options.checkServerIdentity)
  if (secureOptions !== undefined) values = add(values, 'secureOptions', secureOptions)
  if (lookup !== undefined) values = add(values, 'lookup', lookup)
  if (family !== undefined) values = add(values, 'family', family)
  if (localAddress !== undefined) values = add(values, 'localAddress', localAddress)
  if (socketPath !== undefined) values = add(values, 'socketPath', socketPath)
  if (ALPNProtocols !== undefined) values = add(values, 'ALPNProtocols', ALPNProtocols)
  return values
}

function isOwnIdentityCheck({ checkServerIdentity: given }: NativeOptions): boolean {
  return given !== undefined && given !== checkServerIdentity
}

function add(values: unknown[] | undefined, name: string, value: unknown): unknown[] {
  const list = values ?? []
  list.push(name)
  flatten(list, value)
  return list
}

/** Lists, and the objects that hold a key or archive with its passphrase, are copies each time: their parts count. */
function flatten(list: unknown[], value: unknown): void {
  if (Array.isArray(value)) {
    list.push(value.length)
    for (const one of value) flatten(list, one)
  } else if (typeof value === 'object' && value !== null && ('pem' in value || 'buf' in value)) {
    for (const [name, part] of Object.entries(value)) list.push(name, part)
  } else {
    list.push(value)
  }
}

function same(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

function build(options: NativeOptions): ConnectOptions {
  const tls: Record<string, unknown> = {}
  for (const name of TLS_MATERIAL) if (options[name] !== undefined) tls[name] = options[name]
  if (options.secureOptions !== undefined) {
    // Only a context takes these.
    tls['secureContext'] = createSecureContext({ minVersion: 'TLSv1.2', ...tls, secureOptions: options.secureOptions })
  }
  if (options.rejectUnauthorized === false) tls['rejectUnauthorized'] = false
  if (isOwnIdentityCheck(options)) tls['checkServerIdentity'] = options.checkServerIdentity
  const { lookup, family, localAddress, socketPath, ALPNProtocols } = options
  return {
    // By name and meaning they are node:tls's, which made the types wider than ours.
    ...(Object.keys(tls).length === 0 ? {} : { tls: tls as TlsOptions }),
    ...(lookup === undefined ? {} : { lookup }),
    ...(family === 4 || family === 6 ? { family } : {}),
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(ALPNProtocols === undefined || ALPNProtocols.includes('h2') ? {} : { allowH2: false }),
  }
}
