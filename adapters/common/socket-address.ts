/** A connection's own end, in the form of `socket.address()`. */
import type { ConnectionInfo } from '../../src/net/options.ts'

/** @param info undefined, or without an address, while there is none: then the answer is empty, as Node's is. */
export function socketAddress(info: ConnectionInfo | undefined): { address?: string; port?: number; family?: string } {
  const { localAddress, localPort, remoteFamily } = info ?? {}
  if (localAddress === undefined) return {}
  return {
    address: localAddress,
    ...(localPort === undefined ? {} : { port: localPort }),
    ...(remoteFamily === undefined ? {} : { family: remoteFamily }),
  }
}
