/**
 * TLS options: what is checked of them, what node:tls gets of them, and what we do with the rest (pins, key log).
 *
 * Rules: verified and TLS 1.2 at least, unless asked otherwise; what weakens that warns once. Own properties only count,
 * and `undefined` equals absent, which node:tls does not think of every option.
 */
import { createHash, type X509Certificate } from 'node:crypto'
import { appendFileSync } from 'node:fs'
import type { ConnectionOptions, SecureVersion } from 'node:tls'
import { InvalidArgumentError, toError } from '../errors.ts'
import type { TlsOptions } from './options.ts'
import { warnOnce } from './warn.ts'

/** Our own options, which node:tls does not know or must not see. */
const OWN: ReadonlySet<string> = new Set(['resume', 'pinnedPublicKeys', 'keyLog', 'session'])

const OLD_VERSIONS: ReadonlySet<SecureVersion> = new Set<SecureVersion>(['TLSv1', 'TLSv1.1'])

/**
 * Checks what node:tls would not.
 * @param name the option in messages: `tls`, or `proxy.tls`.
 * @throws {InvalidArgumentError} naming the option and what it may be.
 */
export function checkTlsOptions(tls: TlsOptions, name = 'tls'): void {
  if (typeof tls !== 'object' || tls === null) {
    throw new InvalidArgumentError(`${name} must be an object of TLS options`)
  }
  const { resume, pinnedPublicKeys, keyLog, session } = tls
  if (resume !== undefined && typeof resume !== 'boolean') {
    throw new InvalidArgumentError(`${name}.resume must be true or false, not ${String(resume)}`)
  }
  if (session !== undefined && !(session instanceof Uint8Array)) {
    throw new InvalidArgumentError(`${name}.session must be the bytes of a TLS session`)
  }
  if (pinnedPublicKeys !== undefined) readPins(pinnedPublicKeys, name)
  if (keyLog !== undefined && typeof keyLog !== 'boolean' && typeof keyLog !== 'function') {
    throw new InvalidArgumentError(`${name}.keyLog must be true, false or a function`)
  }
  if (keyLog === true && !process.env.SSLKEYLOGFILE) {
    throw new InvalidArgumentError(`${name}.keyLog is true, but the environment names no file by SSLKEYLOGFILE`)
  }
}

/** The options for node:tls; warns of weak ones. */
export function nodeTlsOptions(tls: TlsOptions): ConnectionOptions {
  if (tls.rejectUnauthorized === false) {
    warnOnce(
      'TLS certificates are not verified (rejectUnauthorized: false): anyone on the way can read and change what is sent',
    )
  }
  if (tls.minVersion !== undefined && OLD_VERSIONS.has(tls.minVersion)) {
    warnOnce(`TLS below 1.2 is allowed (minVersion: ${tls.minVersion}): it is no longer safe`)
  }
  const options: Record<string, unknown> = { minVersion: 'TLSv1.2' }
  for (const [name, value] of Object.entries(tls)) {
    if (value !== undefined && !OWN.has(name)) options[name] = value
  }
  return options
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
export function pinMismatch(
  pins: TlsOptions['pinnedPublicKeys'],
  certificate: X509Certificate | undefined,
): string | undefined {
  if (pins === undefined) return undefined
  const pinned = readPins(pins, 'tls')
  const has = certificate === undefined ? undefined : publicKeyHash(certificate)
  if (has !== undefined && pinned.includes(has)) return undefined
  const list = pinned.map((pin) => `sha256/${pin}`).join(', ')
  const peer = has === undefined ? 'the peer has no certificate' : `the peer's public key is sha256/${has}`
  return `${peer}, and the pinned keys are ${list}`
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
