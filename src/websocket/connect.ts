/**
 * WebSocket over one stream of HTTP/2 (RFC 8441 section 5): the handshake as header sections, which the owner of
 * the HTTP/2 connection sends and receives. Afterwards a WSConnection made with the `agreement` carries the frames in DATA.
 */
import type { FieldList } from '../headers/fields.ts'
import type { RequestHead } from '../headers/section.ts'
import { type Agreement, checkNames, type DeflateOptions } from './agreement.ts'
import { LocalProtocolError, RemoteProtocolError } from './errors.ts'
import type { AcceptEvent, ErrorEvent, RejectEvent, RequestEvent } from './events.ts'
import type { WebSocketExtension } from './extension.ts'
import {
  agree,
  checkValue,
  handshakeError,
  offerFields,
  ownFields,
  readAgreement,
  readRequest,
  VERSION,
} from './handshake.ts'
import { extensionsOf } from './permessage-deflate.ts'

/** What a client asks for. */
export interface ConnectRequest {
  /** `host[:port]`. */
  readonly authority: string
  /** Default `/`. */
  readonly path?: string
  /** Default `https`, which stands for wss. */
  readonly scheme?: 'http' | 'https'
  /** The Origin field. Default: none, as for a client that is not a browser. */
  readonly origin?: string
  /** In order of preference. Default none. */
  readonly subprotocols?: readonly string[]
  /** Default false. */
  readonly deflate?: boolean | DeflateOptions
  /** Other extensions, after permessage-deflate, in order of preference. Default none. */
  readonly extensions?: readonly WebSocketExtension[]
  /** Further fields, flat. */
  readonly headers?: FieldList
}

const REQUEST_OPTIONS: ReadonlySet<string> = new Set([
  ...['authority', 'path', 'scheme', 'origin', 'subprotocols', 'deflate', 'extensions', 'headers'],
])
const ACCEPT_OPTIONS: ReadonlySet<string> = new Set(['subprotocol', 'deflate', 'extensions', 'headers'])

/** What was offered, for `readConnectResponse`. */
export interface ConnectOffer {
  readonly subprotocols: readonly string[]
  readonly extensions: readonly WebSocketExtension[]
}

/**
 * Client: the header section of the request. Send it without END_STREAM, and only to a server that has announced
 * SETTINGS_ENABLE_CONNECT_PROTOCOL.
 * @throws {LocalProtocolError} when something in it cannot be sent.
 */
export function connectRequest(request: ConnectRequest): { section: string[]; offer: ConnectOffer } {
  checkNames(request, REQUEST_OPTIONS)
  const { path = '/', scheme = 'https', origin, subprotocols = [] } = request
  const extensions = extensionsOf('client', request.deflate, request.extensions)
  const section = [':method', 'CONNECT', ':protocol', 'websocket', ':scheme', scheme]
  section.push(':path', checkValue('path', path), ':authority', checkValue('authority', request.authority))
  section.push('sec-websocket-version', VERSION)
  if (origin !== undefined) section.push('origin', checkValue('origin', origin))
  section.push(...offerFields(subprotocols, extensions), ...ownFields(request.headers))
  return { section, offer: { subprotocols, extensions } }
}

/** Client: what the response means. Any 2xx accepts. */
export function readConnectResponse(
  offer: ConnectOffer,
  status: number,
  headers: FieldList,
): AcceptEvent | RejectEvent | ErrorEvent {
  if (status < 200 || status > 299) return { type: 'reject', status, headers, hasBody: true }
  return orError(() => ({
    type: 'accept',
    agreement: readAgreement(headers, offer.subprotocols, offer.extensions),
    headers,
  }))
}

/** Server: what a request means; for an error answer with its `status`. */
export function readConnectRequest(head: RequestHead): RequestEvent | ErrorEvent {
  return orError(() => {
    if (head.method !== 'CONNECT' || head.protocol !== 'websocket')
      throw handshakeError('it is no request for one', 501)
    if (head.authority === undefined || head.path === undefined) throw handshakeError(':authority or :path is missing')
    return readRequest(head.authority, head.path, head.fields)
  })
}

/**
 * Server: the header section that accepts, to be sent without END_STREAM, and the agreement for WSConnection.
 * @throws {LocalProtocolError} when something in it cannot be sent, or was not asked for.
 */
export function acceptConnect(
  request: RequestEvent,
  options: {
    subprotocol?: string
    deflate?: boolean | DeflateOptions
    extensions?: readonly WebSocketExtension[]
    headers?: FieldList
  } = {},
): { section: string[]; agreement: Agreement } {
  checkNames(options, ACCEPT_OPTIONS)
  const { agreement, fields } = agree(
    request,
    options.subprotocol,
    extensionsOf('server', options.deflate, options.extensions),
  )
  return { section: [':status', '200', ...fields, ...ownFields(options.headers)], agreement }
}

/**
 * Server: the header section that rejects; the body, if any, is the caller's to send.
 * @param status 300 to 599.
 * @throws {LocalProtocolError} when something in it cannot be sent.
 */
export function rejectConnect(status: number, headers?: FieldList): string[] {
  if (!Number.isInteger(status) || status < 300 || status > 599) {
    throw new LocalProtocolError(`The status ${status} cannot reject a handshake`)
  }
  return [':status', String(status), ...ownFields(headers, 'content-length')]
}

function orError<T>(read: () => T): T | ErrorEvent {
  try {
    return read()
  } catch (error) {
    if (error instanceof RemoteProtocolError) return { type: 'error', error }
    throw error
  }
}
