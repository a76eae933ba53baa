/**
 * The proxy that the environment names for an origin, by the conventions that curl and others share.
 *
 * - `http_proxy` for `http:` origins, `https_proxy` for `https:` ones, `all_proxy` for either. Lower case goes before
 *   upper case; an empty value is none. `HTTP_PROXY` does not count where `REQUEST_METHOD` is set: in a CGI program it
 *   is a header of the client's (CVE-2016-5385).
 * - `no_proxy` is a list of hosts that are reached directly: `*` for all; a domain, which stands for itself and what is
 *   below it, with or without a leading dot or `*.`; an IP address or a range in CIDR notation; each with `:port` or not.
 */
import { BlockList } from 'node:net'
import { addressFamily } from './address-family.ts'
import type { Origin } from './origin.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** The value as it stands in the environment, and the variable's name. */
export interface NamedProxy {
  readonly variable: string
  readonly url: string
}

/** What the environment says for this origin; `undefined` when it is reached directly. */
export function proxyFromEnvironment(origin: Origin, env: Environment): NamedProxy | undefined {
  const noProxy = first(env, ['no_proxy', 'NO_PROXY'])
  if (noProxy !== undefined && isExempt(origin, noProxy.url)) return undefined
  const upper = `${origin.scheme.toUpperCase()}_PROXY`
  const names = [`${origin.scheme}_proxy`]
  if (upper !== 'HTTP_PROXY' || env['REQUEST_METHOD'] === undefined) names.push(upper)
  return first(env, [...names, 'all_proxy', 'ALL_PROXY'])
}

function first(env: Environment, names: readonly string[]): NamedProxy | undefined {
  for (const variable of names) {
    const value = env[variable]?.trim()
    if (value !== undefined && value !== '') return { variable, url: value }
  }
  return undefined
}

/** Does the list name this origin's host? */
export function isExempt(origin: Origin, noProxy: string): boolean {
  return noProxy.split(/[\s,]+/).some((entry) => entry !== '' && matches(origin, entry.toLowerCase()))
}

function matches(origin: Origin, entry: string): boolean {
  if (entry === '*') return true
  const { name, port } = splitPort(entry)
  if (port !== undefined && port !== origin.port) return false
  const host = origin.host.toLowerCase().replace(/\.$/, '')
  if (addressFamily(host) !== 0) return isInRange(host, name)
  const domain = name.replace(/^\*?\./, '').replace(/\.$/, '')
  return domain !== '' && (host === domain || host.endsWith(`.${domain}`))
}

/** `host:port`, `[v6]:port`, or one of them without a port; more than one colon is an IPv6 address. */
function splitPort(entry: string): { name: string; port: number | undefined } {
  const bracketed = /^\[([^\]]*)\](?::(\d+))?$/.exec(entry)
  const plain = bracketed ?? /^([^:]*):(\d+)$/.exec(entry)
  if (plain === null) return { name: entry, port: undefined }
  return { name: plain[1], port: plain[2] === undefined ? undefined : Number(plain[2]) }
}

/** Is the address this one, or within this range? Spellings of one address are equal. */
function isInRange(address: string, range: string): boolean {
  const [network, bits] = range.split('/')
  const family = addressFamily(network)
  if (family === 0) return false
  const longest = family === 4 ? 32 : 128
  const prefix = bits === undefined ? longest : /^\d{1,3}$/.test(bits) ? Number(bits) : -1
  if (prefix < 0 || prefix > longest) return false
  const list = new BlockList()
  list.addSubnet(network, prefix, family === 4 ? 'ipv4' : 'ipv6')
  return list.check(address, addressFamily(address) === 4 ? 'ipv4' : 'ipv6')
}
