/**
 * The one contract that carries a request down and a response up. Pool, HTTP/2 and HTTP/1.1 connections speak only this.
 *
 * Rules
 * - `dispatch(request, handler)` returns an {@link Exchange} at once and calls no callback before it has returned.
 * - A handler hears, in this order: any number of `onConnecting?`, `onConnected?`, any number of `onInformational?`, one
 *   `onHeaders`, any number of `onData`, one `onEnd`. Or, at any point before the end, one `onError`. After `onEnd` or
 *   `onError`: nothing more.
 *   Every exchange settles exactly once, whatever fails, `abort()` included (it ends with `onError`).
 * - Body progress of the request (`onBodySent?`, `onRequestSent?`) may come at any point before the settling.
 * - After `pause()` no `onData` and no `onEnd` comes until `resume()`; `onError` still may. Headers are never held back.
 * - `onHeaders` etc. must not throw; if one does, the exchange is aborted with what was thrown.
 * - Field lists are flat arrays (name, value, name, value ...), names in lower case, values as latin1 strings. A list
 *   handed to a handler is shared: read it, copy it, never change it.
 * - Data chunks belong to the handler: they are never written to again.
 */

/** Field lines as a flat list: name, value, name, value ... */
export type FieldList = readonly string[]

/** The fields of a request as a caller may give them. Names in any case; `undefined` and `null` values are left out. */
export type FieldsInit =
  | FieldList
  | Readonly<Record<string, string | number | readonly string[] | undefined | null>>
  | Iterable<readonly [string, string]>

/** One piece of a streamed body. */
export type BodyChunk = Uint8Array | string

/**
 * A request body. Text is sent as UTF-8. A function makes a new body for each attempt, so that the request can be sent
 * again; text and bytes can be sent again anyway; an iterable only while little of it was read (`MAX_REPLAY_OCTETS`).
 */
export type Body =
  | string
  | Uint8Array
  | ArrayBuffer
  | Blob
  | Iterable<BodyChunk>
  | AsyncIterable<BodyChunk>
  | (() => Body | null | undefined)

/** What goes down: one request. Plain data; nothing of it is changed. */
export interface ExchangeRequest {
  /** `scheme://host[:port]`, for example `https://example.com`. */
  readonly origin: string
  /** The method, case-sensitive. CONNECT opens a tunnel and needs HTTP/2: body and response are its two directions. */
  readonly method: string
  /** Path and query as they go on the wire, beginning with `/` (or `*` for OPTIONS). Of a plain CONNECT: `host:port` of its target. */
  readonly path: string
  /** Extended CONNECT: what the tunnel carries, for example `websocket` (RFC 8441). With method CONNECT only. */
  readonly protocol?: string | undefined
  /** Header section. `host` becomes `:authority`. */
  readonly headers?: FieldsInit | null | undefined
  readonly body?: Body | null | undefined
  /** Trailer section, or a function called when the body has been sent. */
  readonly trailers?: FieldsInit | (() => FieldsInit | null | undefined) | null | undefined
  /** Milliseconds to wait for response headers once the request is sent; 0 = for ever. Default: the pool's. */
  readonly headersTimeout?: number | undefined
  /** Milliseconds between parts of the response body; 0 = for ever; does not run while paused. Default: the pool's. */
  readonly bodyTimeout?: number | undefined
  /** Milliseconds to wait for a connection with room; 0 = for ever. Default: the pool's. */
  readonly queueTimeout?: number | undefined
  /** Milliseconds that the peer may take nothing of a body that waits to be sent; 0 = for ever. Default: the pool's. */
  readonly writeTimeout?: number | undefined
  /** Milliseconds for the whole exchange, waiting and retries included; 0 = for ever. Default: 0. */
  readonly timeout?: number | undefined
  /** May it be sent twice? Default: GET, HEAD, OPTIONS, TRACE, PUT, DELETE and QUERY may (RFC 9110 section 9.2.2). */
  readonly idempotent?: boolean | undefined
  /** Aborts the exchange. */
  readonly signal?: AbortSignal | undefined
  /** Connection options of this request; they are part of the pool's key. Default: the pool's. */
  readonly connect?: ConnectOptions | undefined
  /** Reject a response body longer than this many octets (as received). Default: no limit. */
  readonly maxResponseSize?: number | undefined
}

/** A certificate, key or the like: PEM text, or bytes; or several. */
export type Pem = string | Uint8Array | readonly (string | Uint8Array)[]

/** TLS options, in node:tls's names. Weaker ones work and warn once. */
export interface TlsOptions {
  readonly ca?: Pem | undefined
  readonly cert?: Pem | undefined
  readonly key?: Pem | undefined
  readonly pfx?: Pem | undefined
  readonly passphrase?: string | undefined
  /** Name for SNI and for verification. Default: the host of the origin. */
  readonly servername?: string | undefined
  /** Default true. `false` turns verification off, and warns once. */
  readonly rejectUnauthorized?: boolean | undefined
  readonly checkServerIdentity?: typeof import('node:tls').checkServerIdentity | undefined
  readonly ciphers?: string | undefined
  readonly ecdhCurve?: string | undefined
  readonly sigalgs?: string | undefined
  readonly crl?: Pem | undefined
  readonly dhparam?: string | Uint8Array | undefined
  /** Default `TLSv1.2` (RFC 9113 section 9.2). */
  readonly minVersion?: import('node:tls').SecureVersion | undefined
  readonly maxVersion?: import('node:tls').SecureVersion | undefined
  readonly secureContext?: import('node:tls').SecureContext | undefined
  /** A session to resume, once. Without it sessions are remembered and resumed by themselves; `resume: false` turns that off. */
  readonly session?: Uint8Array | undefined
  /** Resume TLS sessions with peers met before (default true): saves a signature and, with TLS 1.2, a round trip. */
  readonly resume?: boolean | undefined
  /**
   * The peer's public key must be one of these: base64 of the SHA-256 of its SubjectPublicKeyInfo, `sha256/` before it or not
   * (RFC 7469 section 2.4). Checked beside, never instead of, the certificate.
   */
  readonly pinnedPublicKeys?: readonly string[] | undefined
  /**
   * Writes the session's secrets so that a capture can be read: `true` to the file that `SSLKEYLOGFILE` names, a function
   * gets each line. Default: never, whatever the environment says. Warns once.
   */
  readonly keyLog?: boolean | ((line: Buffer) => void) | undefined
}

/** A proxy and how to speak to it. */
export interface ProxyOptions {
  /**
   * `http:`, `https:`, `socks5:` and `socks4:` (names are resolved here), `socks5h:`, `socks:` and `socks4a:` (names are
   * resolved by the proxy); user and password may stand in it.
   */
  readonly url: string | URL
  /** Fields for the proxy alone: with CONNECT, or with each request in absolute form. */
  readonly headers?: FieldsInit | undefined
  /** TLS to an `https:` proxy; what is within the tunnel has the request's own `tls`. */
  readonly tls?: TlsOptions | undefined
  /** Tunnel `http:` origins too (CONNECT). Default false: they are asked for in absolute form (RFC 9112 section 3.2.2). */
  readonly tunnel?: boolean | undefined
}

/** What changes the identity of the peer or the route to it: all of it is part of the pool's key. */
export interface ConnectOptions {
  readonly tls?: TlsOptions | undefined
  /** Path of a unix domain socket to connect to instead of host and port. */
  readonly socketPath?: string | undefined
  readonly localAddress?: string | undefined
  /** 4 or 6; default 0: both, raced. */
  readonly family?: 0 | 4 | 6 | undefined
  /** Replaces dns.lookup. */
  readonly lookup?: import('node:net').LookupFunction | undefined
  /** `false`: HTTP/1.1 only. Default true: what ALPN gives. */
  readonly allowH2?: boolean | undefined
  /**
   * `false`: HTTP/2 only. A server of https that does not choose it fails the connection; one of http is taken to speak it
   * (`h2c: 'prior-knowledge'`). Default true.
   */
  readonly allowH1?: boolean | undefined
  /**
   * HTTP/2 without TLS for `http:` origins: `'prior-knowledge'` (RFC 9113 section 3.3), or `'upgrade'`, which asks by
   * `Upgrade: h2c` (RFC 7540 section 3.2) and stays with HTTP/1.1 when the server does not know it. Default: HTTP/1.1.
   */
  readonly h2c?: 'prior-knowledge' | 'upgrade' | undefined
  /**
   * A proxy: its URL, or more about it. `'env'`: what `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
   * `false`: none, whatever the pool says. Default: none; the environment counts only when asked for.
   */
  readonly proxy?: string | URL | ProxyOptions | false | undefined
}

/** Times of the connect phases: milliseconds since the epoch, `undefined` where a phase did not happen. */
export interface ConnectTimings {
  start: number
  lookup: number | undefined
  connect: number | undefined
  /** The way through the proxy was open. */
  proxy: number | undefined
  secureConnect: number | undefined
}

/** The connection that carries an exchange. */
export interface ConnectionInfo {
  readonly protocol: 'h2' | 'http/1.1'
  readonly encrypted: boolean
  readonly authorized: boolean
  readonly remoteAddress: string | undefined
  readonly remotePort: number | undefined
  readonly remoteFamily: string | undefined
  readonly localAddress: string | undefined
  readonly localPort: number | undefined
  readonly servername: string | undefined
  /** The proxy on the way, `scheme://host:port`, without its credentials. */
  readonly proxy: string | undefined
  /** A TLS session was resumed. */
  readonly resumed: boolean
  readonly timings: Readonly<ConnectTimings>
}

/**
 * When the steps of an exchange happened: milliseconds on the clock of `performance.now()`, `undefined` for what has not
 * (yet). A clock is read once a turn of the event loop, so steps of one turn have the same time. After a retry: of the last attempt.
 */
export interface ExchangeTimings {
  /** It was dispatched. */
  readonly created: number
  /** It was given to a connection: before that it waited. */
  readonly started: number | undefined
  /** The response's header section came. */
  readonly headers: number | undefined
  /** It settled. */
  readonly end: number | undefined
  /** Times it was given to a connection. */
  readonly attempts: number
}

/** A response that the server promises to a request which it made up (RFC 9113 section 8.4). */
export interface PushPromise {
  readonly scheme: string
  readonly method: string
  readonly authority: string
  readonly path: string
  /** The promised request's fields, without pseudo-header fields. */
  readonly headers: FieldList
  /** The handle on the promised response: `abort()` cancels it. */
  readonly exchange: Exchange
}

/** What comes up: the callbacks of one exchange. */
export interface ExchangeHandler {
  /**
   * The exchange waits while a connection is being made that it may be given: how far that has come. Called when the exchange
   * joins those who wait for it, and after each step; the times only grow more.
   */
  onConnecting?: ((timings: Readonly<ConnectTimings>) => void) | undefined
  /** The exchange was given to a connection; `reused` when the connection existed before. May repeat after a retry. */
  onConnected?: ((info: ConnectionInfo, reused: boolean) => void) | undefined
  /** An informational response, 1xx (RFC 9110 section 15.2). 101 never comes here. */
  onInformational?: ((status: number, headers: FieldList, statusText: string) => void) | undefined
  /** The final response. `statusText` is empty over HTTP/2. */
  onHeaders(status: number, headers: FieldList, statusText: string): void
  onData(chunk: Buffer): void
  /** The exchange is complete. `trailers` is empty when there were none. */
  onEnd(trailers: FieldList): void
  /** `local` when it is of our own making: the caller's abort, body or callback, or a deadline. */
  onError(error: Error, local?: boolean): void
  /** So many octets of the request body were handed to the transport. */
  onBodySent?: ((octets: number) => void) | undefined
  /** The request, body and trailers included, was handed to the transport. */
  onRequestSent?: (() => void) | undefined
  /**
   * With `enablePush`: the server promises the answer to another request, of this request's origin. What is returned hears
   * that answer; nothing returned cancels it. The push settles by itself, also after this exchange has.
   */
  onPush?: ((promise: PushPromise) => ExchangeHandler | null | undefined) | undefined
}

/** The caller's handle on an exchange. */
export interface Exchange {
  /**
   * Ends the exchange: `onError` with the reason (as it is if it is an Error), RST_STREAM to the peer. After the end: nothing.
   * @param code of RST_STREAM (RFC 9113 section 7). Default CANCEL.
   */
  abort(reason?: unknown, code?: number): void
  /** Withholds data (and so the peer's flow-control window) until resume(). */
  pause(): void
  resume(): void
  /** The connection that carries it, once there is one. */
  readonly connection: ConnectionInfo | undefined
  /** The identifier of its stream on that connection; undefined before there is one, and over HTTP/1.1. */
  readonly streamId?: number | undefined
  readonly timings: ExchangeTimings
}

/** Whatever can carry exchanges: a pool, a connection, a wrapper of either. */
export interface Transport {
  dispatch(request: ExchangeRequest, handler: ExchangeHandler): Exchange
}
