/**
 * A TLS context of one's own: the authorities to trust and the certificate to show, read once and shared by connections
 * (`tls.secureContext`).
 */

import { isUtf8 } from 'node:buffer'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext, type SecureContext } from 'node:tls'
import { isUint8Array } from 'node:util/types'
import { InvalidArgumentError, toError } from '../errors.ts'
import { refuseUnknown } from '../option-names.ts'
import type { Pem } from './options.ts'
import { leastVersion, rememberContext } from './tls-units.ts'

/** Options of {@link createTlsContext}. Files are read at once, when it is called. */
export interface TlsContextOptions {
  /** Authorities to trust, in PEM, instead of those that Node brings. */
  readonly ca?: Pem | undefined
  /** A PEM file, or a folder of such files, with authorities to trust beside those of `ca`. */
  readonly caPath?: string | undefined
  /** The certificate to show to servers, in PEM, its chain behind it. It may hold the key too, as one file often does. */
  readonly cert?: Pem | undefined
  /** The private key of `cert`, in PEM. Default: the keys that `cert` holds. */
  readonly key?: Pem | undefined
  /** Decrypts the key. A function is called once, and only when a key is encrypted. Bytes are UTF-8. */
  readonly passphrase?: string | Uint8Array | (() => string | Uint8Array) | undefined
}

const NAMES: ReadonlySet<string> = new Set(['ca', 'caPath', 'cert', 'key', 'passphrase'])

const BLOCK = /-----BEGIN (?:X509 )?CERTIFICATE-----[^-]*-----END (?:X509 )?CERTIFICATE-----/g

/**
 * Reads trust and identity into a context: TLS 1.2 at least; servers are verified unless the connection says otherwise.
 * @throws {InvalidArgumentError} naming the option that cannot be read, and why.
 */
export function createTlsContext(options: TlsContextOptions = {}): SecureContext {
  refuseUnknown(options, NAMES)
  const cert = options.cert === undefined ? undefined : texts('cert', options.cert)
  const key = options.key === undefined ? keysOf(cert) : texts('key', options.key)
  const ca: string[] = options.ca === undefined ? [] : certificates('ca', texts('ca', options.ca))
  if (options.caPath !== undefined) ca.push(...certificatesAt(options.caPath))
  if (cert !== undefined && key === undefined)
    throw new InvalidArgumentError('cert needs its private key: give it as key, or in the same PEM text')
  if (key !== undefined && cert === undefined)
    throw new InvalidArgumentError('key needs its certificate: give it as cert')
  if (cert !== undefined) certificates('cert', cert)
  if (typeof options.passphrase !== 'function') passphraseOf(options.passphrase)
  const passphrase = key?.some((one) => ENCRYPTED.test(one)) ? passphraseOf(options.passphrase) : undefined
  for (const one of key ?? []) checkKey(one, passphrase)
  const parts = {
    ...(ca.length === 0 ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(passphrase === undefined ? {} : { passphrase }),
  }
  const context = attempt('cert and key', () => createSecureContext({ minVersion: leastVersion(), ...parts }))
  return rememberContext(context, parts)
}

/** What PKCS #8 calls itself, and what older forms say in their head. */
const ENCRYPTED = /-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m

const KEY = /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----[\s\S]*?-----END (?:[A-Z]+ )*PRIVATE KEY-----/g

/** The keys that stand beside certificates; undefined when there are none. */
function keysOf(pems: readonly string[] | undefined): string[] | undefined {
  const keys = pems?.flatMap((text) => text.match(KEY) ?? []) ?? []
  return keys.length === 0 ? undefined : keys
}

/** Node takes text alone, and sends it to OpenSSL as UTF-8: bytes must be that. */
function passphraseOf(given: TlsContextOptions['passphrase']): string | undefined {
  const passphrase: unknown = typeof given === 'function' ? given() : given
  if (passphrase === undefined || typeof passphrase === 'string') return passphrase
  if (!isUint8Array(passphrase)) {
    throw new InvalidArgumentError('passphrase must be text or bytes, or a function that returns them')
  }
  if (!isUtf8(passphrase)) throw new InvalidArgumentError('the bytes of passphrase must be UTF-8')
  return Buffer.from(passphrase).toString('utf8')
}

function texts(name: string, pem: Pem): string[] {
  const list: readonly unknown[] = Array.isArray(pem) ? pem : [pem]
  return list.map((one) => {
    if (typeof one === 'string') return one
    if (isUint8Array(one)) return Buffer.from(one).toString('latin1')
    throw new InvalidArgumentError(`${name} must be PEM text or bytes, or a list of them`)
  })
}

/** Each certificate by itself, so that one that cannot be read is not passed over. */
function certificates(name: string, pems: readonly string[]): string[] {
  const found = pems.flatMap((text) => text.match(BLOCK) ?? [])
  if (found.length === 0) throw new InvalidArgumentError(`${name} contains no PEM certificate`)
  for (const one of found) attempt(name, () => new X509Certificate(one))
  return found
}

function certificatesAt(path: string): string[] {
  const name = `caPath ${JSON.stringify(path)}`
  const files = attempt(name, () =>
    statSync(path).isDirectory()
      ? readdirSync(path, { withFileTypes: true })
          .filter((entry) => !entry.isDirectory())
          .map((entry) => join(path, entry.name))
      : [path],
  )
  // A folder may hold other files too; together they must hold a certificate.
  const found = files.flatMap((file) => attempt(name, () => readFileSync(file, 'latin1')).match(BLOCK) ?? [])
  // Folders hold the same certificate under its name and under its hash.
  return certificates(name, [...new Set(found)])
}

function checkKey(pem: string, passphrase: string | undefined): void {
  attempt('key', () => createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) }))
}

function attempt<T>(name: string, action: () => T): T {
  try {
    return action()
  } catch (thrown) {
    throw new InvalidArgumentError(`${name} cannot be read: ${toError(thrown).message}`, { cause: thrown })
  }
}
