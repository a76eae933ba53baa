/**
 * TLS options as units: which belong together, and what it means to give some of them over others.
 *
 * Rules
 * - An identity (certificate, key, archive, passphrase) is replaced as a whole, whatever form either has: a certificate shown
 *   with another's key, or an archive that goes before the certificate of the request, is never wanted.
 * - So is a trust that names authorities, with all that was to be checked beside it: names, pins, whether at all. A check
 *   alone is put in the place of the same check.
 * - A secure context is an identity, a trust and parameters in one. Of one that `createTlsContext` made it is known what went
 *   into it, so that a part can be replaced; of another it is not, and to replace a part of it is refused.
 * - A session of the caller's own is good for the identity and the trust that it came from, and goes with them.
 */
import { DEFAULT_MIN_VERSION, type SecureContext, type SecureVersion } from 'node:tls'
import { InvalidArgumentError } from '../errors.ts'
import { refuseUnknown } from '../option-names.ts'
import type { TlsOptions } from './options.ts'

type Unit = 'identity' | 'trust' | 'check' | 'context' | 'parameter' | 'version' | 'connection' | 'ours'

/** Each option, and what it is a part of. What is no `connection` and no `ours` is what contexts are made of, checks aside. */
export const TLS_UNITS: Readonly<Record<keyof TlsOptions, Unit>> = {
  cert: 'identity',
  key: 'identity',
  pfx: 'identity',
  passphrase: 'identity',
  ca: 'trust',
  crl: 'trust',
  allowPartialTrustChain: 'trust',
  rejectUnauthorized: 'check',
  checkServerIdentity: 'check',
  pinnedPublicKeys: 'check',
  secureContext: 'context',
  ciphers: 'parameter',
  ecdhCurve: 'parameter',
  sigalgs: 'parameter',
  dhparam: 'parameter',
  secureOptions: 'parameter',
  minVersion: 'version',
  maxVersion: 'version',
  secureProtocol: 'version',
  servername: 'connection',
  pskCallback: 'connection',
  minDHSize: 'connection',
  enableTrace: 'connection',
  session: 'ours',
  resume: 'ours',
  keyLog: 'ours',
}

/** Names of `tls`; those that Node has for clients, and ours. */
export const TLS_NAMES = Object.keys(TLS_UNITS) as readonly (keyof TlsOptions)[]

const KNOWN: ReadonlySet<string> = new Set(TLS_NAMES)

const HINTS: Readonly<Record<string, string>> = {
  ALPNProtocols: 'allowH1 and allowH2 say which protocols are offered',
  host: 'the origin says where a request goes',
  port: 'the origin says where a request goes',
}

/** @throws {InvalidArgumentError} for an unknown name, or an option that would not count. */
export function checkTlsNames(tls: TlsOptions, name: string): void {
  refuseUnknown(tls, KNOWN, `${name}.`, HINTS)
  if (tls.secureContext === undefined) return
  for (const one of TLS_NAMES) {
    if (tls[one] === undefined || !isInContext(one)) continue
    throw new InvalidArgumentError(
      `${name}.${one} has no effect together with ${name}.secureContext: make it part of that context`,
    )
  }
}

function isInContext(name: keyof TlsOptions): boolean {
  const unit = TLS_UNITS[name]
  return unit === 'identity' || unit === 'trust' || unit === 'parameter' || unit === 'version'
}

/** What contexts of our own were made of. */
const made = new WeakMap<SecureContext, TlsOptions>()

export function rememberContext(context: SecureContext, options: TlsOptions): SecureContext {
  made.set(context, options)
  return context
}

/** TLS below 1.2 is not safe (RFC 9113 section 9.2, RFC 8996); where the process wants more than 1.2, that holds. */
export function leastVersion(): SecureVersion {
  return DEFAULT_MIN_VERSION === 'TLSv1.3' ? 'TLSv1.3' : 'TLSv1.2'
}

/**
 * The options of a request over those of its pool: own properties, without a prototype, so that nobody below finds there what
 * no caller gave.
 * @throws {InvalidArgumentError} when a part of a context is to be replaced that `createTlsContext` has not made: its other parts are unknown.
 */
export function mergeTls(base: TlsOptions | undefined, over: TlsOptions | undefined): TlsOptions | undefined {
  if (base === undefined && over === undefined) return undefined
  const own = defined(over)
  let rest = defined(base)
  const units = new Set(Object.keys(own).map((name) => TLS_UNITS[name as keyof TlsOptions]))
  const whole = units.has('context')
  if (!whole && rest.secureContext !== undefined) rest = opened(rest, rest.secureContext, units)
  if (whole || units.has('identity')) leave(rest, 'identity')
  if (whole || units.has('trust')) leave(rest, 'trust', 'check')
  if (whole || units.has('version')) leave(rest, 'version')
  if (whole) leave(rest, 'parameter', 'context')
  if (whole || units.has('identity') || units.has('trust')) delete rest.session
  return Object.assign(rest, own)
}

type Mutable = { -readonly [Name in keyof TlsOptions]: TlsOptions[Name] }

/** A context in its parts, where one of them is to be replaced. */
function opened(tls: Mutable, context: SecureContext, units: ReadonlySet<Unit>): Mutable {
  const identity = units.has('identity')
  const trust = units.has('trust')
  if (!(identity || trust || units.has('parameter') || units.has('version'))) return tls
  const parts = made.get(context)
  if (parts === undefined && !(identity && trust)) {
    const what = identity ? 'identity' : trust ? 'trust' : 'parameters'
    throw new InvalidArgumentError(
      `The ${what} of tls.secureContext cannot be replaced alone: make the context by createTlsContext(), or give certificate and authorities both`,
    )
  }
  leave(tls, 'context')
  return Object.assign(defined(parts), tls)
}

function leave(tls: Mutable, ...units: readonly Unit[]): void {
  for (const name of TLS_NAMES) if (units.includes(TLS_UNITS[name])) delete tls[name]
}

function defined(options: TlsOptions | undefined): Mutable {
  const result: Mutable = Object.assign(Object.create(null), options)
  for (const name of Object.keys(result) as (keyof TlsOptions)[]) if (result[name] === undefined) delete result[name]
  return result
}
