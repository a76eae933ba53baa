/**
 * What two endpoints agree on in the handshake: a subprotocol, and the parameters of permessage-deflate (RFC 7692
 * section 7.1). The same for the upgrade of HTTP/1.1 and for extended CONNECT.
 */
import { isToken } from '../headers/names.ts'
import { WEBSOCKET_DEFLATE_THRESHOLD } from '../limits.ts'
import { CloseCode } from './codes.ts'
import { LocalProtocolError, RemoteProtocolError } from './errors.ts'

/** How both ends compress. */
export interface DeflateAgreement {
  readonly serverNoContextTakeover: boolean
  readonly clientNoContextTakeover: boolean
  /** 8 to 15. */
  readonly serverMaxWindowBits: number
  /** 8 to 15. */
  readonly clientMaxWindowBits: number
}

/** The outcome of a handshake. */
export interface Agreement {
  readonly subprotocol: string | undefined
  /** Null: messages are not compressed. */
  readonly deflate: DeflateAgreement | null
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

const NAME = 'permessage-deflate'

/**
 * @returns null when compression is off.
 * @throws {LocalProtocolError} when a value is out of its range.
 */
export function deflateSettings(options: boolean | DeflateOptions | undefined): DeflateSettings | null {
  if (options === undefined || options === false) return null
  const given = options === true ? {} : options
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

/** @throws {LocalProtocolError} */
export function checkRange(name: string, value: number, least: number, most: number): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return
  throw new LocalProtocolError(`${name} is ${value}: it must be a whole number from ${least} to ${most}`)
}

/** The client's offer, a value of Sec-WebSocket-Extensions. */
export function offerDeflate(settings: DeflateSettings): string {
  let offer = NAME
  if (settings.serverNoContextTakeover) offer += '; server_no_context_takeover'
  if (settings.clientNoContextTakeover) offer += '; client_no_context_takeover'
  if (settings.serverMaxWindowBits < 15) offer += `; server_max_window_bits=${settings.serverMaxWindowBits}`
  // Without a value it says that the server may limit our window (section 7.1.2.2).
  offer += '; client_max_window_bits'
  return settings.clientMaxWindowBits < 15 ? `${offer}=${settings.clientMaxWindowBits}` : offer
}

/**
 * The server's choice among a client's offers: the first that it can accept.
 * @param extensions a value of Sec-WebSocket-Extensions, which was checked.
 */
export function acceptDeflate(
  extensions: string,
  settings: DeflateSettings,
): { agreement: DeflateAgreement; field: string } | null {
  for (const { name, params } of parseExtensions(extensions)) {
    const offer = name === NAME ? readParams(params) : null
    if (offer === null) continue
    const serverNoContextTakeover = offer.serverNoContextTakeover || settings.serverNoContextTakeover
    const clientNoContextTakeover = offer.clientNoContextTakeover || settings.clientNoContextTakeover
    const serverMaxWindowBits = Math.min(offer.serverMaxWindowBits ?? 15, settings.serverMaxWindowBits)
    // Only who said client_max_window_bits may be told to use less (section 7.1.2.2).
    const clientLimit = offer.clientMaxWindowBits ?? 15
    if (offer.clientMaxWindowBits === undefined && settings.clientMaxWindowBits < 15) continue
    const clientMaxWindowBits = Math.min(clientLimit, settings.clientMaxWindowBits)
    let field = NAME
    if (serverNoContextTakeover) field += '; server_no_context_takeover'
    if (clientNoContextTakeover) field += '; client_no_context_takeover'
    if (serverMaxWindowBits < 15 || offer.serverMaxWindowBits !== undefined) {
      field += `; server_max_window_bits=${serverMaxWindowBits}`
    }
    if (clientMaxWindowBits < 15) field += `; client_max_window_bits=${clientMaxWindowBits}`
    const agreement = { serverNoContextTakeover, clientNoContextTakeover, serverMaxWindowBits, clientMaxWindowBits }
    return { agreement, field }
  }
  return null
}

/**
 * What a server's answer to our offer means.
 * @param settings null when nothing was offered.
 * @throws {RemoteProtocolError} when the answer does not fit the offer (RFC 6455 section 4.1, RFC 7692 section 7.1).
 */
export function readDeflateAnswer(extensions: string, settings: DeflateSettings | null): DeflateAgreement | null {
  const accepted = parseExtensions(extensions)
  if (accepted.length === 0) return null
  const [{ name, params }] = accepted
  if (settings === null || name !== NAME || accepted.length > 1) {
    throw mismatch('the server uses extensions that were not offered')
  }
  const answer = readParams(params)
  if (answer === null || params.some(([key, value]) => key === 'client_max_window_bits' && value === undefined)) {
    throw mismatch('the parameters of permessage-deflate are invalid')
  }
  const { serverMaxWindowBits = 15, clientMaxWindowBits = 15 } = answer
  if (serverMaxWindowBits > settings.serverMaxWindowBits) {
    throw mismatch('the server keeps a larger window than was asked for')
  }
  if (settings.serverNoContextTakeover && !answer.serverNoContextTakeover) {
    throw mismatch('the server keeps its context although it was asked not to')
  }
  return {
    serverNoContextTakeover: answer.serverNoContextTakeover,
    clientNoContextTakeover: answer.clientNoContextTakeover || settings.clientNoContextTakeover,
    serverMaxWindowBits,
    clientMaxWindowBits: Math.min(clientMaxWindowBits, settings.clientMaxWindowBits),
  }
}

interface Params {
  serverNoContextTakeover: boolean
  clientNoContextTakeover: boolean
  serverMaxWindowBits: number | undefined
  /** 15 when it came without a value. */
  clientMaxWindowBits: number | undefined
}

/** Null when a parameter is unknown, comes twice, or has a wrong value: such an offer is declined (section 7.1). */
function readParams(params: readonly Parameter[]): Params | null {
  const found: Params = {
    serverNoContextTakeover: false,
    clientNoContextTakeover: false,
    serverMaxWindowBits: undefined,
    clientMaxWindowBits: undefined,
  }
  if (new Set(params.map(([key]) => key)).size < params.length) return null
  for (const [key, value] of params) {
    if (key === 'server_no_context_takeover' && value === undefined) found.serverNoContextTakeover = true
    else if (key === 'client_no_context_takeover' && value === undefined) found.clientNoContextTakeover = true
    else if (key === 'client_max_window_bits' && value === undefined) found.clientMaxWindowBits = 15
    else if (value === undefined || !/^(?:[89]|1[0-5])$/.test(value)) return null
    else if (key === 'server_max_window_bits') found.serverMaxWindowBits = Number(value)
    else if (key === 'client_max_window_bits') found.clientMaxWindowBits = Number(value)
    else return null
  }
  return found
}

/** A name, and its value if it has one. */
type Parameter = readonly [string, string | undefined]

/** One extension of a list. */
export interface Extension {
  readonly name: string
  readonly params: readonly Parameter[]
}

/** token, or `=` and a token or a quoted token (RFC 6455 section 9.1). */
const PIECE = /[ \t]*([!#$%&'*+\-.^_`|~\dA-Za-z]+)[ \t]*(?:=[ \t]*(?:([!#$%&'*+\-.^_`|~\dA-Za-z]+)|"([^"]*)")[ \t]*)?/y

/**
 * Reads a value of Sec-WebSocket-Extensions; the empty text has none.
 * @throws {RemoteProtocolError} when it breaks the grammar.
 */
export function parseExtensions(text: string): Extension[] {
  const extensions: Extension[] = []
  if (text === '') return extensions
  let params: Parameter[] | null = null
  let at = 0
  for (;;) {
    PIECE.lastIndex = at
    const piece = PIECE.exec(text)
    if (piece === null) throw badExtensions()
    const [, name, token, quoted] = piece
    const value = token ?? quoted?.replace(/\\(.)/g, '$1')
    if (value !== undefined && !isToken(value)) throw badExtensions()
    if (params !== null) {
      params.push([name.toLowerCase(), value])
    } else {
      if (value !== undefined) throw badExtensions()
      params = []
      extensions.push({ name: name.toLowerCase(), params })
    }
    at = PIECE.lastIndex + 1
    if (at > text.length) return extensions
    const separator = text[at - 1]
    if (separator === ',') params = null
    else if (separator !== ';') throw badExtensions()
  }
}

function badExtensions(): RemoteProtocolError {
  return new RemoteProtocolError('Sec-WebSocket-Extensions is malformed', CloseCode.PROTOCOL_ERROR, 400)
}

function mismatch(why: string): RemoteProtocolError {
  return new RemoteProtocolError(`The handshake failed: ${why}`, CloseCode.PROTOCOL_ERROR)
}
