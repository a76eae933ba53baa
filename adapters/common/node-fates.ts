/**
 * What becomes of each option by which Node's own ways in say how to connect: of https.request, of agents, of undici's
 * `connect`. `docs/options.md` is made of it, and its type is made of Node's: an option that Node gains has to be put here.
 */
import type { AgentOptions, RequestOptions } from 'node:https'
import type { TcpNetConnectOpts } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import { TLS_NAMES, TLS_UNITS } from '../../src/net/tls-units.ts'

/**
 * - `honoured`: it counts as it does in Node.
 * - `request`: it is said of a request, and read where requests are read.
 * - `tuning`: it says how Node keeps or makes its sockets, which is done otherwise here. Accepted, without effect.
 * - `other`: not ours. Handed on with the whole request to who knows it, and where there is nobody, refused by name.
 */
export type Fate = 'honoured' | 'request' | 'tuning' | 'other'

type NodeName = keyof (RequestOptions & AgentOptions & ConnectionOptions & TcpNetConnectOpts)

/** TLS options are not listed one by one: those that the core knows are honoured. */
export const NODE_FATES: Readonly<Record<Exclude<NodeName, keyof typeof TLS_UNITS>, Fate>> = {
  ALPNProtocols: 'honoured',
  family: 'honoured',
  localAddress: 'honoured',
  lookup: 'honoured',
  socketPath: 'honoured',

  agent: 'request',
  auth: 'request',
  createConnection: 'request',
  defaultPort: 'request',
  headers: 'request',
  hostname: 'request',
  httpValidation: 'request',
  insecureHTTPParser: 'request',
  joinDuplicateHeaders: 'request',
  maxHeaderSize: 'request',
  method: 'request',
  path: 'request',
  protocol: 'request',
  setDefaultHeaders: 'request',
  setHost: 'request',
  signal: 'request',
  uniqueHeaders: 'request',
  _defaultAgent: 'request',

  ALPNCallback: 'tuning',
  SNICallback: 'tuning',
  agentKeepAliveTimeoutBuffer: 'tuning',
  allowHalfOpen: 'tuning',
  autoSelectFamily: 'tuning',
  autoSelectFamilyAttemptTimeout: 'tuning',
  honorCipherOrder: 'tuning',
  keepAlive: 'tuning',
  keepAliveInitialDelay: 'tuning',
  keepAliveMsecs: 'tuning',
  maxCachedSessions: 'tuning',
  maxFreeSockets: 'tuning',
  maxSockets: 'tuning',
  maxTotalSockets: 'tuning',
  noDelay: 'tuning',
  readable: 'tuning',
  scheduling: 'tuning',
  sessionIdContext: 'tuning',
  sessionTimeout: 'tuning',
  ticketKeys: 'tuning',
  timeout: 'tuning',
  writable: 'tuning',

  blockList: 'other',
  certificateCompression: 'other',
  clientCertEngine: 'other',
  fd: 'other',
  handle: 'other',
  hints: 'other',
  host: 'other',
  localPort: 'other',
  onread: 'other',
  port: 'other',
  privateKeyEngine: 'other',
  privateKeyIdentifier: 'other',
  proxyEnv: 'other',
  requestCert: 'other',
  requestOCSP: 'other',
  socket: 'other',
  typeOfService: 'other',
}

/** The name of an option that counts. */
export type Honoured = keyof typeof TLS_UNITS | 'ALPNProtocols' | 'family' | 'localAddress' | 'lookup' | 'socketPath'

/** Names that count, in the order in which they are looked for. */
export const HONOURED: readonly string[] = [
  ...TLS_NAMES,
  ...Object.entries(NODE_FATES).flatMap(([name, fate]) => (fate === 'honoured' ? [name] : [])),
]

/** The fate of an option by its name; what nobody knows is not ours. */
export function fateOf(name: string): Fate {
  if (Object.hasOwn(TLS_UNITS, name)) return 'honoured'
  return Object.hasOwn(NODE_FATES, name) ? NODE_FATES[name as keyof typeof NODE_FATES] : 'other'
}

/** An own option that has a value and is not ours; undefined when there is none. */
export function foreignOption(options: object): string | undefined {
  for (const name of Object.keys(options)) {
    const value: unknown = Reflect.get(options, name)
    if (value !== undefined && value !== null && fateOf(name) === 'other') return name
  }
  return undefined
}

/** Where a request goes is said by these. */
const TARGET: ReadonlySet<string> = new Set(['host', 'port'])

const FOREIGN = Object.entries(NODE_FATES).flatMap(([name, fate]) =>
  fate === 'other' && !TARGET.has(name) ? [name] : [],
)

/** Has a request of node:http's an option that Node's own sockets alone have? */
export function handedOn(request: object): boolean {
  const given = request as Readonly<Record<string, unknown>>
  for (let i = 0; i < FOREIGN.length; i++) {
    const name = FOREIGN[i]
    const value = given[name]
    if (value !== undefined && value !== null && Object.hasOwn(request, name)) return true
  }
  return false
}
