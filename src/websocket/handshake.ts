/**
 * What the two handshakes have in common: the fields `sec-websocket-*`, read and written (RFC 6455 sections 4.1, 4.2 and
 * 11.3, RFC 8441 section 5).
 */
import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { FieldList } from '../headers/fields.ts'
import { isFieldValue, isToken } from '../headers/names.ts'
import type { Agreement } from './agreement.ts'
import { CloseCode } from './codes.ts'
import { LocalProtocolError, RemoteProtocolError } from './errors.ts'
import type { RequestEvent } from './events.ts'
import {
  acceptExtensions,
  confirmExtensions,
  offerExtensions,
  parseExtensions,
  type WebSocketExtension,
} from './extension.ts'
import { agreementOf } from './permessage-deflate.ts'

/** RFC 6455 section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/** The one version there is (section 4.1). */
export const VERSION = '13'

/** What the caller's own fields may not be: the handshake writes them, or they would frame the message anew. */
const RESERVED = new Set(['host', 'connection', 'upgrade', 'origin', 'transfer-encoding', 'content-length'])

/** Sec-WebSocket-Accept for a key (section 4.2.2). */
export function acceptValue(key: string): string {
  return createHash('sha1').update(`${key}${GUID}`).digest('base64')
}

/** The same octets, for the HTTP/1.1 codec. */
export function asBuffer(octets: Uint8Array): Buffer {
  return Buffer.from(octets.buffer, octets.byteOffset, octets.length)
}

/** All values of a field, joined as one list; undefined when there is none. */
export function joined(fields: FieldList, name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) value = value === undefined ? fields[i + 1] : `${value}, ${fields[i + 1]}`
  }
  return value
}

/**
 * The value of a field that may come once.
 * @throws {RemoteProtocolError} when it comes more often.
 */
export function single(fields: FieldList, name: string): string | undefined {
  let value: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] !== name) continue
    if (value !== undefined) throw handshakeError(`${name} comes twice`)
    value = fields[i + 1]
  }
  return value
}

/** Does a list of tokens have this one, in whatever case? */
export function hasToken(fields: FieldList, name: string, token: string): boolean {
  const value = joined(fields, name)
  return value?.split(',').some((part) => part.trim().toLowerCase() === token) ?? false
}

/** @param status what a server answers. */
export function handshakeError(why: string, status = 400): RemoteProtocolError {
  return new RemoteProtocolError(`The handshake failed: ${why}`, CloseCode.PROTOCOL_ERROR, status)
}

/**
 * The server's view of a request whose form was checked.
 * @throws {RemoteProtocolError} with status 426 for another version, 400 for malformed fields.
 */
export function readRequest(host: string, target: string, headers: FieldList): RequestEvent {
  if (single(headers, 'sec-websocket-version') !== VERSION) {
    throw handshakeError('the client does not speak version 13', 426)
  }
  const protocols = joined(headers, 'sec-websocket-protocol')
  const subprotocols = protocols?.split(',').map((part) => part.trim()) ?? []
  if (!subprotocols.every(isToken) || new Set(subprotocols).size < subprotocols.length) {
    throw handshakeError('sec-websocket-protocol is malformed')
  }
  const extensions = joined(headers, 'sec-websocket-extensions') ?? ''
  parseExtensions(extensions)
  return { type: 'request', host, target, origin: single(headers, 'origin'), subprotocols, extensions, headers }
}

/**
 * The client's view of an answer that accepts.
 * @throws {RemoteProtocolError} when it agrees to what was not offered.
 */
export function readAgreement(
  headers: FieldList,
  offered: readonly string[],
  extensions: readonly WebSocketExtension[],
): Agreement {
  const subprotocol = single(headers, 'sec-websocket-protocol')
  if (subprotocol !== undefined && !offered.includes(subprotocol)) {
    throw handshakeError('the server chose a subprotocol that was not offered')
  }
  return agreementOf(subprotocol, confirmExtensions(joined(headers, 'sec-websocket-extensions') ?? '', extensions))
}

/**
 * The client's offers as fields.
 * @throws {LocalProtocolError} when a subprotocol is no token, or comes twice, or an extension's offer is malformed.
 */
export function offerFields(subprotocols: readonly string[], extensions: readonly WebSocketExtension[]): string[] {
  if (!subprotocols.every(isToken) || new Set(subprotocols).size < subprotocols.length) {
    throw new LocalProtocolError('Subprotocols must be tokens, each once')
  }
  const fields: string[] = []
  if (subprotocols.length > 0) fields.push('sec-websocket-protocol', subprotocols.join(', '))
  if (extensions.length > 0) fields.push('sec-websocket-extensions', offerExtensions(extensions))
  return fields
}

/**
 * The server's choice, and the fields that tell it.
 * @throws {LocalProtocolError} when the subprotocol was not asked for.
 */
export function agree(
  request: RequestEvent,
  subprotocol: string | undefined,
  extensions: readonly WebSocketExtension[],
): { agreement: Agreement; fields: string[] } {
  if (subprotocol !== undefined && !request.subprotocols.includes(subprotocol)) {
    throw new LocalProtocolError(`The client did not ask for the subprotocol ${JSON.stringify(subprotocol)}`)
  }
  const { active, field } = acceptExtensions(request.extensions, extensions)
  const fields: string[] = []
  if (subprotocol !== undefined) fields.push('sec-websocket-protocol', subprotocol)
  if (active.length > 0) fields.push('sec-websocket-extensions', field)
  return { agreement: agreementOf(subprotocol, active), fields }
}

/**
 * The caller's own fields, names in lower case.
 * @param allowed names that may be given although the handshake writes them otherwise.
 * @throws {LocalProtocolError} when a name or value cannot be sent, or is the handshake's.
 */
export function ownFields(fields: FieldList | undefined, allowed = ''): string[] {
  const own: string[] = []
  if (fields === undefined) return own
  if (fields.length % 2 !== 0) throw new LocalProtocolError('A flat header list has an even number of elements')
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i].toLowerCase()
    const value = fields[i + 1]
    if (!isToken(name)) throw new LocalProtocolError(`Invalid header name: ${JSON.stringify(name)}`)
    if (!isFieldValue(value) || value !== value.trim()) {
      throw new LocalProtocolError(`Invalid value of header ${JSON.stringify(name)}`)
    }
    if (name !== allowed && (RESERVED.has(name) || name.startsWith('sec-websocket-'))) {
      throw new LocalProtocolError(`The header ${JSON.stringify(name)} belongs to the handshake`)
    }
    own.push(name, value)
  }
  return own
}

/** @throws {LocalProtocolError} when a value that becomes a field of its own cannot be sent. */
export function checkValue(name: string, value: string): string {
  if (value === '' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new LocalProtocolError(`Invalid ${name}: ${JSON.stringify(value)}`)
  }
  return value
}
