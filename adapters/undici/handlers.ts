/** Handlers as they are given to a dispatcher, of either form: what they must have, and how they get the error of a refusal. */
import type { Dispatcher } from 'undici'
import { errors, isWrappedLegacyHandler } from './internals.ts'
import type { LegacyHandler } from './legacy.ts'
import type { RawDispatchOptions } from './request.ts'

/**
 * Does `allowH2: false` come from undici 8's wrapper for handlers of the older form, rather than from anybody who means it?
 * Such a handler, and behind interceptors the very options that Node's fetch passes, tell. Here they get HTTP/2 as well.
 */
export function isUnmeant(options: RawDispatchOptions, handler: object): boolean {
  return isWrappedLegacyHandler(handler) || (options.maxRedirections === 0 && 'upgrade' in options)
}

const handlerMethods = ['onResponseStart', 'onResponseData', 'onResponseEnd', 'onResponseError'] as const
const upgradeMethods = ['onRequestUpgrade', 'onResponseError'] as const

export function checkHandler(handler: Dispatcher.DispatchHandler, opens: boolean): void {
  for (const name of opens ? upgradeMethods : handlerMethods) {
    if (typeof handler[name] !== 'function') throw new errors.InvalidArgumentError(`invalid ${name} method`)
  }
}

const legacyMethods = ['onConnect', 'onHeaders', 'onData', 'onComplete', 'onError'] as const
const legacyUpgradeMethods = ['onConnect', 'onUpgrade', 'onError'] as const

export function checkLegacyHandler(handler: LegacyHandler, opens: boolean): void {
  const wanted = opens ? legacyUpgradeMethods : legacyMethods
  const known = wanted.some((name) => typeof handler[name] === 'function')
  if (!known) throw new errors.InvalidArgumentError('invalid onRequestStart method')
  for (const name of wanted) {
    if (typeof handler[name] !== 'function') throw new errors.InvalidArgumentError(`invalid ${name} method`)
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
