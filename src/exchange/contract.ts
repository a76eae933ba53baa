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

import type { Duplex } from 'node:stream'
import type { FieldList, FieldsInit } from '../headers/fields.ts'
import type { ConnectionInfo, ConnectOptions, ConnectTimings } from '../net/options.ts'
import type { BodyChunk } from './source.ts'
import type { UploadBody } from './upload.ts'

export type { BodyChunk } from './source.ts'

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
  | UploadBody
  | (() => Body | null | undefined)

/** What goes down: one request. Plain data; nothing of it is changed. */
export interface ExchangeRequest {
  /** `scheme://host[:port]`, for example `https://example.com`. */
  readonly origin: string
  /**
   * The method, case-sensitive. CONNECT opens a tunnel: over HTTP/2 body and response are its two directions, over HTTP/1.1 the
   * handler gets the socket (`onUpgraded`), and there is no body.
   */
  readonly method: string
  /** Path and query as they go on the wire, beginning with `/` (or `*` for OPTIONS). Of a plain CONNECT: `host:port` of its target. */
  readonly path: string
  /** Extended CONNECT: what the tunnel carries, for example `websocket` (RFC 8441). With method CONNECT only. */
  readonly protocol?: string | undefined
  /**
   * HTTP/1.1: ask for this protocol on the connection (RFC 9110 section 7.8). A server that agrees answers 101, and the handler
   * gets the socket (`onUpgraded`). HTTP/2 has no such thing: use it with `connect: { allowH2: false }`.
   */
  readonly upgrade?: string | undefined
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
/**
 * What a handler does with the body. This saves CPU; nothing else follows from it.
 *
 * - `passed on`: it is dropped, or soon passed on. Memory of reads is freed early: up to half the CPU of a long body.
 * - `kept`: it is kept until the end of the exchange, where to look for what can be freed would cost up to a quarter more.
 * - `joined`: it is kept, and its pieces are joined in the end. Over HTTP/1.1 in clear text they are laid side by side, if the server has
 *   announced the length: a third less CPU for 1 MiB.
 */
export type DataUse = 'passed on' | 'kept' | 'joined'

export interface ExchangeHandler {
  /**
   * The exchange waits while a connection is being made that it may be given: how far that has come. Called when the exchange
   * joins those who wait for it, and after each step; the times only grow more.
   */
  onConnecting?: ((timings: Readonly<ConnectTimings>) => void) | undefined
  /** The exchange was given to a connection; `reused` when the connection existed before. May repeat after a retry. */
  onConnected?: ((info: ConnectionInfo, reused: boolean) => void) | undefined
  /** An informational response, 1xx (RFC 9110 section 15.2). 101 never comes here. */
  onInformational?:
    | ((status: number, headers: FieldList, statusText: string, rawHeaders?: FieldList) => void)
    | undefined
  /**
   * The final response. `statusText` is empty over HTTP/2. Over HTTP/1.1 `rawHeaders` is the same list with the names as the
   * server spelt them, and `version` what its status line says; over HTTP/2, where all names are in lower case, both are left
   * out.
   */
  onHeaders(
    status: number,
    headers: FieldList,
    statusText: string,
    rawHeaders?: FieldList,
    version?: '1.0' | '1.1',
  ): void
  /**
   * Over HTTP/1.1, in place of `onHeaders` and `onEnd`: the server has agreed to `upgrade` (101) or opened the tunnel of CONNECT
   * (2xx). The socket is the handler's from here on, with what came behind the head in it. Without this such requests are
   * refused with `NotSupportedError`.
   */
  onUpgraded?:
    | ((status: number, headers: FieldList, socket: Duplex, statusText: string, rawHeaders?: FieldList) => void)
    | undefined
  onData(chunk: Buffer): void
  /** What becomes of what `onData` gives. It is asked at each read, and may change. Default `passed on`. */
  readonly dataUse?: DataUse | undefined
  /** The exchange is complete. `trailers` is empty when there were none; `rawTrailers` as `rawHeaders`. */
  onEnd(trailers: FieldList, rawTrailers?: FieldList): void
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
   * @throws {InvalidArgumentError} when the code is no number of 32 bits; the exchange goes on then.
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
