/**
 * Options by which Node's libraries say how to connect, as connection options of an exchange: the one reading of them, whoever
 * they come from (https.request, an agent, undici's `connect`, axios's config).
 *
 * Rules
 * - Own properties count, and `undefined` and `null` equal absent. Each is read once, here; what is below sees the result.
 * - What comes later goes before what came earlier, of TLS by its units (src/net/tls-units.ts).
 *
 * Libraries copy their options for each request, so equal ones come as ever new objects; and agents have theirs changed in place,
 * when a certificate is renewed. The pool finds a connection quickly by the identity of the options object; so equal values are
 * given the same object here, and others another. Hot path: one loop over the values, and none of it but a few comparisons where
 * nothing is set.
 */
import { checkServerIdentity } from 'node:tls'
import { NotSupportedError } from '../../src/errors.ts'
import type { ConnectOptions, TlsOptions } from '../../src/net/options.ts'
import { mergeTls, TLS_UNITS } from '../../src/net/tls-units.ts'
import { HONOURED, type Honoured } from './node-fates.ts'

/** What got, and node:http itself, pass to an agent or a `request` function, as far as it is read elsewhere. */
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
  readonly servername?: string | undefined
}

interface Known {
  readonly values: readonly unknown[]
  readonly connect: ConnectOptions
}

/** Sets of options seen lately, the newest last. */
let known: Known[] = []
const MAX_KNOWN = 64

/**
 * The connection options that these ask for, the last before the first: the same object for equal values; undefined for none.
 * @throws {NotSupportedError} for ALPN that leaves no protocol of ours.
 */
export function connectOptions(...layers: readonly (object | undefined)[]): ConnectOptions | undefined {
  let values: unknown[] | undefined
  for (const layer of layers) values = add(values, layer)
  if (values === undefined) return undefined
  for (let i = known.length - 1; i >= 0; i--) {
    const one = known[i]
    if (same(one.values, values)) return one.connect
  }
  const connect = layers.reduce<ConnectOptions>(over, {})
  if (known.length >= MAX_KNOWN) known = known.slice(MAX_KNOWN / 2)
  known.push({ values, connect })
  return connect
}

/** What counts of these options: names and values. */
function add(values: unknown[] | undefined, options: object | undefined): unknown[] | undefined {
  if (options === undefined || saysNothing(options)) return values
  let list = values
  const given = options as Readonly<Record<string, unknown>>
  for (let i = 0; i < HONOURED.length; i++) {
    const name = HONOURED[i]
    const value = given[name]
    if (value === undefined || value === null || !counts(options, name, value)) continue
    list ??= []
    list.push(name)
    flatten(list, value)
  }
  // Where one layer ends and another begins decides on what is replaced.
  list?.push(null)
  return list
}

/**
 * Has none of them a value? Spelt out, since this is asked for each request, and a look for a name that is a variable costs ten
 * times as much; a test asks it about each name.
 */
function saysNothing(o: { readonly [Name in Honoured]?: unknown }): boolean {
  return (
    (o.cert ??
      o.key ??
      o.pfx ??
      o.passphrase ??
      o.ca ??
      o.crl ??
      o.allowPartialTrustChain ??
      o.rejectUnauthorized ??
      o.checkServerIdentity ??
      o.pinnedPublicKeys ??
      o.secureContext ??
      o.ciphers ??
      o.ecdhCurve ??
      o.sigalgs ??
      o.dhparam ??
      o.secureOptions ??
      o.minVersion ??
      o.maxVersion ??
      o.secureProtocol ??
      o.servername ??
      o.pskCallback ??
      o.minDHSize ??
      o.enableTrace ??
      o.session ??
      o.resume ??
      o.keyLog ??
      o.ALPNProtocols ??
      o.family ??
      o.localAddress ??
      o.lookup ??
      o.socketPath) === undefined
  )
}

function counts(options: object, name: string, value: unknown): boolean {
  if (!Object.hasOwn(options, name)) return false
  // Node's own check and its own families, spelt out, are none of the caller's.
  return name === 'checkServerIdentity'
    ? value !== checkServerIdentity
    : name !== 'family' || value === 4 || value === 6
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

function over(base: ConnectOptions, options: object | undefined): ConnectOptions {
  if (options === undefined) return base
  const tls: Record<string, unknown> = {}
  const connect: Record<string, unknown> = { ...base }
  for (const name of HONOURED) {
    const value: unknown = Reflect.get(options, name)
    if (value === undefined || value === null || !counts(options, name, value)) continue
    if (name === 'ALPNProtocols') Object.assign(connect, protocols(value))
    else if (Object.hasOwn(TLS_UNITS, name)) tls[name] = value
    else connect[name] = value
  }
  // By name and meaning they are node:tls's; the pool checks what they are.
  return Object.keys(tls).length === 0 ? connect : { ...connect, tls: mergeTls(base.tls, tls as TlsOptions) }
}

/** Which protocols of ours a list for ALPN leaves; in node:tls's forms: names, or octets with lengths before them. */
function protocols(list: unknown): Pick<ConnectOptions, 'allowH1' | 'allowH2'> {
  const names = new Set(Array.isArray(list) ? list.map(String) : namesIn(list))
  const h2 = names.has('h2')
  const h1 = names.has('http/1.1')
  if (!h2 && !h1 && names.size > 0) {
    throw new NotSupportedError(`ALPNProtocols has neither h2 nor http/1.1, but ${[...names].join(', ')}`)
  }
  return {
    ...(h2 || names.size === 0 ? {} : { allowH2: false }),
    ...(h1 || names.size === 0 ? {} : { allowH1: false }),
  }
}

function namesIn(octets: unknown): string[] {
  const names: string[] = []
  if (!ArrayBuffer.isView(octets)) return names
  const bytes = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
  for (let at = 0; at < bytes.length; at += 1 + (bytes[at] ?? 0)) {
    names.push(bytes.toString('latin1', at + 1, at + 1 + (bytes[at] ?? 0)))
  }
  return names
}
