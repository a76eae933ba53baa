/**
 * The pool's key: what must be equal for two requests to share a connection. Scheme, host and port; the client
 * certificate; and whatever else changes who the peer is or how it is reached. Times are no part of it.
 *
 * Keys are canonical: an option that is `undefined` equals one that is absent, a certificate given as text equals the
 * same one given as bytes, and the order of options does not matter.
 */

import { canonicalText, sortedEntries, tlsIdentity } from '../net/identity.ts'
import type { ConnectOptions } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import { normaliseProxy, proxyKey } from '../net/proxy.ts'
import { mergeTls } from '../net/tls-units.ts'

/**
 * @param env where `proxy: 'env'` looks.
 * @throws {InvalidArgumentError} when the proxy is none.
 */
export function poolKey(origin: Origin, options: ConnectOptions, env = process.env): string {
  const parts: string[] = []
  for (const [name, value] of sortedEntries(options)) {
    if (value === undefined || isDefault(name, value)) continue
    const text = textOf(name, options, origin, env)
    if (text !== '') parts.push(`${name}=${text}`)
  }
  return parts.length === 0 ? origin.href : `${origin.href}#${parts.join('&')}`
}

function textOf(name: string, options: ConnectOptions, origin: Origin, env: NodeJS.ProcessEnv): string {
  switch (name) {
    case 'tls':
      return tlsIdentity(options.tls)
    case 'proxy':
      return proxyKey(normaliseProxy(options.proxy, origin, env))
    default:
      return canonicalText(options[name as keyof ConnectOptions])
  }
}

/** The default spelt out equals the default left out. */
function isDefault(name: string, value: unknown): boolean {
  switch (name) {
    case 'allowH1':
    case 'allowH2':
      return value === true
    case 'family':
      return value === 0
    case 'proxy':
      return value === false
    default:
      return false
  }
}

/**
 * The options that belong to the key, out of a larger set; the request's go before the pool's, of TLS by its units.
 * @throws {InvalidArgumentError} when part of a secure context is to be replaced whose other parts are unknown.
 */
export function mergeConnectOptions(base: ConnectOptions, over: ConnectOptions = {}): ConnectOptions {
  const pick = <Name extends keyof ConnectOptions>(name: Name): ConnectOptions[Name] =>
    own(over, name) ?? own(base, name)
  return {
    socketPath: pick('socketPath'),
    localAddress: pick('localAddress'),
    family: pick('family'),
    lookup: pick('lookup'),
    allowH2: pick('allowH2'),
    allowH1: pick('allowH1'),
    h2c: pick('h2c'),
    proxy: pick('proxy') ?? operatorsProxy(),
    tls: mergeTls(own(base, 'tls'), own(over, 'tls')),
  }
}

/** Own properties only: a polluted Object.prototype must not lead connections elsewhere. */
function own<Name extends keyof ConnectOptions>(options: ConnectOptions, name: Name): ConnectOptions[Name] {
  return Object.hasOwn(options, name) ? options[name] : undefined
}

/** The default of `proxy` from the environment: `NODE_USE_ENV_PROXY=1`, as for Node itself. */
function operatorsProxy(): 'env' | undefined {
  if (process.env.NODE_USE_ENV_PROXY !== '1' && !process.execArgv.includes('--use-env-proxy')) return undefined
  return 'env'
}

/**
 * The options that are compared by identity: functions and contexts. A caller may make new ones for each request.
 */
export function identified({ lookup, tls = {} }: ConnectOptions): object[] {
  const { checkServerIdentity, pskCallback, secureContext, keyLog } = tls
  const all: unknown[] = [lookup, checkServerIdentity, pskCallback, secureContext, keyLog]
  return all.filter((one) => typeof one === 'function' || (typeof one === 'object' && one !== null))
}
