/**
 * The words of the connect chain: what its links take, give and tell.
 *
 * Rules of every link
 * - It is a function that begins something and returns how to take it back ({@link Cancel}).
 * - It calls its {@link Outcome} once (`done` or `fail`), never before it has returned, and never after it was cancelled.
 * - A socket that is handed to a link belongs to it: when it fails or is cancelled, the socket is destroyed.
 * - An `error` listener is on every socket from its birth and stays ({@link guard}).
 */
import type { Duplex } from 'node:stream'
import { nextTick } from '../clock.ts'
import type { ConnectPhase, HyperError } from '../errors.ts'
import type { FieldList } from '../headers/fields.ts'
import { ignore } from '../ignore.ts'
import type { Ends, Wire } from '../session/wire.ts'
import type { ConnectionInfo, ConnectTimings } from './options.ts'

export type { Ends, Wire } from '../session/wire.ts'

/** An address to connect to. */
export interface Address {
  readonly address: string
  readonly family: 4 | 6
}

/** Takes back what a link has begun; after its end: nothing. */
export type Cancel = () => void

/** Where a link reports, once. */
export interface Outcome<T> {
  done(value: T): void
  /** Of our own errors nothing more is said; another becomes the cause of a `ConnectError`. */
  fail(error: Error): void
}

/** Something happened on the way. `address` is an IP address, `proxy` is `scheme://host:port`. */
export type ConnectStep =
  | { readonly step: 'lookup'; readonly host: string; readonly addresses: readonly Address[]; readonly cached: boolean }
  | { readonly step: 'attempt'; readonly address: string; readonly port: number; readonly family: 4 | 6 }
  | {
      readonly step: 'attempt-failed'
      readonly address: string
      readonly port: number
      readonly family: 4 | 6
      readonly error: Error
    }
  /** By TCP, or to a unix domain socket (`path`). With a proxy: to the proxy. */
  | { readonly step: 'connected'; readonly path: string | undefined; readonly ends: Ends }
  /** The way through the proxy is open; `shared` when it lies in an HTTP/2 connection that carried others before. */
  | { readonly step: 'proxy'; readonly proxy: string; readonly protocol: ProxyProtocol; readonly shared: boolean }
  | {
      readonly step: 'secure'
      readonly peer: 'origin' | 'proxy'
      readonly protocol: 'h2' | 'http/1.1'
      /** For example `TLSv1.3`. */
      readonly version: string | undefined
      readonly cipher: string | undefined
      readonly resumed: boolean
    }

/** How the proxy was spoken to; `http/1.1` also when requests go to it in absolute form. */
export type ProxyProtocol = 'http/1.1' | 'h2' | 'socks4' | 'socks5'

/** Called at each step of a dial, in order. It must not throw. */
export interface DialObserver {
  onStep(step: ConnectStep, timings: Readonly<ConnectTimings>): void
}

/** What links tell the dial that they work for. */
export interface Progress {
  /** This phase begins. */
  enter(phase: ConnectPhase): void
  step(step: ConnectStep): void
}

/** Requests on this connection are made of a proxy: their targets are in absolute form (RFC 9112 section 3.2.2). */
export interface AbsoluteForm {
  /** Stands before the path: `http://host[:port]`. */
  readonly prefix: string
  /** Fields for the proxy, beside the request's own; names in lower case. */
  readonly headers: FieldList
}

/** A connected socket and what was agreed on it. */
export interface Dialled {
  readonly socket: Wire
  readonly info: ConnectionInfo
  readonly absoluteForm: AbsoluteForm | undefined
  /**
   * Does the verified certificate of the peer cover this host too (RFC 9113 section 9.1.1)? False unless it was verified by
   * the ordinary rules.
   */
  covers(host: string): boolean
}

/** Called once, never before `dial()` has returned. */
export type DialCallback = (error: HyperError | null, dialled: Dialled | null) => void

/** A dial under way. */
export interface Dial {
  /** Gives up; the callback is called with the reason, within this call. After the end: nothing. */
  cancel(reason: HyperError): void
}

/** Keeps the errors of a socket from becoming uncaught, whoever listens besides. */
export function guard<T extends Duplex>(socket: T): T {
  return socket.on('error', ignore)
}

/** Ends a link with an error of its caller's making. */
export function failLater<T>(error: Error, outcome: Outcome<T>): Cancel {
  return later(() => outcome.fail(error))
}

/** Something to be done when the caller has returned, unless it is taken back. */
export function later(action: () => void): Cancel {
  let cancelled = false
  nextTick(() => {
    if (!cancelled) action()
  })
  return () => {
    cancelled = true
  }
}
