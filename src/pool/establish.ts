/** From a socket that the connect chain has opened to a connection that carries exchanges. */
import type { Connection, ConnectionOwner } from '../connection/contract.ts'
import { upgradeSettings } from '../connection/engine.ts'
import { askForH2c, UPGRADE_METHOD } from '../connection/h2c-upgrade.ts'
import { Http1Connection } from '../connection/http1.ts'
import { Http2Connection } from '../connection/http2.ts'
import { ConnectError, type HyperError, toError } from '../errors.ts'
import { NO_LISTENER } from '../h2/stream.ts'
import { ignore } from '../ignore.ts'
import { CONNECT_TIMEOUT } from '../limits.ts'
import type { Dialled } from '../net/link.ts'
import type { ConnectionInfo, ConnectOptions } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import type { PoolOptions } from './options.ts'

/** @param connection null without an error: the server speaks HTTP/1.1 only, and this socket cannot be used for it. */
export type EstablishCallback = (error: HyperError | null, connection: Connection | null) => void

/** The callback is called once, and for HTTP/2 by ALPN or prior knowledge at once. */
export function establish(
  origin: Origin,
  dialled: Dialled,
  connect: ConnectOptions,
  owner: ConnectionOwner,
  options: PoolOptions,
  callback: EstablishCallback,
): void {
  const { socket, info } = dialled
  if (info.protocol === 'h2') {
    begin(origin, dialled, callback, () => new Http2Connection(origin, socket, info, owner, options))
  } else if (origin.scheme === 'http' && connect.h2c === 'upgrade' && connect.allowH2 !== false) {
    upgrade(origin, dialled, owner, options, callback)
  } else {
    const { absoluteForm } = dialled
    begin(origin, dialled, callback, () => new Http1Connection(origin, socket, info, owner, options, absoluteForm))
  }
}

function upgrade(
  origin: Origin,
  dialled: Dialled,
  owner: ConnectionOwner,
  options: PoolOptions,
  callback: EstablishCallback,
): void {
  const { socket, info } = dialled
  socket.on('error', ignore)
  const timeout = options.connectTimeout ?? CONNECT_TIMEOUT
  askForH2c(origin, socket, upgradeSettings(origin, options), timeout, (error, octets) => {
    if (error !== null || octets === null) {
      socket.destroy()
      callback(error, null)
      return
    }
    const start = { method: UPGRADE_METHOD, listener: NO_LISTENER, octets }
    const h2: ConnectionInfo = { ...info, protocol: 'h2' }
    begin(origin, dialled, callback, () => new Http2Connection(origin, socket, h2, owner, options, start))
  })
}

function begin(origin: Origin, { socket }: Dialled, callback: EstablishCallback, make: () => Connection): void {
  let connection: Connection
  try {
    connection = make()
  } catch (thrown) {
    socket.destroy()
    callback(unusable(origin, thrown), null)
    return
  }
  callback(null, connection)
}

function unusable(origin: Origin, cause: unknown): ConnectError {
  const message = `Cannot use the connection to ${origin.href}: ${toError(cause).message}`
  return new ConnectError(message, { phase: 'preface', origin: origin.href, cause })
}
