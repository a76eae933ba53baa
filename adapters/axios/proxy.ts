/** Whether the environment asks for a proxy, by the variables that axios reads. The proxy itself is axios's adapter's work. */

const DEFAULT_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' }

/** In doubt yes: axios's own adapter then decides by its own rules. */
export function proxyInEnvironment(url: URL): boolean {
  const { env } = process
  const scheme = url.protocol.slice(0, -1)
  const proxy = env[`${scheme}_proxy`] || env[`${scheme.toUpperCase()}_PROXY`] || env['all_proxy'] || env['ALL_PROXY']
  if (!proxy) return false
  return !isExempt(url, env['no_proxy'] || env['NO_PROXY'] || '')
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
