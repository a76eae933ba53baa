/** Whether a host is an address: node:net's answer, without its cost where it is plain. */
import { isIP } from 'node:net'

/** An address has a colon, or is nothing but digits and dots. */
const MAY_BE_ADDRESS = /:|^[\d.]+$/

/**
 * The first name that node:net is asked about costs its process 10 milliseconds or more: Node compiles the large pattern of
 * IPv6 then. No name needs it.
 * @returns 4 or 6, and 0 for a name.
 */
export function addressFamily(host: string): 0 | 4 | 6 {
  if (!MAY_BE_ADDRESS.test(host)) return 0
  const family = isIP(host)
  return family === 4 || family === 6 ? family : 0
}
