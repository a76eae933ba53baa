/** The server's end of the upgrade from HTTP/1.1 (RFC 6455 section 4.2). */
import { Buffer } from 'node:buffer'
import type { Agreement, DeflateSettings } from './agreement.ts'
import { LocalProtocolError, type RemoteProtocolError } from './errors.ts'
import type { Accept, Reject, RejectData, RequestEvent, WebSocketEvent, WebSocketMessage } from './events.ts'
import {
  acceptValue,
  agree,
  handshakeError,
  hasToken,
  joined,
  ownFields,
  readRequest,
  single,
  VERSION,
} from './handshake.ts'
import { HeadReader, parseFields, parseRequestLine, writeHead } from './http1.ts'

/** 16 octets in base64 (section 4.1). */
const KEY = /^[A-Za-z\d+/]{21}[AQgw]==$/

const EMPTY = new Uint8Array(0)

export class ServerHandshake {
  /** Set when the request has been accepted. */
  agreement: Agreement | null = null
  /** Has the request been rejected, and all of it said? */
  finished = false
  private readonly deflate: DeflateSettings | null
  private readonly emit: (event: WebSocketEvent) => void
  private readonly head: HeadReader
  private request: RequestEvent | null = null
  private key = ''
  private rejecting = false
  /** Octets of the body still to send when content-length announced them; -1 when it goes in chunks. */
  private remaining = -1

  constructor(deflate: DeflateSettings | null, maxSize: number, emit: (event: WebSocketEvent) => void) {
    this.deflate = deflate
    this.emit = emit
    this.head = new HeadReader(maxSize)
  }

  /** @throws {LocalProtocolError} when there is no request to answer so. */
  send(message: WebSocketMessage): Uint8Array {
    const { request } = this
    if (this.rejecting && message.type === 'rejectData') return this.rejectData(message)
    if (request !== null && !this.rejecting) {
      if (message.type === 'accept') return this.accept(request, message)
      if (message.type === 'reject') return this.reject(message)
    }
    throw new LocalProtocolError(`A server cannot send ${message.type} now`)
  }

  /**
   * Reads the request; where it ended.
   * @throws {RemoteProtocolError} with the status to answer.
   */
  read(octets: Uint8Array): number {
    if (this.rejecting || octets.length === 0) return octets.length
    if (this.request !== null) throw handshakeError('the client did not wait for the answer')
    const head = this.head.read(octets, 0)
    if (head === null) return octets.length
    this.take(head.lines)
    if (head.end < octets.length) throw handshakeError('the client did not wait for the answer')
    return octets.length
  }

  /** The transport has ended. */
  end(): void {
    throw handshakeError('the client closed the connection')
  }

  /** The answer to a request that failed; empty when another was begun. */
  refuse(error: RemoteProtocolError): Uint8Array {
    if (this.rejecting) return EMPTY
    const fields = ['connection', 'close', 'content-length', '0']
    if (error.status === 426) fields.push('upgrade', 'websocket', 'sec-websocket-version', VERSION)
    return writeHead(`HTTP/1.1 ${error.status} `, fields)
  }

  private take(lines: readonly string[]): void {
    const { method, target } = parseRequestLine(lines[0])
    const headers = parseFields(lines)
    if (method !== 'GET') throw handshakeError('the method is not GET')
    const host = single(headers, 'host')
    if (host === undefined) throw handshakeError('host is missing')
    // Whoever reads a body here and whoever does not would see two different requests behind it.
    if (single(headers, 'content-length') !== undefined || single(headers, 'transfer-encoding') !== undefined) {
      throw handshakeError('the request has a body')
    }
    if (!hasToken(headers, 'upgrade', 'websocket')) throw handshakeError('it does not ask for websocket', 426)
    if (!hasToken(headers, 'connection', 'upgrade')) throw handshakeError('it does not ask to upgrade the connection')
    const key = single(headers, 'sec-websocket-key')
    if (key === undefined || !KEY.test(key)) throw handshakeError('sec-websocket-key is malformed')
    const request = readRequest(host, target, headers)
    this.request = request
    this.key = key
    this.emit(request)
  }

  private accept(request: RequestEvent, message: Accept): Uint8Array {
    const { agreement, fields } = agree(request, message.subprotocol, this.deflate)
    const own = ownFields(message.headers)
    const head = ['upgrade', 'websocket', 'connection', 'Upgrade', 'sec-websocket-accept', acceptValue(this.key)]
    this.agreement = agreement
    return writeHead('HTTP/1.1 101 Switching Protocols', [...head, ...fields, ...own])
  }

  private reject(message: Reject): Uint8Array {
    const { status = 400, hasBody = false } = message
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new LocalProtocolError(`The status ${status} does not reject`)
    }
    const bodiless = status === 204 || status === 304
    if (bodiless && hasBody) throw new LocalProtocolError(`A response with status ${status} has no body`)
    const fields = ['connection', 'close', ...ownFields(message.headers, 'content-length')]
    const length = joined(fields, 'content-length')
    if (length !== undefined && !/^\d{1,15}$/.test(length)) throw new LocalProtocolError('Invalid content-length')
    const remaining = length === undefined ? -1 : Number(length)
    if (!hasBody && remaining > 0) throw new LocalProtocolError('A content-length needs a body')
    if (length === undefined && hasBody) fields.push('transfer-encoding', 'chunked')
    if (length === undefined && !hasBody && !bodiless) fields.push('content-length', '0')
    this.rejecting = true
    this.remaining = remaining
    this.finished = !hasBody
    return writeHead(`HTTP/1.1 ${status} `, fields)
  }

  private rejectData(message: RejectData): Uint8Array {
    const { data, bodyFinished = true } = message
    const { length } = data
    if (this.remaining >= 0) {
      if (length > this.remaining || (bodyFinished && length < this.remaining)) {
        throw new LocalProtocolError('The body differs from its content-length')
      }
      this.remaining -= length
      this.finished = bodyFinished
      return data
    }
    this.finished = bodyFinished
    const chunk = length === 0 ? '' : `${length.toString(16)}\r\n`
    const end = `${length === 0 ? '' : '\r\n'}${bodyFinished ? '0\r\n\r\n' : ''}`
    return Buffer.concat([Buffer.from(chunk), data, Buffer.from(end)])
  }
}
