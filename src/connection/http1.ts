/**
 * `Http1Connection`: one socket that speaks HTTP/1.1, by undici's `Client`, whose parser is the fastest there is.
 *
 * Rules
 * - The client gets the socket that our dial made, once. When it asks for another, this connection is over.
 * - undici is loaded when the first such connection is made, and only the module of its client: loading the package's
 *   main module would claim the process's global dispatcher.
 * - One exchange at a time (pipelining is not worth its head-of-line blocking).
 * - Deadlines are ours, as over HTTP/2, so that they mean the same over both; the client's own are off.
 * - Its diagnostics messages are held back (quiet.ts).
 */
import type { Socket } from 'node:net'
import type { Client, Dispatcher } from 'undici'
import { ConnectionLostError, NotSupportedError, PoolDestroyedError } from '../errors.ts'
import type { ConnectionInfo, Exchange, ExchangeHandler, ExchangeRequest, FieldList } from '../exchange.ts'
import { flattenFields, getField } from '../headers/fields.ts'
import { serialiseRequest1 } from '../headers/request.ts'
import { BODY_TIMEOUT, HEADERS_TIMEOUT, IDLE_TIMEOUT, MAX_AGE, MAX_HEADER_LIST_SIZE, WRITE_TIMEOUT } from '../limits.ts'
import type { AbsoluteForm, Wire } from '../net/connector.ts'
import type { Origin } from '../net/origin.ts'
import { discardMade, type PreparedBody, prepareBody } from './body.ts'
import type { Connection, ConnectionOwner, ConnectionSettings, ConnectionStats } from './contract.ts'
import { DeadlineTimer, now } from './deadline.ts'
import { Http1Exchange } from './http1-exchange.ts'
import { keepQuiet, quietClient } from './quiet.ts'

/** Milliseconds; the longest that undici's timers are meant for. */
const MAX_KEEP_ALIVE = 600_000

/** RFC 9112 section 9.6. */
const CLOSE = /(?:^|,)[ \t]*close[ \t]*(?:,|$)/i

let clientClass: Promise<typeof Client> | undefined
/** Where undici's client says on a socket that it ends with the response under way. */
let resetKey: symbol | undefined

/** undici's `Client`, loaded at the first call. */
export function loadClient(): Promise<typeof Client> {
  clientClass ??= Promise.all([
    import('undici/lib/dispatcher/client.js'),
    import('undici/lib/core/symbols.js'),
    keepQuiet(Http1Exchange),
  ]).then(
    ([module, symbols]) => {
      resetKey = symbols.default.kReset
      return module.default
    },
    (error) => {
      // What failed now may succeed later.
      clientClass = undefined
      throw error
    },
  )
  return clientClass
}

export class Http1Connection implements Connection {
  readonly info: ConnectionInfo
  readonly origin: Origin
  draining = false
  active = 0

  private readonly client: Client
  private readonly owner: ConnectionOwner
  private readonly maxSize: number
  private readonly headersTimeout: number
  private readonly bodyTimeout: number
  private readonly writeTimeout: number
  private readonly idleTimeout: number
  private readonly deadlines = new DeadlineTimer((at) => this.checkDeadlines(at))
  private readonly maxRequests: number
  private readonly retireAt: number
  private readonly socket: Wire
  private readonly absoluteForm: AbsoluteForm | undefined
  private requests = 0
  private idleUntil = Number.POSITIVE_INFINITY
  private closed = false
  private current: Http1Exchange | null = null
  private spare: Wire | null
  /** What an exchange ends with that came when the socket was gone: nothing of it was written. */
  readonly refusal: ConnectionLostError

  constructor(
    ClientClass: typeof Client,
    origin: Origin,
    socket: Wire,
    info: ConnectionInfo,
    owner: ConnectionOwner,
    settings: ConnectionSettings,
    absoluteForm?: AbsoluteForm,
  ) {
    this.origin = origin
    this.info = info
    this.owner = owner
    this.maxSize = settings.maxResponseSize ?? Number.POSITIVE_INFINITY
    this.maxRequests = settings.maxRequests ?? Number.POSITIVE_INFINITY
    const maxAge = settings.maxAge ?? MAX_AGE
    this.retireAt = maxAge > 0 ? now() + maxAge : Number.POSITIVE_INFINITY
    this.socket = socket
    this.absoluteForm = absoluteForm
    this.refusal = this.lost('it was closed', undefined, true)
    socket.on('error', ignore)
    socket.once('close', () => this.gone(undefined))
    // Until the client takes it, it is ours to let go of; and it keeps no process alive.
    this.spare = socket
    socket.unref()
    this.client = new ClientClass(origin.href, {
      headersTimeout: 0,
      bodyTimeout: 0,
      // The server may ask for less; our own idle time is kept below.
      keepAliveTimeout: MAX_KEEP_ALIVE,
      keepAliveMaxTimeout: MAX_KEEP_ALIVE,
      maxHeaderSize: settings.maxHeaderListSize ?? MAX_HEADER_LIST_SIZE,
      allowH2: false,
      connect: (_options, callback) => {
        const given = this.spare
        this.spare = null
        given?.ref()
        // Asynchronously: the client does not expect an answer within its own call.
        process.nextTick(() => {
          // A tunnel is no socket of node's, but all that the client asks of one.
          // A server that answers before it was asked would have its answer taken for that of the first request.
          const fresh = given !== null && !given.destroyed && given.readableLength === 0
          if (fresh) callback(null, given as Socket)
          else {
            given?.destroy()
            callback(this.refusal, null)
          }
        })
      },
    })
    quietClient(this.client)
    this.client.on('disconnect', () => this.gone(undefined))
    this.client.on('connectionError', () => this.gone(undefined))
    this.headersTimeout = settings.headersTimeout ?? HEADERS_TIMEOUT
    this.bodyTimeout = settings.bodyTimeout ?? BODY_TIMEOUT
    this.writeTimeout = settings.writeTimeout ?? WRITE_TIMEOUT
    this.idleTimeout = settings.idleTimeout ?? IDLE_TIMEOUT
    this.becomeIdle()
  }

  get available(): number {
    return this.draining || this.active > 0 ? 0 : 1
  }

  /** There is nothing to ask an HTTP/1.1 server: a request that its silence meets is sent again, if it may be. */
  get stale(): boolean {
    return false
  }

  get stats(): ConnectionStats {
    return {
      protocol: 'http/1.1',
      remoteAddress: this.info.remoteAddress,
      active: this.active,
      available: this.available,
      draining: this.draining,
      requests: this.requests,
      bytesRead: this.socket.bytesRead,
      bytesWritten: this.socket.bytesWritten,
      rtt: undefined,
      windows: undefined,
    }
  }

  verify(): void {
    // Never stale.
  }

  dispatch(request: ExchangeRequest, handler: ExchangeHandler): Exchange | null {
    if (request.trailers !== null && request.trailers !== undefined) {
      throw new NotSupportedError('Request trailers need HTTP/2, and the server speaks HTTP/1.1', {
        origin: request.origin,
      })
    }
    // A function that makes the body may dispatch, close or destroy: the connection is taken before it is called.
    this.active++
    let head: ReturnType<typeof serialiseRequest1>
    let body: PreparedBody | undefined
    try {
      // First the body: a function that makes it may still say in the headers what it is.
      body = prepareBody(request.body)
      head = serialiseRequest1(request, this.absoluteForm)
    } catch (thrown) {
      // Not announced: whoever dispatched knows, and each who waits may be as wrong.
      this.active--
      discardMade(request.body, body)
      if (this.draining && !this.closed) this.gone(undefined)
      throw thrown
    }
    if (this.closed) {
      discardMade(request.body, body)
      return null
    }
    const { path, headers } = head
    // Of bytes undici knows the length itself, of a source it does not.
    if (body.source !== null && body.length > 0 && getField(headers, 'content-length') === undefined) {
      headers.push('content-length', String(body.length))
    }
    const exchange = new Http1Exchange(
      this,
      request,
      handler,
      request.headersTimeout ?? this.headersTimeout,
      request.bodyTimeout ?? this.bodyTimeout,
      request.writeTimeout ?? this.writeTimeout,
      request.maxResponseSize ?? this.maxSize,
    )
    this.idleUntil = Number.POSITIVE_INFINITY
    this.current = exchange
    const reset = asksToClose(request)
    if (++this.requests >= this.maxRequests || reset) this.drain()
    const options = {
      path,
      // Any token is a method; undici's type lists the common ones.
      method: request.method as Dispatcher.HttpMethod,
      headers,
      body: body.source === null ? body.bytes : exchange.watch(body.source),
      // `connection: close` is the client's to say.
      reset,
      // The same for all, whatever their Host: the client gives up a socket when this changes, though its TLS is not its own.
      servername: this.origin.host,
    }
    // The body kinds of undici's types are narrower than what it takes.
    process.nextTick(() => exchange.start(this.client, options as Dispatcher.DispatchOptions))
    return exchange
  }

  hold(held: boolean): void {
    if (this.active > 0 || this.spare === null) return
    if (held) this.spare.ref()
    else this.spare.unref()
  }

  close(): void {
    if (this.closed) return
    this.drain()
    if (this.active === 0) this.gone(undefined)
  }

  destroy(error?: Error): void {
    const reason = error ?? new PoolDestroyedError({ origin: this.origin.href })
    this.current?.abort(reason)
    // Not within the client's own writing, from where a callback may have called us.
    process.nextTick(() => void this.client.destroy(reason).catch(ignore))
    this.gone(reason)
  }

  /** An exchange was broken off on it. */
  abandon(): void {
    this.drain()
  }

  /**
   * The head of a response came: does the connection end with it? Who waits is told at once, and not given to it. undici has
   * its own reasons besides the server's word: HTTP/1.0, a body that ends with the connection, a `Keep-Alive` of too few
   * seconds, and more.
   */
  checkEnding(fields: FieldList): void {
    const marked = resetKey !== undefined && Reflect.get(this.socket, resetKey) === true
    if (marked || CLOSE.test(getField(fields, 'connection') ?? '')) this.abandon()
  }

  /** An exchange has ended. */
  release(): void {
    this.active--
    this.current = null
    if (this.closed) return
    if (this.draining) {
      this.gone(undefined)
      return
    }
    this.becomeIdle()
    this.owner.onAvailable(this)
  }

  /** Somebody waits until `deadline` at the most. */
  expect(deadline: number): void {
    this.deadlines.request(deadline)
  }

  private becomeIdle(): void {
    if (this.retireAt <= now()) {
      this.close()
      return
    }
    this.deadlines.request(this.retireAt)
    if (this.idleTimeout <= 0) return
    this.idleUntil = now() + this.idleTimeout
    this.deadlines.request(this.idleUntil)
  }

  private checkDeadlines(at: number): number {
    const { current } = this
    if (current !== null && current.deadline <= at) current.expire()
    if (this.active === 0 && (this.idleUntil <= at || this.retireAt <= at)) this.close()
    return Math.min(
      this.current?.deadline ?? Number.POSITIVE_INFINITY,
      this.closed || this.active > 0 ? Number.POSITIVE_INFINITY : Math.min(this.idleUntil, this.retireAt),
    )
  }

  lost(why: string, cause?: unknown, retryable = false): ConnectionLostError {
    return new ConnectionLostError(`The connection to ${this.origin.href} was lost: ${why}`, {
      origin: this.origin.href,
      cause,
      retryable,
    })
  }

  private drain(): void {
    if (this.draining) return
    this.draining = true
    this.owner.onDraining(this)
  }

  private gone(error: Error | undefined): void {
    if (this.closed) return
    this.closed = true
    this.deadlines.stop()
    this.drain()
    this.spare?.destroy()
    this.spare = null
    // Not destroy(): what the client is about to report of its last exchange must still come.
    void this.client.close().catch(ignore)
    this.owner.onClosed(this, error)
  }
}

/** Does it say that its connection is to end with it (RFC 9112 section 9.6)? */
function asksToClose({ headers }: ExchangeRequest): boolean {
  const fields = flattenFields(headers)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]
    if (name.length !== 10 || name.toLowerCase() !== 'connection') continue
    if (/(?:^|,)\s*close\s*(?:,|$)/i.test(fields[i + 1])) return true
  }
  return false
}

function ignore(): void {
  // Reported elsewhere: by the exchange, or by the connection's own teardown.
}
