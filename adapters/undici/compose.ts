/**
 * Interceptors of undici 7 and 8 know handlers of the newer form only, those of undici 6 only the older one. A handler of
 * the older form (undici 6 and 7, the fetch of Node 20 to 24) comes to them as one of both.
 */
import type { Dispatcher } from 'undici'
import type { LegacyHandler } from './legacy.ts'

/** The outermost interceptor. */
export function takeLegacyHandlers(dispatch: Dispatcher['dispatch']): Dispatcher['dispatch'] {
  return (options, handler) => {
    const legacy = typeof handler === 'object' && handler !== null && 'onConnect' in handler
    if (!legacy || typeof handler.onRequestStart === 'function') return dispatch(options, handler)
    return dispatch(options, new BothForms(handler as LegacyHandler))
  }
}

/** A handler of the older form, which gets raw fields as Buffers, as it expects, by whichever form it is called. */
class BothForms implements LegacyHandler, Dispatcher.DispatchHandler {
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

  // The newer form.

  onRequestStart(controller: Dispatcher.DispatchController, context: object | null): void {
    this.onConnect((reason) => controller.abort(reason as Error), context)
  }

  onRequestUpgrade(controller: Controller, status: number, headers: Fields, socket: object): void {
    this.onUpgrade(status, rawOf(controller?.rawHeaders, headers), socket)
  }

  onResponseStart(controller: Dispatcher.DispatchController, status: number, headers: Fields, statusText = ''): void {
    const resume = (): void => controller.resume()
    if (this.onHeaders(status, rawOf(controller?.rawHeaders, headers), resume, statusText) === false) controller.pause()
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.onData(chunk) === false) controller.pause()
  }

  onResponseEnd(controller: Controller, trailers: Fields): void {
    this.onComplete(rawOf(controller?.rawTrailers, trailers))
  }

  onResponseError(_controller: unknown, error: Error): void {
    if (this.handler.onError === undefined) throw error
    this.handler.onError(error)
  }
}

/** Interceptors leave out what they do not need. */
type Controller = Dispatcher.DispatchController | undefined
type Fields = Parameters<NonNullable<Dispatcher.DispatchHandler['onResponseEnd']>>[1]

/** The fields as an interceptor left them: the raw ones, or made from the others where there are none. */
function rawOf(raw: Dispatcher.DispatchController['rawHeaders'], fields: Fields): readonly (Buffer | string)[] {
  if (Array.isArray(raw)) return raw
  return Object.entries(raw ?? fields ?? {}).flatMap(([name, value]) =>
    (Array.isArray(value) ? value : [value ?? '']).flatMap((one) => [name, String(one)]),
  )
}

function toBytes(raw: readonly (Buffer | string)[]): Buffer[] {
  return raw.map((part) => (typeof part === 'string' ? Buffer.from(part, 'latin1') : part))
}
