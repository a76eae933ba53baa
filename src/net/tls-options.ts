/**
 * TLS options: what is checked of them, what node:tls gets of them, and what we do with the rest (pins, key log).
 *
 * Rules: verified and TLS 1.2 at least, unless asked otherwise; what weakens that warns once. Own properties only count,
 * and `undefined` equals absent, which node:tls does not think of every option.
 */
import { constants, createHash, X509Certificate } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import {
  type ConnectionOptions,
  checkServerIdentity,
  type PeerCertificate,
  type SecureContext,
  type SecureVersion,
} from 'node:tls'
import { isUint8Array } from 'node:util/types'
import { InvalidArgumentError, toError } from '../errors.ts'
import { warnOnce } from '../warn.ts'
import type { TlsOptions } from './options.ts'
import { checkTlsNames, leastVersion, TLS_NAMES, TLS_UNITS } from './tls-units.ts'

const OLD_VERSIONS: ReadonlySet<SecureVersion> = new Set<SecureVersion>(['TLSv1', 'TLSv1.1'])

/** The number by which OpenSSL knows TLS 1.2. */
const TLS_1_2 = 0x0303

/**
 * Checks what node:tls would not.
 * @param name the option in messages: `tls`, or `proxy.tls`.
 * @throws {InvalidArgumentError} naming the option and what it may be.
 */
export function checkTlsOptions(tls: TlsOptions, name = 'tls'): void {
  if (typeof tls !== 'object' || tls === null) {
    throw new InvalidArgumentError(`${name} must be an object of TLS options`)
  }
  checkTlsNames(tls, name)
  const { resume, pinnedPublicKeys, keyLog, session } = tls
  if (resume !== undefined && typeof resume !== 'boolean') {
    throw new InvalidArgumentError(`${name}.resume must be true or false, not ${String(resume)}`)
  }
  if (session !== undefined && !isUint8Array(session)) {
    throw new InvalidArgumentError(`${name}.session must be the bytes of a TLS session`)
  }
  if (pinnedPublicKeys !== undefined) readPins(pinnedPublicKeys, name)
  if (keyLog !== undefined && typeof keyLog !== 'boolean' && typeof keyLog !== 'function') {
    throw new InvalidArgumentError(`${name}.keyLog must be true, false or a function`)
  }
  if (keyLog === true && !process.env.SSLKEYLOGFILE) {
    throw new InvalidArgumentError(`${name}.keyLog is true, but the environment variable SSLKEYLOGFILE names no file`)
  }
}

/**
 * The options that count: with what the operator of the process says where they say nothing (docs/environment.md). Warns of
 * what is weak.
 */
export function effectiveTls(tls: TlsOptions): TlsOptions {
  const unverified = 'anyone on the way can read and change what is sent'
  warnOfWeakness(tls)
  if (tls.rejectUnauthorized === false) {
    warnOnce(`TLS certificates are not verified (rejectUnauthorized: false): ${unverified}`)
  } else if (tls.rejectUnauthorized === undefined && process.env.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    warnOnce(`TLS certificates are not verified (NODE_TLS_REJECT_UNAUTHORIZED=0): ${unverified}`)
    return { ...tls, rejectUnauthorized: false }
  }
  return tls
}

function warnOfWeakness({ minVersion, secureProtocol, secureContext, ciphers, secureOptions = 0 }: TlsOptions): void {
  if (minVersion !== undefined && OLD_VERSIONS.has(minVersion)) {
    warnOnce(`TLS below 1.2 is allowed (minVersion: ${minVersion}): it is no longer safe`)
  }
  if (secureProtocol !== undefined && !/^TLSv1_2_/.test(secureProtocol)) {
    warnOnce(`TLS below 1.2 is allowed (secureProtocol: ${secureProtocol}): it is no longer safe`)
  }
  if (secureContext !== undefined && leastOf(secureContext) < TLS_1_2) {
    warnOnce('TLS below 1.2 is allowed (secureContext: its minVersion): it is no longer safe')
  }
  if (
    ciphers !== undefined &&
    /@SECLEVEL=0|(?:^|[:, ])\+?(?:[ae]?NULL|ADH|AECDH|EXP|EXPORT|LOW|RC4)\b/i.test(ciphers)
  ) {
    warnOnce(`Weak ciphers are allowed (ciphers: ${ciphers}): what is sent may be read and changed`)
  }
  const legacy = constants.SSL_OP_LEGACY_SERVER_CONNECT | constants.SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION
  if ((secureOptions & legacy) !== 0) {
    warnOnce(
      'TLS without secure renegotiation is allowed (secureOptions): others can put their own before what is sent (RFC 5746)',
    )
  }
}

/** The least version of a context; a Node that does not say so is believed. */
function leastOf({ context }: SecureContext): number {
  const ask: unknown = Reflect.get(Object(context), 'getMinProto')
  return typeof ask === 'function' ? Number(Reflect.apply(ask, context, [])) : TLS_1_2
}

/** The options for node:tls. */
export function nodeTlsOptions(tls: TlsOptions): ConnectionOptions {
  const own = tls.secureContext !== undefined || tls.secureProtocol !== undefined
  const options: Record<string, unknown> = own ? {} : { minVersion: leastVersion() }
  for (const name of TLS_NAMES) {
    if (tls[name] !== undefined && TLS_UNITS[name] !== 'ours') options[name] = tls[name]
  }
  delete options['pinnedPublicKeys']
  if (tls.checkServerIdentity !== undefined) options['checkServerIdentity'] = watched(tls.checkServerIdentity)
  return options
}

/** A name that no certificate is for (RFC 6761 section 6.4). */
const NO_NAME = 'another.invalid'

/** Checks that were asked about it. */
const asked = new WeakSet<typeof checkServerIdentity>()

/**
 * The caller's check, and a warning when it lets a name pass that is not in the certificate: this one, or any, about which it is
 * asked once. One that throws has not let it pass: out of node:tls it would end the process, and leave the dial without an end.
 */
function watched(check: typeof checkServerIdentity): typeof checkServerIdentity {
  const passesAny = (certificate: PeerCertificate): boolean => {
    if (asked.has(check)) return false
    asked.add(check)
    try {
      return !check(NO_NAME, certificate)
    } catch {
      return false
    }
  }
  return (host, certificate) => {
    let verdict: unknown
    try {
      verdict = check(host, certificate)
    } catch (thrown) {
      return objection(thrown)
    }
    // As node:tls has it, whatever is not false is an objection.
    if (verdict) return objection(verdict)
    if (checkServerIdentity(host, certificate) !== undefined || passesAny(certificate)) {
      warnOnce(
        'Certificates for another name are accepted (checkServerIdentity): whoever has one can pose as the server',
      )
    }
    return undefined
  }
}

function objection(said: unknown): Error {
  return said instanceof Error ? said : new Error(`checkServerIdentity objected: ${String(said)}`, { cause: said })
}

/**
 * The options for an agent of Node's own that is to trust and show what these say: the pins as well, which Node knows nothing
 * of, and which are looked at with the name. The key log goes to listeners of the agent's `keylog`.
 * @throws {InvalidArgumentError} for pins without verification, because Node then makes no call to check them.
 */
export function agentTlsOptions(given: TlsOptions): ConnectionOptions {
  const tls = effectiveTls(given)
  const { pinnedPublicKeys } = tls
  const options = nodeTlsOptions(tls)
  if (pinnedPublicKeys === undefined) return options
  if (tls.rejectUnauthorized === false) {
    throw new InvalidArgumentError('tls.pinnedPublicKeys cannot be checked here with rejectUnauthorized: false')
  }
  const check = options.checkServerIdentity ?? checkServerIdentity
  return {
    ...options,
    checkServerIdentity: (host, certificate) =>
      check(host, certificate) ?? pinError(pinnedPublicKeys, new X509Certificate(certificate.raw)),
  }
}

/** What takes the lines of the key log, if they are wanted. */
export function keyLogOf(tls: TlsOptions): ((line: Buffer) => void) | undefined {
  const { keyLog } = tls
  if (keyLog === undefined || keyLog === false) return undefined
  warnOnce('TLS secrets are written out (keyLog): whoever has them can read what is sent')
  const file = process.env.SSLKEYLOGFILE
  const write =
    typeof keyLog === 'function'
      ? keyLog
      : (line: Buffer): void => {
          // A few lines a connection, for people who look at captures: written at once, so that none is lost.
          if (file) appendFileSync(file, line, { mode: 0o600 })
        }
  return (line) => {
    try {
      write(line)
    } catch (thrown) {
      warnOnce(`The TLS key log cannot be written: ${toError(thrown).message}`)
    }
  }
}

/**
 * Why this certificate is not acceptable with these pins; `undefined` when it is.
 * @param certificate the peer's own, `undefined` when it sent none.
 */
export function pinError(
  pins: NonNullable<TlsOptions['pinnedPublicKeys']>,
  certificate: X509Certificate | undefined,
): Error | undefined {
  const pinned = readPins(pins, 'tls')
  const has = certificate === undefined ? undefined : publicKeyHash(certificate)
  if (has !== undefined && pinned.includes(has)) return undefined
  const list = pinned.map((pin) => `sha256/${pin}`).join(', ')
  const peer = has === undefined ? 'the peer has no certificate' : `the peer's public key is sha256/${has}`
  const error = new Error(`the public key is not pinned: ${peer}, and the pinned keys are ${list}`)
  return Object.assign(error, { code: 'ERR_TLS_PINNED_PUBLIC_KEY' })
}

/** Base64 of the SHA-256 of a certificate's SubjectPublicKeyInfo (RFC 7469 section 2.4). */
export function publicKeyHash(certificate: X509Certificate): string {
  const info = certificate.publicKey.export({ type: 'spki', format: 'der' })
  return createHash('sha256').update(info).digest('base64')
}

/** Pins in one spelling. */
function readPins(pins: unknown, name: string): readonly string[] {
  const wrong = (what: string): InvalidArgumentError =>
    new InvalidArgumentError(
      `${name}.pinnedPublicKeys must be a list of SHA-256 hashes of public keys in base64 ("sha256/..." or without), ${what}`,
    )
  if (!Array.isArray(pins)) throw wrong(`not ${typeof pins}`)
  // An empty list would say that no key is good, which nobody means.
  if (pins.length === 0) throw wrong('and not empty')
  return pins.map((pin: unknown) => {
    const text = typeof pin === 'string' ? pin.replace(/^sha256\//, '') : ''
    if (!/^[A-Za-z0-9+/]{43}=$/.test(text)) throw wrong(`not ${JSON.stringify(pin)}`)
    return text
  })
}
