/**
 * The SOCKS link: the npm package `socks` speaks SOCKS 4, 4a and 5 (RFC 1928, 1929) over the wire that it gets, which
 * becomes the way to the origin. The package is loaded when the first such proxy is used, and need not be there before.
 */
import { Socket } from 'node:net'
import { ConnectError, systemCodeOf, toError } from '../errors.ts'
import { ignore } from '../ignore.ts'
import type { Cancel, Outcome, Wire } from './link.ts'
import type { CanonicalProxy } from './proxy.ts'
import { type LoadSocks, loadSocks } from './socks-package.ts'
import { proxyFault } from './tunnel.ts'

/** Where the proxy is to connect to, and for whom. */
export interface SocksRequest {
  readonly proxy: CanonicalProxy
  /** An address, or a name for the proxy to resolve. */
  readonly host: string
  readonly port: number
  /** The origin, as messages name it. */
  readonly origin: string
}

/** The deadline is the dial's; the package's own must not come before it. */
const NO_TIMEOUT = 0x7fffffff

export function openSocks(
  wire: Socket,
  request: SocksRequest,
  outcome: Outcome<Wire>,
  load: LoadSocks = loadSocks,
): Cancel {
  const { proxy, host, port, origin } = request
  let over = false
  const fail = (error: Error): void => {
    if (over) return
    over = true
    wire.destroy()
    outcome.fail(error)
  }
  const onClose = (): void => fail(proxyFault({ proxy: proxy.href, origin }, 'it closed the connection'))
  wire.once('close', onClose)
  const speak = async (): Promise<void> => {
    const { SocksClient } = await load().catch((cause: unknown) => {
      throw missing(request, cause)
    })
    if (over) return
    const { username, password } = proxy
    const { socket } = await SocksClient.createConnection({
      command: 'connect',
      proxy: {
        host: proxy.host,
        port: proxy.port,
        type: proxy.kind === 'socks4' ? 4 : 5,
        ...(username === '' ? {} : { userId: username }),
        ...(password === '' ? {} : { password }),
      },
      destination: { host, port },
      existing_socket: wire,
      timeout: NO_TIMEOUT,
    })
    if (socket !== wire || !(socket instanceof Socket))
      throw new Error('the package "socks" returned a different socket')
    takeOver(wire, () => {
      wire.off('close', onClose)
      if (over) return
      over = true
      outcome.done(wire)
    })
  }
  speak().catch((thrown: unknown) => {
    fail(
      thrown instanceof ConnectError
        ? thrown
        : // The package's error holds the password; its message says all.
          proxyFault({ proxy: proxy.href, origin }, toError(thrown).message, new Error(toError(thrown).message)),
    )
  })
  return () => {
    over = true
    wire.destroy()
  }
}

/**
 * The package hands the socket back paused, and in a turn of its own says as 'data' what it read too much, and resumes.
 * What it says is put back, and the socket is left as a new one is: it flows once somebody listens.
 */
function takeOver(wire: Socket, then: () => void): void {
  const early: Buffer[] = []
  const collect = (chunk: Buffer): void => {
    early.push(chunk)
  }
  wire.on('data', collect)
  wire.pause()
  setImmediate(() => {
    wire.pause()
    wire.off('data', collect)
    // A stream that had a listener for 'readable' and lost it is neither paused nor flowing.
    wire.on('readable', ignore).off('readable', ignore)
    if (early.length > 0) wire.unshift(Buffer.concat(early))
    then()
  })
}

function missing({ origin, proxy }: SocksRequest, cause: unknown): ConnectError {
  const why =
    systemCodeOf(cause) === 'MODULE_NOT_FOUND'
      ? 'SOCKS proxies need the package "socks": npm install socks'
      : `the package "socks" cannot be loaded: ${toError(cause).message}`
  return new ConnectError(`Cannot connect to ${origin} through ${proxy.href}: ${why}`, {
    phase: 'proxy',
    origin,
    cause,
  })
}
