/**
 * What MockAgent needs of the dispatcher that it is given as `agent`: a map of the mocks by origin, which the dispatcher
 * asks before it sends anything. What a mock lets through to the net goes by the dispatcher, not by a pool of the mock's.
 */
import type { Dispatcher } from 'undici'
import { kDispatch } from './internals.ts'

/** Sends without regard to mocks. */
interface Real {
  dispatchReal(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean
}

/** A mock as MockAgent keeps it; that of undici 7 keeps its uses beside it. */
type Kept = Dispatcher | { readonly dispatcher: Dispatcher }

/** Mocks by origin; keys that are patterns are MockAgent's own affair. */
export class Mocks extends Map<unknown, Kept> {
  private readonly real: Real

  constructor(real: Real) {
    super()
    this.real = real
  }

  override set(origin: unknown, kept: Kept): this {
    const { real } = this
    const mock = mockOf(kept)
    // What a mock does with a request that nobody answers for it.
    Reflect.set(mock, kDispatch, (options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean =>
      real.dispatchReal(options, handler),
    )
    return super.set(origin, kept)
  }

  /** The mock that answers for what these options ask. */
  for(options: Dispatcher.DispatchOptions): Dispatcher | undefined {
    const kept = options?.origin === undefined ? undefined : this.get(String(options.origin))
    return kept && mockOf(kept)
  }
}

function mockOf(kept: Kept): Dispatcher {
  return 'dispatcher' in kept ? kept.dispatcher : kept
}
