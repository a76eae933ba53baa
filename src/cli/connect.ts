/** What the command line says about connections, in the words of `HTTPConnection`. */
import { readFileSync } from 'node:fs'
import type { HTTPConnectionOptions } from '../client/connection-options.ts'
import { InvalidArgumentError, toError } from '../errors.ts'
import type { ProxyOptions, TlsOptions } from '../net/options.ts'
import { parseOrigin } from '../net/origin.ts'
import { checkProxyOption } from '../net/proxy.ts'
import { type Environment, proxyFromEnvironment } from '../net/proxy-env.ts'
import { createTlsContext } from '../net/tls-context.ts'
import type { CommandLine } from './arguments.ts'
import { UsageError } from './failures.ts'

/** The lines of one that is encrypted in the old way may begin with fields, whose names have hyphens. */
const KEY = /-----BEGIN (?:[A-Z ]+ )?PRIVATE KEY-----[\s\S]*?-----END (?:[A-Z ]+ )?PRIVATE KEY-----/

/**
 * The same for every origin that redirects lead to, but for the proxy, which the environment chooses by origin.
 * @throws {UsageError} naming the option that cannot be used, and why.
 */
export function connectionOptions(line: CommandLine, env: Environment): (origin: string) => HTTPConnectionOptions {
  const common: HTTPConnectionOptions = {
    tls: tlsOptions(line),
    timeouts: timeoutsOf(line),
    forceProtocol: line.protocol,
  }
  return (origin) => ({ ...common, proxy: proxyFor(line, origin, env) })
}

/** Whatever the command waits for, so that it never takes longer than it was told to. */
function timeoutsOf({ timeout }: CommandLine): HTTPConnectionOptions['timeouts'] {
  if (timeout === undefined) return undefined
  return { connect: timeout, headers: timeout, body: timeout, write: timeout, queue: timeout }
}

function proxyFor({ proxy }: CommandLine, origin: string, env: Environment): ProxyOptions | false {
  if (proxy === 'none') return false
  const named =
    proxy === undefined ? proxyFromEnvironment(parseOrigin(origin), env) : { variable: '--proxy', url: proxy }
  if (named === undefined) return false
  const option = { url: named.url }
  try {
    checkProxyOption(option)
  } catch (error) {
    // The URL may hold a password: it is not shown.
    throw new UsageError(`${named.variable} must be the URL of an http:, https:, socks5: or socks4: proxy`, {
      cause: error,
    })
  }
  return option
}

function tlsOptions({ verify, cert, certKey, certKeyPass }: CommandLine): TlsOptions | undefined {
  const caPath = typeof verify === 'string' ? verify : undefined
  const unverified = verify === false ? { rejectUnauthorized: false } : undefined
  if (caPath === undefined && cert === undefined) return unverified
  const identity = cert === undefined ? undefined : clientCertificate(cert, certKey)
  if (identity !== undefined && certKeyPass === undefined && /\bENCRYPTED\b/.test(identity.key)) {
    throw new UsageError('the key of --cert cannot be read: it is encrypted, and --cert-key-pass is not there')
  }
  try {
    const secureContext = createTlsContext({ caPath, ...identity, passphrase: certKeyPass })
    return { ...unverified, secureContext }
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(
      error.message.replace('caPath', '--verify').replace(/^(cert|key)\b/, (name) => OPTION[name]),
      {
        cause: error,
      },
    )
  }
}

const OPTION: Readonly<Record<string, string>> = { cert: '--cert', key: 'the key of --cert' }

function clientCertificate(path: string, keyPath: string | undefined): { cert: string; key: string } {
  const cert = readPem('--cert', path)
  if (keyPath !== undefined) return { cert, key: readPem('--cert-key', keyPath) }
  const key = KEY.exec(cert)?.[0]
  if (key === undefined)
    throw new UsageError(`--cert ${JSON.stringify(path)} holds no private key: name it by --cert-key`)
  return { cert, key }
}

function readPem(option: string, path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    throw new UsageError(`${option} cannot be read: ${toError(error).message}`, { cause: error })
  }
}
