/**
 * Extensions (RFC 6455 section 9): what one is to a connection, and how two ends agree on which are used.
 *
 * Rules
 * - An extension sees whole messages that are received, and pieces of messages that are sent. It sees no frames, masks or control frames.
 * - Its reserved bits stand in the first frame of a message that it has changed, and nowhere else. No two extensions of a connection
 *   share one.
 * - What is sent passes them in the order of the server's answer, what comes in the reverse.
 */
import { isToken } from '../headers/names.ts'
import { CloseCode } from './codes.ts'
import { LocalProtocolError, RemoteProtocolError } from './errors.ts'

/** A parameter's name, in lower case, and its value if it has one. */
export type ExtensionParameter = readonly [string, string | undefined]

/**
 * An extension of one connection: `permessage-deflate` is one (RFC 7692), and others can be given by the option `extensions`. It
 * has the state of its connection, so each connection has its own.
 */
export interface WebSocketExtension {
  /** A token, in lower case. */
  readonly name: string
  /** The reserved bits that mark its messages: 4 for RSV1, 2 for RSV2, 1 for RSV3, or a sum. 0: it changes every message. */
  readonly rsv: number
  /** Client: the parameters that are offered, such as `a; b=1`; '' for none. */
  offer(): string
  /**
   * Server: one offer of a client. Tried with each of that name until one is accepted.
   * @returns the parameters of the answer, '' for none; null to decline.
   */
  accept(parameters: readonly ExtensionParameter[]): string | null
  /**
   * Client: the server's answer to the offer.
   * @throws {RemoteProtocolError} when it does not fit; the handshake fails.
   */
  confirm(parameters: readonly ExtensionParameter[]): void
  /**
   * Is a message to be changed? Asked before its first piece. Default: each is.
   * @param octets of the first piece. @param whole there are no others.
   */
  wants?(octets: number, whole: boolean): boolean
  /** A piece of a message as the payload of a frame. */
  encode(octets: Uint8Array, last: boolean): Uint8Array
  /**
   * A message from the payloads of its frames.
   * @param limit octets that it may have, if that is known before they are made: a longer one is refused in any case.
   * @throws {RemoteProtocolError} with the close code for the peer; any other error counts as 1007.
   */
  decode(payload: Uint8Array, limit: number): Uint8Array
}

/** Decodes by each extension that has changed a message, the last first. */
export function decodeMessage(
  extensions: readonly WebSocketExtension[],
  rsv: number,
  payload: Uint8Array,
  limit: number,
): Uint8Array {
  let octets = payload
  for (let i = extensions.length - 1; i >= 0; i--) {
    const extension = extensions[i]
    if (extension.rsv !== 0 && (extension.rsv & rsv) === 0) continue
    try {
      octets = extension.decode(octets, limit)
    } catch (error) {
      if (error instanceof RemoteProtocolError) throw error
      throw new RemoteProtocolError(`${extension.name} failed: ${String(error)}`, CloseCode.INVALID_DATA)
    }
    if (octets.length > limit) {
      throw new RemoteProtocolError(
        `A message has more than the ${limit} octets allowed after ${extension.name}`,
        CloseCode.TOO_BIG,
      )
    }
  }
  return octets
}

/**
 * Can these be used together?
 * @throws {LocalProtocolError}
 */
export function checkExtensions(extensions: readonly WebSocketExtension[]): void {
  let bits = 0
  const names = new Set<string>()
  for (const { name, rsv } of extensions) {
    if (!isToken(name) || name !== name.toLowerCase()) {
      throw new LocalProtocolError(`The name of an extension is a token in lower case, not ${JSON.stringify(name)}`)
    }
    if (!Number.isInteger(rsv) || rsv < 0 || rsv > 7)
      throw new LocalProtocolError(`${name} has no reserved bits ${rsv}`)
    if (names.has(name)) throw new LocalProtocolError(`The extension ${name} is given twice`)
    if ((bits & rsv) !== 0) throw new LocalProtocolError(`${name} uses a reserved bit that another extension has`)
    names.add(name)
    bits |= rsv
  }
}

/**
 * The client's offers, a value of Sec-WebSocket-Extensions.
 * @throws {LocalProtocolError} when one breaks the grammar.
 */
export function offerExtensions(extensions: readonly WebSocketExtension[]): string {
  return extensions.map((extension) => item(extension, extension.offer())).join(', ')
}

/**
 * The server's choice among a client's offers, in their order.
 * @param offers a value of Sec-WebSocket-Extensions, which was checked.
 * @throws {LocalProtocolError} when an answer breaks the grammar.
 */
export function acceptExtensions(
  offers: string,
  extensions: readonly WebSocketExtension[],
): { readonly active: WebSocketExtension[]; readonly field: string } {
  const active: WebSocketExtension[] = []
  const fields: string[] = []
  for (const { name, params } of parseExtensions(offers)) {
    const extension = extensions.find((one) => one.name === name)
    if (extension === undefined || active.includes(extension)) continue
    const answer = extension.accept(params)
    if (answer === null) continue
    active.push(extension)
    fields.push(item(extension, answer))
  }
  return { active, field: fields.join(', ') }
}

/**
 * What a server's answer to our offers means: the extensions that are used, in order.
 * @throws {RemoteProtocolError} when it does not fit the offers (RFC 6455 section 4.1).
 */
export function confirmExtensions(answer: string, extensions: readonly WebSocketExtension[]): WebSocketExtension[] {
  const active: WebSocketExtension[] = []
  for (const { name, params } of parseExtensions(answer)) {
    const extension = extensions.find((one) => one.name === name)
    if (extension === undefined || active.includes(extension)) {
      throw mismatch('the server uses extensions that were not offered')
    }
    extension.confirm(params)
    active.push(extension)
  }
  return active
}

function item({ name }: WebSocketExtension, parameters: string): string {
  const text = parameters === '' ? name : `${name}; ${parameters}`
  try {
    if (parseExtensions(text).length === 1) return text
  } catch {
    // It is the caller's extension, not the peer's.
  }
  throw new LocalProtocolError(`The parameters of ${name} are malformed: ${JSON.stringify(parameters)}`)
}

export function mismatch(why: string): RemoteProtocolError {
  return new RemoteProtocolError(`The handshake failed: ${why}`, CloseCode.PROTOCOL_ERROR)
}

/** One extension of a list. */
export interface Extension {
  readonly name: string
  readonly params: readonly ExtensionParameter[]
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
  let params: ExtensionParameter[] | null = null
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
