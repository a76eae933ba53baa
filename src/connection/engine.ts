/** How the protocol engine of a connection is set up. */

import {
  type ConnectionListener,
  firstWindow,
  H2Connection,
  type H2ConnectionOptions,
  managerFactory,
} from '../h2/index.ts'
import { ignore } from '../ignore.ts'
import { MAX_STREAM_WINDOW } from '../limits.ts'
import type { ConnectionInfo } from '../net/options.ts'
import type { Origin } from '../net/origin.ts'
import type { ConnectionSettings } from './contract.ts'

/** @param info of the connection; without it windows are of their least size. */
export function engineOptions(
  origin: Origin,
  settings: ConnectionSettings,
  info?: ConnectionInfo,
): H2ConnectionOptions {
  const { streamWindow } = settings
  return {
    origin: origin.href,
    streamWindow: streamWindow ?? firstWindow(info === undefined ? 0 : handshakeTime(info)),
    maxStreamWindow: settings.maxStreamWindow ?? streamWindow ?? MAX_STREAM_WINDOW,
    connectionWindow: settings.connectionWindow,
    windowManager: managerFactory(settings.windowManager),
    maxHeaderListSize: settings.maxHeaderListSize,
    maxHeaderFields: settings.maxHeaderFields,
    enablePush: settings.enablePush,
    maxConcurrentStreams: settings.maxPushes,
    allowNoErrorCut: settings.allowNoErrorCut,
    // The serialiser of requests has checked them.
    validateOutbound: 'elsewhere',
  }
}

/** How long the last step of the connect chain took, which is a round trip to the peer itself, and a little more. */
function handshakeTime({ timings }: ConnectionInfo): number {
  const { start, lookup, connect, proxy, secureConnect } = timings
  const end = secureConnect ?? connect
  const begin = secureConnect === undefined ? (lookup ?? start) : (proxy ?? connect)
  return end === undefined || begin === undefined ? 0 : Math.max(0, end - begin)
}

/** Our SETTINGS as `HTTP2-Settings` of an upgrade says them (RFC 7540 section 3.2.1). */
export function upgradeSettings(origin: Origin, settings: ConnectionSettings): string {
  return new H2Connection(SILENT, engineOptions(origin, settings)).upgradeSettings()
}

const SILENT: ConnectionListener = {
  onOutput: ignore,
  onSettings: ignore,
  onPong: ignore,
  onGoaway: ignore,
  onStreamClosed: ignore,
  onFailed: ignore,
}
