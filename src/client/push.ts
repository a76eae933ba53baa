/**
 * Server push (RFC 9113 section 8.4) for `HTTPConnection`: promises are kept until somebody asks for them.
 *
 * A promise of another origin than the one asked is refused before it comes here, as is one of a method that is not safe.
 */
import type { ExchangeHandler, PushPromise } from '../exchange/contract.ts'
import { HTTPHeaderMap } from './header-map.ts'
import { PendingResponse } from './pending-response.ts'
import type { DecodeLimits, HTTPResponse } from './response.ts'

/** A request that the server made up, and the answer to it that it sends. */
export class Push {
  /** The `:scheme` of the promised request. */
  readonly scheme: string
  /** The `:method` of the promised request. */
  readonly method: string
  /** The `:authority` of the promised request. */
  readonly authority: string
  /** The `:path` of the promised request. */
  readonly path: string
  /** The fields of the made-up request, without pseudo-header fields. */
  readonly requestHeaders: HTTPHeaderMap
  private readonly promise: PushPromise
  private readonly pending: PendingResponse

  /** @internal */
  constructor(promise: PushPromise, pending: PendingResponse) {
    this.scheme = promise.scheme
    this.method = promise.method
    this.authority = promise.authority
    this.path = promise.path
    this.requestHeaders = new HTTPHeaderMap(promise.headers)
    this.promise = promise
    this.pending = pending
  }

  /** The pushed response; the same one each time. Rejects with the error that ended it. */
  getResponse(): Promise<HTTPResponse> {
    return this.pending.response
  }

  /** The response is not wanted: RST_STREAM CANCEL. After its end: nothing. */
  cancel(): void {
    this.promise.exchange.abort()
  }
}

/** The pushes of one request, in the order of their promises. */
export class PushQueue {
  private readonly pushes: Push[] = []
  private ended = false
  private claimants = 0
  private wake: (() => void) | undefined

  get length(): number {
    return this.pushes.length
  }

  /** Takes a promise. @param settled the answer is over. @returns what hears it. */
  take(promise: PushPromise, limits: DecodeLimits, settled: () => void): ExchangeHandler {
    const pending = new PendingResponse(limits, { settled })
    pending.attach(promise.exchange)
    this.pushes.push(new Push(promise, pending))
    this.wakeUp()
    return pending
  }

  /** The request is over: no further promise can come. */
  end(): void {
    this.ended = true
    this.wakeUp()
  }

  /** Somebody is asking for them just now. */
  get isClaimed(): boolean {
    return this.claimants > 0
  }

  /** Those nobody has asked for are cancelled. @returns how many they were. */
  cancelAll(): number {
    const pushes = this.pushes.splice(0)
    for (const push of pushes) push.cancel()
    return pushes.length
  }

  /** @param captureAll also those still to come, until the request is over. */
  async *claim(captureAll: boolean, onClaimed: () => void): AsyncGenerator<Push, void, undefined> {
    this.claimants++
    try {
      for (;;) {
        const push = this.pushes.shift()
        if (push !== undefined) {
          onClaimed()
          yield push
        } else if (!captureAll || this.ended) {
          return
        } else {
          await this.more()
        }
      }
    } finally {
      this.claimants--
    }
  }

  /** Another promise, or the end of them. */
  private more(): Promise<void> {
    return new Promise((resolve) => {
      const { wake } = this
      // Several may wait.
      this.wake = () => {
        wake?.()
        resolve()
      }
    })
  }

  private wakeUp(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}
