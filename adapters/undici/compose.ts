/**
 * Interceptors of undici 7 and 8 know handlers of the newer form only, those of undici 6 only the older one. A handler of
 * the older form (undici 6 and 7, the fetch of Node 20 to 24) comes to them as one of both.
 */
import type { Dispatcher } from 'undici'
import { wrapLegacyHandler } from './internals.ts'
import type { LegacyHandler } from './legacy.ts'

/** The outermost interceptor. */
export function takeLegacyHandlers(dispatch: Dispatcher['dispatch']): Dispatcher['dispatch'] {
  return (options, handler) => {
    const legacy = typeof handler === 'object' && handler !== null && 'onConnect' in handler
    if (!legacy || typeof handler.onRequestStart === 'function') return dispatch(options, handler)
    return dispatch(options, toBothForms(handler as LegacyHandler))
  }
}

function toBothForms(handler: LegacyHandler): Dispatcher.DispatchHandler {
  const older = new BytesHandler(handler)
  return Object.assign(wrapLegacyHandler(older), {
    onConnect: older.onConnect.bind(older),
    onHeaders: older.onHeaders.bind(older),
    onData: older.onData.bind(older),
    onComplete: older.onComplete.bind(older),
    onError: older.onError.bind(older),
    onUpgrade: older.onUpgrade.bind(older),
  })
}

/** Gives a handler of the older form its raw fields as the Buffers that it expects. */
class BytesHandler implements LegacyHandler {
  private readonly handler: LegacyHandler

  constructor(handler: LegacyHandler) {
    this.handler = handler
  }

  onConnect(abort: (reason?: Error) => void, context: object | null): void {
    this.handler.onConnect?.(abort, context)
  }

  onResponseStarted(): void {
    this.handler.onResponseStarted?.()
  }

  onHeaders(status: number, raw: readonly (Buffer | string)[], resume: () => void, statusText: string) {
    const proceed = this.handler.onHeaders?.(status, toBytes(raw), resume, statusText)
    // Node's fetch answers 1xx with false and means nothing by it.
    return status < 200 || proceed
  }

  onData(chunk: Buffer): boolean | undefined {
    return this.handler.onData?.(chunk)
  }

  onComplete(raw: readonly (Buffer | string)[]): void {
    this.handler.onComplete?.(toBytes(raw))
  }

  onError(error: Error): void {
    this.handler.onError?.(error)
  }

  onUpgrade(status: number, raw: readonly (Buffer | string)[] | null, socket: object): void {
    this.handler.onUpgrade?.(status, raw === null ? null : toBytes(raw), socket)
  }

  onBodySent(chunk: Uint8Array): void {
    this.handler.onBodySent?.(chunk)
  }

  onRequestSent(): void {
    this.handler.onRequestSent?.()
  }
}

function toBytes(raw: readonly (Buffer | string)[]): Buffer[] {
  return raw.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))
}
