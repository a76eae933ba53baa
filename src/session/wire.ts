/** What a connection lies on. */
import type { Duplex } from 'node:stream'

/** Both ends of a TCP connection. */
export interface Ends {
  readonly remoteAddress?: string | undefined
  readonly remotePort?: number | undefined
  readonly remoteFamily?: string | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
}

/** What a connection needs of its socket: a `net.Socket`, or a tunnel within an HTTP/2 connection to a proxy. */
export interface Wire extends Duplex, Ends {
  readonly bytesRead: number
  readonly bytesWritten: number
  ref(): this
  unref(): this
  setNoDelay(noDelay?: boolean): this
  setKeepAlive(enable?: boolean, initialDelay?: number): this
}
