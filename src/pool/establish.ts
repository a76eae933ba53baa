/** From a socket that the connect chain has opened to a connection that carries exchanges. */
import type { Connection, ConnectionOwner } from '../connection/contract.ts'
import { upgradeSettings } from '../connection/engine.ts'
import { askForH2c, UPGRADE_METHOD } from '../connection/h2c-upgrade.ts'
import { Http1Connection, loadClient } from '../connection/http1.ts'
import { Http2Connection } from '../connection/http2.ts'
import { ConnectError, type HyperError, toError } from '../errors.ts'
import type { ConnectionInfo, ConnectOptions } from '../exchange.ts'
import { NOBODY } from '../h2/stream.ts'
import { CONNECT_TIMEOUT } from '../limits.ts'
import type { Dialled } from '../net/link.ts'
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
    void startHttp1(origin, dialled, owner, options, callback)
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
    const start = { method: UPGRADE_METHOD, listener: NOBODY, octets }
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

/** The client of HTTP/1.1 may have to be loaded first. */
async function startHttp1(
  origin: Origin,
  dialled: Dialled,
  owner: ConnectionOwner,
  options: PoolOptions,
  callback: EstablishCallback,
): Promise<void> {
  const { socket, info, absoluteForm } = dialled
  socket.on('error', ignore)
  let ClientClass: Awaited<ReturnType<typeof loadClient>>
  try {
    ClientClass = await loadClient()
  } catch (thrown) {
    socket.destroy()
    callback(unusable(origin, thrown), null)
    return
  }
  if (socket.destroyed) {
    const message = `Cannot connect to ${origin.href}: the socket closed`
    callback(new ConnectError(message, { phase: 'tcp', origin: origin.href }), null)
    return
  }
  const make = (): Connection => new Http1Connection(ClientClass, origin, socket, info, owner, options, absoluteForm)
  begin(origin, dialled, callback, make)
}

function ignore(): void {
  // The next owner reports what happens to the socket.
}
