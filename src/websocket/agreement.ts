/**
 * What two endpoints agree on in the handshake: a subprotocol, and extensions. The same for the upgrade of HTTP/1.1 and for
 * extended CONNECT.
 */
import { WEBSOCKET_DEFLATE_THRESHOLD } from '../limits.ts'
import { unknownOption } from '../option-names.ts'
import { LocalProtocolError } from './errors.ts'
import type { WebSocketExtension } from './extension.ts'

/** How both ends compress. */
export interface DeflateAgreement {
  /** The server begins each message with an empty window. */
  readonly serverNoContextTakeover: boolean
  /** The client begins each message with an empty window. */
  readonly clientNoContextTakeover: boolean
  /** 8 to 15. */
  readonly serverMaxWindowBits: number
  /** 8 to 15. */
  readonly clientMaxWindowBits: number
}

/** The outcome of a handshake. */
export interface Agreement {
  /** The one that the server chose; undefined: none. */
  readonly subprotocol: string | undefined
  /** Null: messages are not compressed. */
  readonly deflate: DeflateAgreement | null
  /** All that are used, in their order. Absent: none but what `deflate` says. */
  readonly extensions?: readonly WebSocketExtension[]
}

/** What a client offers or a server accepts, and how our own end compresses. */
export interface DeflateOptions {
  /** Must the server begin every message with an empty window? Saves memory at both ends. Default false. */
  readonly serverNoContextTakeover?: boolean
  /** Must the client? Default false. */
  readonly clientNoContextTakeover?: boolean
  /** The server's largest window, 8 to 15 bits. Default 15. */
  readonly serverMaxWindowBits?: number
  /** The client's largest window, 8 to 15 bits. Default 15. */
  readonly clientMaxWindowBits?: number
  /** zlib's level, -1 to 9. Default -1, zlib's own choice. */
  readonly level?: number
  /** zlib's memory level, 1 to 9. Default 8, zlib's own. */
  readonly memLevel?: number
  /** Messages of fewer octets are sent as they are. Default 64. */
  readonly threshold?: number
}

/** DeflateOptions with every default filled in. */
export type DeflateSettings = Required<DeflateOptions>

const OPTIONS: ReadonlySet<string> = new Set([
  ...['serverNoContextTakeover', 'clientNoContextTakeover', 'serverMaxWindowBits', 'clientMaxWindowBits'],
  ...['level', 'memLevel', 'threshold'],
])

/**
 * @returns null when compression is off.
 * @throws {LocalProtocolError} naming the option that is unknown, or is out of its range.
 */
export function deflateSettings(options: boolean | DeflateOptions | undefined): DeflateSettings | null {
  if (options === undefined || options === false) return null
  const given = options === true ? {} : options
  checkNames(given, OPTIONS, 'deflate.')
  const settings: DeflateSettings = {
    serverNoContextTakeover: given.serverNoContextTakeover ?? false,
    clientNoContextTakeover: given.clientNoContextTakeover ?? false,
    serverMaxWindowBits: given.serverMaxWindowBits ?? 15,
    clientMaxWindowBits: given.clientMaxWindowBits ?? 15,
    level: given.level ?? -1,
    memLevel: given.memLevel ?? 8,
    threshold: given.threshold ?? WEBSOCKET_DEFLATE_THRESHOLD,
  }
  checkRange('serverMaxWindowBits', settings.serverMaxWindowBits, 8, 15)
  checkRange('clientMaxWindowBits', settings.clientMaxWindowBits, 8, 15)
  checkRange('level', settings.level, -1, 9)
  checkRange('memLevel', settings.memLevel, 1, 9)
  checkRange('threshold', settings.threshold, 0, Number.MAX_SAFE_INTEGER)
  return settings
}

/**
 * @param prefix stands before the name in the message.
 * @throws {LocalProtocolError} naming the option that is unknown.
 */
export function checkNames(given: object, known: ReadonlySet<string>, prefix = ''): void {
  const message = unknownOption(given, known, prefix)
  if (message !== undefined) throw new LocalProtocolError(message)
}

/** @throws {LocalProtocolError} when the value is not a whole number in this range. */
export function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  throw new LocalProtocolError(`${name} is ${value}: it must be a whole number from ${least} to ${most}`)
}
