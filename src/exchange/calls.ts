/** The calls to a handler, as functions that are made once and not for each exchange: the steps of `LiveExchange.tell()`. */
import type { Duplex } from 'node:stream'
import type { FieldList } from '../headers/fields.ts'
import type { ConnectionInfo, ConnectTimings } from '../net/options.ts'
import type { ExchangeHandler, PushPromise } from './contract.ts'

export function callOnConnecting(handler: ExchangeHandler, timings: Readonly<ConnectTimings>): void {
  handler.onConnecting?.(timings)
}

export function callOnConnected(handler: ExchangeHandler, info: ConnectionInfo, reused: boolean): void {
  handler.onConnected?.(info, reused)
}

export function callOnInformational(
  handler: ExchangeHandler,
  status: number,
  fields: FieldList,
  reason: string,
  raw?: FieldList,
): void {
  handler.onInformational?.(status, fields, reason, raw)
}

export function callOnHeaders(
  handler: ExchangeHandler,
  status: number,
  fields: FieldList,
  reason: string,
  raw?: FieldList,
): void {
  handler.onHeaders(status, fields, reason, raw)
}

export function callOnData(handler: ExchangeHandler, chunk: Buffer): void {
  handler.onData(chunk)
}

export function callOnEnd(handler: ExchangeHandler, trailers: FieldList, raw?: FieldList): void {
  handler.onEnd(trailers, raw)
}

export function callOnError(handler: ExchangeHandler, error: Error, local: boolean): void {
  handler.onError(error, local)
}

export function callOnBodySent(handler: ExchangeHandler, octets: number): void {
  handler.onBodySent?.(octets)
}

export function callOnRequestSent(handler: ExchangeHandler): void {
  handler.onRequestSent?.()
}

export function callOnPush(handler: ExchangeHandler, promise: PushPromise): ExchangeHandler | null | undefined {
  return handler.onPush?.(promise)
}

export function callOnUpgraded(
  handler: ExchangeHandler,
  upgrade: { readonly status: number; readonly fields: FieldList; readonly reason: string; readonly raw: FieldList },
  socket: Duplex,
): void {
  handler.onUpgraded?.(upgrade.status, upgrade.fields, socket, upgrade.reason, upgrade.raw)
}
