/**
 * What more than one shim needs.
 *
 * Rules
 * - One pool serves the whole process unless a caller asks for another: it is made on first use, never at import.
 * - A shim closes only a pool that it made for itself.
 */
import { ConnectError, ConnectionLostError, type HyperError, systemCodeOf } from '../src/errors.ts'
import type { Transport } from '../src/exchange/contract.ts'
import type { FieldList } from '../src/headers/fields.ts'
import type { TlsOptions } from '../src/net/options.ts'
import type { PoolOptions } from '../src/pool/options.ts'
import { Pool } from '../src/pool/pool.ts'

/** Options of every shim: a pool to use, or the options of a pool of its own. None of them: the process-wide pool. */
export interface ShimOptions extends PoolOptions {
  /** Carries the exchanges. Whoever made it closes it. */
  readonly pool?: Transport | undefined
}

/** TLS material and parameters by node:tls's names, which every library uses for them. */
export const TLS_MATERIAL = [
  'ca',
  'cert',
  'key',
  'pfx',
  'passphrase',
  'servername',
  'ciphers',
  'ecdhCurve',
  'sigalgs',
  'crl',
  'dhparam',
  'minVersion',
  'maxVersion',
] as const satisfies readonly (keyof TlsOptions)[]

/** The same, with what decides on verification and what is made of it beforehand. */
export const TLS_OPTIONS = [
  ...TLS_MATERIAL,
  'rejectUnauthorized',
  'checkServerIdentity',
  'secureContext',
  'session',
] as const satisfies readonly (keyof TlsOptions)[]

/** The pool that a shim uses, and whether it belongs to the shim. */
export interface ResolvedPool {
  readonly transport: Transport
  /** The pool made for this shim alone, to be closed with it. */
  readonly own: Pool | undefined
}

let shared: Pool | undefined

/** What happens to the connections of the process-wide pool is told to each of these. */
const listeners = new Set<NonNullable<PoolOptions['events']>>()

/** The process-wide pool, made on first use; a new one after somebody closed it. */
export function sharedPool(): Pool {
  if (shared === undefined || shared.closed || shared.destroyed) {
    shared = new Pool({
      events: {
        connecting(origin): void {
          for (const listener of listeners) listener.connecting?.(origin)
        },
        connect(origin, info): void {
          for (const listener of listeners) listener.connect?.(origin, info)
        },
        disconnect(origin, error): void {
          for (const listener of listeners) listener.disconnect?.(origin, error)
        },
        connectionError(origin, error): void {
          for (const listener of listeners) listener.connectionError?.(origin, error)
        },
      },
    })
  }
  return shared
}

/** Hears of the connections of the process-wide pool; call what is returned to stop. */
export function listenToSharedPool(events: NonNullable<PoolOptions['events']>): () => void {
  listeners.add(events)
  return () => {
    listeners.delete(events)
  }
}

/**
 * No options: the process-wide pool. `{ pool }`: that one. Any other: a pool of its own.
 *
 * The process-wide pool is looked up for each exchange, so that one closed by somebody is replaced.
 */
export function resolvePool(options: ShimOptions = {}): ResolvedPool {
  const { pool, ...rest } = options
  if (pool !== undefined) return { transport: pool, own: undefined }
  if (Object.values(rest).some((value) => value !== undefined)) {
    const own = new Pool(rest)
    return { transport: own, own }
  }
  return { transport: sharedTransport, own: undefined }
}

/** The process-wide pool, looked up at each dispatch. */
export const sharedTransport: Transport = {
  dispatch: (request, handler) => sharedPool().dispatch(request, handler),
}

/** Fields as undici gives them: any repeated field becomes a list of its values. Names must be in lower case. */
export function fieldsToUndiciHeaders(fields: FieldList): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {}
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    const value = fields[i + 1]
    const known = headers[name]
    if (known === undefined) headers[name] = value
    else if (!Object.hasOwn(headers, name)) setOwn(headers, name, value)
    else if (typeof known === 'string') headers[name] = [known, value]
    else known.push(value)
  }
  return headers
}

/** Makes `__proto__` a header like any other. */
export function setOwn(headers: Record<string, string | string[]>, name: string, value: string): void {
  Object.defineProperty(headers, name, { value, writable: true, enumerable: true, configurable: true })
}

/** The value of a field, repeated ones joined by `, `; `undefined` when it is absent. The name must be in lower case. */
export function joinedField(fields: FieldList, name: string): string | undefined {
  let found: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) found = found === undefined ? fields[i + 1] : `${found}, ${fields[i + 1]}`
  }
  return found
}

/**
 * The reason phrase node:http uses for a status; empty for one it does not know.
 *
 * An `import` of node:http would read each of its exports, `WebSocket` among them, which loads Node's own fetch and with it
 * claims the process's global dispatcher: so it is fetched by name, and only when asked.
 */
export function statusText(status: number): string {
  reasons ??= process.getBuiltinModule('node:http').STATUS_CODES
  return reasons[status] ?? ''
}

let reasons: Readonly<Record<string, string | undefined>> | undefined

/**
 * The code of the operating system, of the TLS library or of Node that an error or one of its causes carries: what people
 * compare with `ECONNREFUSED`. Our own `ERR_HYPER_*` codes are not meant.
 */
export function systemCode(error: unknown): string | undefined {
  let current = error
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    if ((current instanceof ConnectError || current instanceof ConnectionLostError) && current.systemCode) {
      return current.systemCode
    }
    const code = systemCodeOf(current)
    if (code !== undefined && !code.startsWith('ERR_HYPER_')) return code
    current = current.cause
  }
  return undefined
}

/**
 * The operating system's, TLS library's or Node's error behind one of ours, for libraries whose users expect it bare: with
 * its own `code`, `errno`, `syscall`, `address` ..., but a message that names the origin as well. `cause` is the original.
 */
export function systemError(error: HyperError): Error | undefined {
  let current: unknown = error.cause
  for (let depth = 0; depth < 8 && current instanceof Error; depth++) {
    const code = systemCodeOf(current)
    if (code !== undefined && !code.startsWith('ERR_HYPER_')) {
      return Object.assign(new Error(error.message, { cause: current }), { ...current, code })
    }
    current = current.cause
  }
  return undefined
}

/** undici's codes for what ours mean, as far as one code has one meaning there. */
const undiciCodes: Readonly<Record<string, string>> = {
  ERR_HYPER_INVALID_ARGUMENT: 'UND_ERR_INVALID_ARG',
  ERR_HYPER_NOT_SUPPORTED: 'UND_ERR_NOT_SUPPORTED',
  ERR_HYPER_CONNECT: 'UND_ERR_SOCKET',
  ERR_HYPER_QUEUE_TIMEOUT: 'UND_ERR_CONNECT_TIMEOUT',
  ERR_HYPER_CONNECT_TIMEOUT: 'UND_ERR_CONNECT_TIMEOUT',
  ERR_HYPER_WRITE_TIMEOUT: 'UND_ERR_HEADERS_TIMEOUT',
  ERR_HYPER_HEADERS_TIMEOUT: 'UND_ERR_HEADERS_TIMEOUT',
  ERR_HYPER_REQUEST_TIMEOUT: 'UND_ERR_HEADERS_TIMEOUT',
  ERR_HYPER_BODY_TIMEOUT: 'UND_ERR_BODY_TIMEOUT',
  ERR_HYPER_CONNECTION_LOST: 'UND_ERR_SOCKET',
  ERR_HYPER_PROTOCOL: 'UND_ERR_SOCKET',
  ERR_HYPER_STREAM_RESET: 'ERR_HTTP2_STREAM_ERROR',
  ERR_HYPER_GOAWAY: 'UND_ERR_INFO',
  ERR_HYPER_REQUEST_CONTENT_LENGTH: 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
  ERR_HYPER_RESPONSE_CONTENT_LENGTH: 'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
  ERR_HYPER_HEADERS_TOO_LARGE: 'UND_ERR_HEADERS_OVERFLOW',
  ERR_HYPER_RESPONSE_TOO_LARGE: 'UND_ERR_RES_EXCEEDED_MAX_SIZE',
  ERR_HYPER_ABORTED: 'UND_ERR_ABORTED',
  ERR_HYPER_POOL_CLOSED: 'UND_ERR_CLOSED',
  ERR_HYPER_POOL_DESTROYED: 'UND_ERR_DESTROYED',
}

/** The code that undici, and so Node's fetch, gives to this kind of failure; our own code where it has none. */
export function undiciCode(error: HyperError): string {
  return undiciCodes[error.code] ?? error.code
}
