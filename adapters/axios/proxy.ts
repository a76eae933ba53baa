/** Whether the environment asks for a proxy, by the variables that axios reads. The proxy itself is axios's adapter's work. */
import { setImmediate } from '../../src/clock.ts'

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/**
 * Schemes for which the environment names no proxy. The environment is asked once a turn of the event loop: each look at it
 * is a call out of JavaScript, and there are four.
 */
const without = new Set<string>()

/** In doubt yes: axios's own adapter then decides by its own rules. */
export function proxyInEnvironment(url: URL): boolean {
  const { protocol } = url
  if (without.has(protocol)) return false
  const { env } = process
  const scheme = protocol.slice(0, -1)
  const proxy = env[`${scheme}_proxy`] || env[`${scheme.toUpperCase()}_PROXY`] || env['all_proxy'] || env['ALL_PROXY']
  if (proxy) return !isExempt(url, env['no_proxy'] || env['NO_PROXY'] || '')
  if (without.size === 0) setImmediate(forget)
  without.add(protocol)
  return false
}

function forget(): void {
  without.clear()
}

/** Entries are hosts, `.suffix`, `*.suffix` or `*`, each with a port or without. */
function isExempt(url: URL, list: string): boolean {
  const host = url.hostname.toLowerCase()
  const port = url.port || DEFAULT_PORTS[url.protocol]
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .some((entry) => {
      if (entry === '') return false
      if (entry === '*') return true
      const [, name, wanted] = /^(.+?)(?::(\d+))?$/.exec(entry) ?? []
      if (name === undefined || (wanted !== undefined && wanted !== port)) return false
      if (name.startsWith('*')) return host.endsWith(name.slice(1))
      return name.startsWith('.') ? host.endsWith(name) : host === name
    })
}
