/** Which name TLS asks for and verifies, when a request names another host than its URL: node:https's rule. */
import { addressFamily } from '../../src/net/address-family.ts'

/**
 * node:https takes the name for TLS from the Host header. So a server is asked at an address, or by the name of a load balancer,
 * and known by the name of its certificate.
 * @param hostname of the URL.
 * @returns undefined when it is the URL's own; empty for none.
 */
export function serverNameOf(hostHeader: unknown, hostname: string): string | undefined {
  if (typeof hostHeader !== 'string' || hostHeader === '') return undefined
  const name = (hostHeader.startsWith('[') ? hostHeader.slice(1).split(']', 1)[0] : hostHeader.split(':', 1)[0]) ?? ''
  const own = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  if (name.toLowerCase() === own.toLowerCase()) return undefined
  return addressFamily(name) === 0 ? name : ''
}
