/** Handlers of the older form, which undici had until 7 and the fetch of Node 20 to 24 has. */
import type { Duplex } from 'node:stream'
import type { FieldList } from '../../src/headers/fields.ts'
import { Dispatched, type Ledger } from './exchange.ts'
import { toBuffers } from './raw-fields.ts'

/** A handler of the older form, as the fetch of Node 20 to 24 passes it. */
export interface LegacyHandler {
  onConnect?(abort: (reason?: Error) => void, context: object | null): void
  onResponseStarted?(): void
  onHeaders?(status: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean | undefined
  onData?(chunk: Buffer): boolean | undefined
  onComplete?(rawTrailers: Buffer[]): void
  onError?(error: Error): void
  onUpgrade?(status: number, rawHeaders: Buffer[] | null, socket: object): void
  onBodySent?(chunk: Uint8Array): void
  onRequestSent?(): void
}

/** One request with a handler of the older form. */
export class LegacyDispatched extends Dispatched {
  private readonly legacy: LegacyHandler
  private readonly resumeOnce = (): void => this.resume()

  constructor(handler: LegacyHandler, ledger: Ledger) {
    super(
      {
        onRequestStart: (controller, context) =>
          handler.onConnect?.((reason) => controller.abort(reason as Error), context),
        ...(handler.onBodySent ? { onBodySent: (chunk: Buffer) => handler.onBodySent?.(chunk) } : {}),
        onRequestSent: () => handler.onRequestSent?.(),
      },
      ledger,
      true,
    )
    this.legacy = handler
  }

  protected override tellStarted(): void {
    this.legacy.onResponseStarted?.()
  }

  protected override tellHead(status: number, _headers: FieldList, statusText: string, raw: FieldList): void {
    if (this.legacy.onHeaders?.(status, toBuffers(raw), this.resumeOnce, statusText) !== false) return
    // Node's fetch answers 1xx with false and means nothing by it: it never resumes.
    if (status >= 200) this.pause()
  }

  protected override tellUpgrade(status: number, headers: FieldList, socket: Duplex): void {
    this.legacy.onUpgrade?.(status, toBuffers(headers), socket)
  }

  protected override tellData(chunk: Buffer): void {
    if (this.legacy.onData?.(chunk) === false) this.pause()
  }

  protected override tellEnd(trailers: FieldList): void {
    this.legacy.onComplete?.(toBuffers(trailers))
  }

  protected override tellError(error: Error): void {
    if (this.legacy.onError === undefined) throw error
    this.legacy.onError(error)
  }
}
