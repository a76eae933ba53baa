/**
 * Upgrades (WebSocket among them) and CONNECT, which end in a socket of the caller's own: they go over HTTP/1.1, by an
 * Agent of undici's that is loaded and made for the first of them. So `WebSocket` works on where a HyperDispatcher is the
 * global dispatcher.
 */
import type { Agent, Dispatcher } from 'undici'
import type { LegacyHandler } from './exchange.ts'
import { wrapLegacyHandler } from './internals.ts'
import type { HyperDispatcherOptions } from './options.ts'

export class Upgrades {
  private readonly options: HyperDispatcherOptions
  private agent: Promise<Agent> | undefined

  constructor(options: HyperDispatcherOptions) {
    this.options = options
  }

  /** Whatever fails is told to the handler. */
  async dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): Promise<void> {
    try {
      this.agent ??= this.makeAgent()
      const agent = await this.agent
      agent.dispatch(options as Agent.DispatchOptions, wrapLegacyHandler(handler))
    } catch (error) {
      refuse(handler, error)
    }
  }

  async close(): Promise<void> {
    await (await this.agent)?.close()
  }

  async destroy(reason: Error): Promise<void> {
    await (await this.agent)?.destroy(reason)
  }

  private async makeAgent(): Promise<Agent> {
    const { default: UndiciAgent } = await import('undici/lib/dispatcher/agent.js')
    const { pool, h2Options, ...options } = this.options
    return new UndiciAgent({ ...options, allowH2: false })
  }
}

/** Tells a handler of a request that was never started. */
export function refuse(handler: Dispatcher.DispatchHandler & LegacyHandler, error: unknown): void {
  if (typeof handler.onResponseError === 'function') {
    // undici's types leave out that there is no controller yet.
    Reflect.apply(handler.onResponseError, handler, [null, error])
  } else if (typeof handler.onError === 'function') {
    handler.onError(error as Error)
  } else {
    throw error
  }
}
