/** What the command line says about connections, in the words of `HTTPConnection`. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { isIP, type LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { createSecureContext, getCACertificates, type SecureVersion } from 'node:tls'
import type { HTTPConnectionOptions } from '../client/connection-options.ts'
import { InvalidArgumentError, toError } from '../errors.ts'
import { HUGE_HEADER_FIELDS } from '../limits.ts'
import type { ProxyOptions, TlsOptions } from '../net/options.ts'
import { parseOrigin } from '../net/origin.ts'
import { checkProxyOption } from '../net/proxy.ts'
import { proxyFromEnvironment } from '../net/proxy-env.ts'
import { createTlsContext } from '../net/tls-context.ts'
import type { CommandLine } from './arguments.ts'
import type { Environment } from './config.ts'
import { UsageError } from './failures.ts'

/** The lines of one that is encrypted in the old way may begin with fields, whose names have hyphens. */
const KEY = /-----BEGIN (?:[A-Z ]+ )?PRIVATE KEY-----[\s\S]*?-----END (?:[A-Z ]+ )?PRIVATE KEY-----/

/**
 * The same for every origin that redirects lead to, but for the proxy, which the environment chooses by origin.
 * @throws {UsageError} naming the option that cannot be used, and why.
 */
export function connectionOptions(line: CommandLine, env: Environment): (origin: string) => HTTPConnectionOptions {
  const { options } = line
  const { window, push } = options
  const resolve = (options.resolve ?? []).map(readResolve)
  const tls = tlsOptions(line, trustOf(line, undefined))
  // What the environment says is for those who need it: a plain request does not fail for a file that is not there.
  let surrounding: TlsOptions | undefined
  const common: HTTPConnectionOptions = {
    timeouts: timeoutsOf(line),
    forceProtocol: line.protocol,
    socketPath: options['unix-socket'],
    localAddress: options.interface === undefined ? undefined : addressOf(options.interface),
    ...fieldLimit(options['max-headers']),
    ...(push ? { enablePush: true } : {}),
    ...(window === undefined ? {} : windows(window)),
  }
  return (origin) => {
    // What goes into a socket of this machine goes by no proxy.
    const proxy = options['unix-socket'] === undefined ? proxyFor(line, origin, env) : false
    const lookup = lookupFor(origin, resolve)
    if (proxy !== false && lookup.lookup !== undefined) {
      throw new UsageError(
        '--resolve has no effect through a proxy, which looks up names itself: add --proxy none to connect directly',
      )
    }
    const trust = trustOf(line, env)
    if (trust !== undefined && origin.startsWith('https:')) surrounding ??= tlsOptions(line, trust)
    return { ...common, tls: surrounding ?? tls, proxy, ...lookup }
  }
}

/** Variables that name authorities, as HTTPie (the first two), curl and OpenSSL have them. The first that is set counts. */
const TRUST_VARIABLES = ['REQUESTS_CA_BUNDLE', 'CURL_CA_BUNDLE', 'SSL_CERT_FILE'] as const

/** Whom to trust, and who says so. */
interface Trust {
  readonly name: string
  readonly path: string
  /** Those whom Node was told of (NODE_EXTRA_CA_CERTS), in PEM: the environment has said both. */
  readonly beside: string[] | undefined
}

/** Of --verify; where nothing is said by it, of the environment. Undefined: whom Node trusts, or anybody. */
function trustOf({ verify, options }: CommandLine, env: Environment | undefined): Trust | undefined {
  if (typeof verify === 'string') return { name: '--verify', path: verify, beside: undefined }
  if (options.verify !== undefined || env === undefined) return undefined
  const name = TRUST_VARIABLES.find((one) => env[one])
  const path = name === undefined ? undefined : env[name]
  if (name === undefined || path === undefined) return undefined
  const extra = getCACertificates('extra')
  return { name, path, beside: extra.length === 0 ? undefined : extra }
}

/** The least that a window may be told to be. */
const LEAST_WINDOW = 1024

function windows(size: number): HTTPConnectionOptions {
  if (size < LEAST_WINDOW || size > 0x7fffffff) throw new UsageError(`--window takes ${LEAST_WINDOW} octets to 2047M`)
  return { streamWindow: size, maxStreamWindow: size }
}

/** Fields that a section may have at the least: the pool takes no fewer, and the command looks itself. */
const LEAST_FIELDS = 8

function fieldLimit(most: number | undefined): HTTPConnectionOptions {
  if (most === undefined) return {}
  return { maxHeaderFields: most === 0 ? HUGE_HEADER_FIELDS : Math.max(most, LEAST_FIELDS) }
}

interface Resolution {
  /** `*`: any. */
  readonly host: string
  readonly port: string
  readonly addresses: readonly string[]
}

/** `host:port:address[,address]`, brackets around IPv6. */
function readResolve(text: string): Resolution {
  const match = /^(\*|\[[^\]]*\]|[^:[\]]+):(\d{1,5}):(.+)$/.exec(text)
  const addresses = (match?.[3] ?? '').split(',').map((one) => one.replace(/^\[(.*)\]$/, '$1'))
  if (match === null || addresses.some((address) => isIP(address) === 0)) {
    throw new UsageError(`--resolve takes HOST:PORT:ADDRESS, not ${JSON.stringify(text)}`)
  }
  return { host: match[1].toLowerCase(), port: match[2], addresses }
}

function lookupFor(origin: string, all: readonly Resolution[]): HTTPConnectionOptions {
  const { hostname, port, protocol } = new URL(origin)
  const number = port === '' ? (protocol === 'https:' ? '443' : '80') : port
  const found = all.find((one) => (one.host === '*' || one.host === hostname) && one.port === number)
  if (found === undefined) return {}
  const addresses = found.addresses.map((address) => ({ address, family: isIP(address) }))
  const lookup: LookupFunction = (_host, { all: every }, done) => {
    if (every) done(null, addresses)
    else done(null, addresses[0].address, addresses[0].family)
  }
  return { lookup }
}

/** Of an address itself; of the name of an interface its first address. */
function addressOf(name: string): string {
  if (isIP(name) !== 0) return name
  const addresses = networkInterfaces()[name]
  if (addresses === undefined) {
    throw new UsageError(`--interface: ${JSON.stringify(name)} is neither a network interface nor an IP address`)
  }
  const own = addresses.find(({ family }) => family === 'IPv4') ?? addresses[0]
  return own.address
}

/** Whatever the command waits for, so that it never takes longer than it was told to. */
function timeoutsOf({ options: { timeout } }: CommandLine): HTTPConnectionOptions['timeouts'] {
  if (timeout === undefined) return undefined
  return { connect: timeout, headers: timeout, body: timeout, write: timeout, queue: timeout }
}

function proxyFor({ options }: CommandLine, origin: string, env: Environment): ProxyOptions | false {
  const given = proxyGiven(options.proxy ?? [], origin)
  if (given === 'none') return false
  const named =
    given === undefined ? proxyFromEnvironment(parseOrigin(origin), env) : { variable: '--proxy', url: given }
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

/** The last that is for this scheme: `https:URL` is for https alone, `all:URL` and a mere URL for any. */
export function proxyGiven(all: readonly string[], origin: string): string | undefined {
  const scheme = origin.slice(0, origin.indexOf(':'))
  for (const one of all.toReversed()) {
    const [, only, url] = /^(https?|all):((?!\/\/).+)$/i.exec(one) ?? []
    // `http:8080` is no proxy for http, but one without slashes.
    if (only === undefined || url === undefined || /^\d+$/.test(url)) return one
    if (only.toLowerCase() === 'all' || only.toLowerCase() === scheme) return url
  }
  return undefined
}

const VERSIONS: Readonly<Record<string, SecureVersion>> = {
  tls1: 'TLSv1',
  'tls1.1': 'TLSv1.1',
  'tls1.2': 'TLSv1.2',
  'tls1.3': 'TLSv1.3',
}

function tlsOptions({ verify, options }: CommandLine, trust: Trust | undefined): TlsOptions | undefined {
  const { cert, ciphers, ssl = '' } = options
  const certKeyPass = options['cert-key-pass']
  const caPath = trust?.path
  const unverified = verify === false ? { rejectUnauthorized: false } : undefined
  const version = VERSIONS[ssl]
  const parameters = {
    ...(ciphers === undefined ? {} : { ciphers }),
    ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
  }
  try {
    createSecureContext(parameters)
  } catch (error) {
    throw new UsageError(`--ciphers ${JSON.stringify(ciphers)} names no known cipher`, { cause: error })
  }
  const plain = { ...unverified, ...parameters }
  if (caPath === undefined && cert === undefined) return plain
  const identity = cert === undefined ? undefined : clientCertificate(cert, options['cert-key'])
  if (identity !== undefined && certKeyPass === undefined && ENCRYPTED.test(identity.key)) {
    throw new UsageError('the key of --cert cannot be read: it is encrypted: give its passphrase by --cert-key-pass')
  }
  try {
    const secureContext = createTlsContext({ ca: trust?.beside, caPath, ...identity, passphrase: certKeyPass })
    if (Object.keys(parameters).length === 0) return { ...unverified, secureContext }
    // A context has its own parameters: the parts of this one, which were good, go beside those that were asked for.
    return {
      ...plain,
      ...identity,
      ca: trust && [...(trust.beside ?? []), ...authorities(trust.path)],
      passphrase: certKeyPass,
    }
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(
      error.message.replace('caPath', trust?.name ?? '').replace(/^(cert|key)\b/, (name) => OPTION[name]),
      {
        cause: error,
      },
    )
  }
}

function authorities(path: string): string[] {
  if (!statSync(path).isDirectory()) return [readFileSync(path, 'latin1')]
  return readdirSync(path)
    .map((name) => join(path, name))
    .filter((file) => statSync(file).isFile())
    .map((file) => readFileSync(file, 'latin1'))
    .filter((text) => text.includes('-----BEGIN'))
}

const ENCRYPTED = /\bENCRYPTED\b/

/** Is there a passphrase to be asked for? @throws {UsageError} when certificate or key cannot be read. */
export function needsPassphrase({ options }: CommandLine): boolean {
  const { cert } = options
  if (cert === undefined || options['cert-key-pass'] !== undefined) return false
  return ENCRYPTED.test(clientCertificate(cert, options['cert-key']).key)
}

const OPTION: Readonly<Record<string, string>> = { cert: '--cert', key: 'the key of --cert' }

function clientCertificate(path: string, keyPath: string | undefined): { cert: string; key: string } {
  const cert = readPem('--cert', path)
  if (keyPath !== undefined) return { cert, key: readPem('--cert-key', keyPath) }
  const key = KEY.exec(cert)?.[0]
  if (key === undefined)
    throw new UsageError(`--cert ${JSON.stringify(path)} contains no private key: name its file by --cert-key`)
  return { cert, key }
}

function readPem(option: string, path: string): string {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    throw new UsageError(`${option} cannot be read: ${toError(error).message}`, { cause: error })
  }
}
