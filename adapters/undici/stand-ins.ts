/**
 * What stands in for undici where it is not installed: a base class for dispatchers, and error classes with undici's names,
 * codes and messages. undici marks its errors with registered symbols, by which `instanceof` knows those of any copy; so do
 * these.
 */
import { EventEmitter } from 'node:events'
import type { Dispatcher as DispatcherType, errors as UndiciErrors } from 'undici'

class UndiciError extends Error {
  code = 'UND_ERR'

  constructor(message?: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UndiciError'
  }

  static override [Symbol.hasInstance](value: unknown): boolean {
    return isMarked(value, 'UND_ERR')
  }
}
mark(UndiciError, 'UND_ERR')

type ErrorClass = typeof UndiciError

/** One of undici's error classes. @param text the message of those that are given none. */
function kind(className: string, code: string, text: string, base: ErrorClass = UndiciError, name = className) {
  class Kind extends base {
    constructor(message?: string, options?: ErrorOptions) {
      super(message || text, options)
      this.name = name
      this.code = code
    }

    static override [Symbol.hasInstance](value: unknown): boolean {
      return isMarked(value, code)
    }
  }
  Object.defineProperty(Kind, 'name', { value: className })
  mark(Kind, code)
  return Kind
}

function mark(made: ErrorClass, code: string): void {
  Object.defineProperty(made.prototype, Symbol.for(`undici.error.${code}`), { value: true })
}

function isMarked(value: unknown, code: string): boolean {
  return typeof value === 'object' && value !== null && Reflect.get(value, Symbol.for(`undici.error.${code}`)) === true
}

const AbortError = kind('AbortError', 'UND_ERR_ABORT', 'The operation was aborted')

class SocketError extends kind('SocketError', 'UND_ERR_SOCKET', 'Socket error') {
  socket: UndiciErrors.SocketError['socket']

  constructor(message?: string, socket: UndiciErrors.SocketError['socket'] = null) {
    super(message)
    this.socket = socket
  }
}

class ProxyConnectionError extends kind('ProxyConnectionError', 'UND_ERR_PRX_CONN', 'Proxy Connection failed') {
  constructor(cause: Error, message?: string) {
    super(message, { cause })
  }
}

class HTTPParserError extends Error {
  code: string | undefined
  data: string | undefined

  constructor(message?: string, code?: string, data?: string | Buffer) {
    super(message)
    this.name = 'HTTPParserError'
    this.code = code === undefined ? undefined : `HPE_${code}`
    this.data = data?.toString()
  }
}

/** The error classes that the shim itself makes. */
const made = {
  UndiciError,
  AbortError,
  SocketError,
  HTTPParserError,
  ProxyConnectionError,
  ConnectTimeoutError: kind('ConnectTimeoutError', 'UND_ERR_CONNECT_TIMEOUT', 'Connect Timeout Error'),
  HeadersTimeoutError: kind('HeadersTimeoutError', 'UND_ERR_HEADERS_TIMEOUT', 'Headers Timeout Error'),
  HeadersOverflowError: kind('HeadersOverflowError', 'UND_ERR_HEADERS_OVERFLOW', 'Headers Overflow Error'),
  BodyTimeoutError: kind('BodyTimeoutError', 'UND_ERR_BODY_TIMEOUT', 'Body Timeout Error'),
  InvalidArgumentError: kind('InvalidArgumentError', 'UND_ERR_INVALID_ARG', 'Invalid Argument Error'),
  RequestAbortedError: kind('RequestAbortedError', 'UND_ERR_ABORTED', 'Request aborted', AbortError, 'AbortError'),
  InformationalError: kind('InformationalError', 'UND_ERR_INFO', 'Request information'),
  RequestContentLengthMismatchError: kind(
    'RequestContentLengthMismatchError',
    'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH',
    'Request body length does not match content-length header',
  ),
  ResponseContentLengthMismatchError: kind(
    'ResponseContentLengthMismatchError',
    'UND_ERR_RES_CONTENT_LENGTH_MISMATCH',
    'Response body length does not match content-length header',
  ),
  ClientDestroyedError: kind('ClientDestroyedError', 'UND_ERR_DESTROYED', 'The client is destroyed'),
  ClientClosedError: kind('ClientClosedError', 'UND_ERR_CLOSED', 'The client is closed'),
  NotSupportedError: kind('NotSupportedError', 'UND_ERR_NOT_SUPPORTED', 'Not supported error'),
  ResponseExceededMaxSizeError: kind(
    'ResponseExceededMaxSizeError',
    'UND_ERR_RES_EXCEEDED_MAX_SIZE',
    'Response content exceeded max size',
  ),
  MaxOriginsReachedError: kind(
    'MaxOriginsReachedError',
    'UND_ERR_MAX_ORIGINS_REACHED',
    'Maximum allowed origins reached',
  ),
}

/** Under the types of undici's, whose names and codes are literals; undici's other classes are made by nobody here. */
export const ownErrors = made as unknown as typeof UndiciErrors

/** undici's Dispatcher, as far as the shim builds on it. */
class Base extends EventEmitter {
  /** As undici's: each interceptor is given what comes after it. */
  compose(...given: (Interceptor | Interceptor[])[]): object {
    let dispatch: Dispatch = this.dispatch.bind(this)
    for (const interceptor of given.flat()) {
      if (interceptor == null) continue
      if (typeof interceptor !== 'function') {
        throw new TypeError(`invalid interceptor, expected function received ${typeof interceptor}`)
      }
      dispatch = interceptor(dispatch)
      if (typeof dispatch !== 'function' || dispatch.length !== 2) throw new TypeError('invalid interceptor')
    }
    return new Proxy(this, { get: (target, key) => (key === 'dispatch' ? dispatch : Reflect.get(target, key)) })
  }

  dispatch(_options: DispatcherType.DispatchOptions, _handler: DispatcherType.DispatchHandler): boolean {
    throw new Error('not implemented')
  }
}

type Dispatch = DispatcherType['dispatch']
type Interceptor = (dispatch: Dispatch) => Dispatch

/** Under the type of undici's; what it lacks is overridden by the shim, or says why it is lacking when it is called. */
export const OwnDispatcher = Base as unknown as typeof DispatcherType

/** undici's own work, for which undici is needed. */
export const ownApi = {
  request: () => lacking('request'),
  stream: () => lacking('stream'),
  pipeline: () => lacking('pipeline'),
  connect: () => lacking('connect'),
  upgrade: () => lacking('upgrade'),
}

function lacking(name: string): never {
  throw new made.NotSupportedError(
    `dispatcher.${name}() is undici's own: undici 6, 7 or 8 must be installed beside hyper-transport for it`,
  )
}
